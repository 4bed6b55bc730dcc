import { html, nothing } from "lit";
import { property, state } from "lit/decorators.js";
import { account, type Account } from "./account-api.js";
import { confirmed } from "./confirm.js";
import { aboutPassword } from "./credentials.js";
import { FormElement } from "./form-element.js";
import { icons } from "./icons.js";
import { sentenceOf } from "./problem.js";

/** Takes along everything that is kept about oneself, or has it deleted. */
export class Farewell extends FormElement {
  @property({ attribute: false }) account!: Account;
  @state() private isFetching = false;
  @state() private trouble = "";
  protected readonly fields = ["password"];

  protected override render() {
    return html`
      <div class="split">
        <p class="muted">Everything that is kept about you, as one JSON file.</p>
        <button class="button" type="button" ?disabled=${this.isFetching} @click=${this.export}>${this.isFetching ? html`<span class="spinner small"></span>` : icons.save}Export</button>
      </div>
      ${this.trouble ? html`<p class="form-error" role="alert">${this.trouble}</p>` : nothing}
      <details class="grave">
        <summary>Delete the account</summary>
        <p class="muted">Your broadcasts end, your keys stop working, and your name goes from everything you did and wrote. Nobody can bring it back.</p>
        ${this.form(this.input("password", "Your password", { type: "password", autocomplete: "current-password" }), "Delete my account", { look: "danger" })}
      </details>
    `;
  }

  protected override async send({ password = "" }: Record<string, string>): Promise<string> {
    const text = `Everything of ${this.account.username} is deleted at once, and for good.`;
    if (!(await confirmed({ title: "Delete your account?", text, action: "Delete it", grave: true }))) return "";
    try {
      await account.erase(password);
    } catch (error) {
      throw aboutPassword(error, "password");
    }
    return "";
  }

  private readonly export = async (): Promise<void> => {
    this.isFetching = true;
    this.trouble = "";
    try {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(await account.export());
      link.download = `tallylight-${this.account.username}.json`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    } catch (error) {
      this.trouble = sentenceOf(error);
    } finally {
      this.isFetching = false;
    }
  };
}

customElements.define("tl-farewell", Farewell);
