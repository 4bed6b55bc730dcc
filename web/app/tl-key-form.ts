import { html, nothing } from "lit";
import { property } from "lit/decorators.js";
import { account, type Account } from "./account-api.js";
import { FormElement } from "./form-element.js";
import { scopesOf } from "./scopes.js";

const DAY = 86_400;
const LIVES: [seconds: number, label: string][] = [
  [30 * DAY, "30 days"],
  [90 * DAY, "90 days"],
  [365 * DAY, "1 year"],
  [0, "No end"],
];

/**
 * A new API key: its name, what it may do, and for how long.
 *
 * @fires made - `detail` is the key, shown this once.
 * @fires cancel
 */
export class KeyForm extends FormElement {
  @property({ attribute: false }) account!: Account;
  protected readonly fields = ["name", "scopes", "expires_in"];

  protected override render() {
    return html`<div class="key-form">
      ${this.form(
        html`<div class="columns">
            ${this.input("name", "Name", { maxlength: 64, hint: "What uses it, so that you know later." })}
            <div class="field">
              <label for="key-life">Good for</label>
              <select id="key-life" name="expires_in">
                ${LIVES.map(([seconds, label], index) => html`<option value=${seconds} ?selected=${index === 1}>${label}</option>`)}
              </select>
            </div>
          </div>
          ${this.scopes()}`,
        "Make the key",
        { beside: html`<button class="button" type="button" @click=${() => this.dispatchEvent(new CustomEvent("cancel"))}>Cancel</button>` },
      )}
    </div>`;
  }

  private scopes() {
    const error = this.errors.fields.get("scopes");
    return html`<fieldset class="field ${error ? "wrong" : ""}" aria-describedby="scopes-note">
      <legend>What it may do</legend>
      <div class="checks">
        ${scopesOf(this.account).map(
          ([name, means]) => html`<label class="check"><input type="checkbox" name="scopes" value=${name} aria-invalid=${error ? "true" : "false"} /><span><code>${name}</code><small>${means}</small></span></label>`,
        )}
      </div>
      <p class="note" id="scopes-note">${error ?? nothing}</p>
    </fieldset>`;
  }

  protected override async send({ name = "", expires_in }: Record<string, string>): Promise<string> {
    const scopes = [...this.querySelectorAll<HTMLInputElement>("[name=scopes]:checked")].map(({ value }) => value);
    if (scopes.length === 0) return this.refuse({ scopes: "Choose at least one." });
    const seconds = Number(expires_in);
    const detail = await account.makeKey({ name: name.trim(), scopes, ...(seconds > 0 && { expires_in: seconds }) });
    this.dispatchEvent(new CustomEvent("made", { detail }));
    return "";
  }
}

customElements.define("tl-key-form", KeyForm);
