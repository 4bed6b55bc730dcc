import { html, nothing } from "lit";
import { state } from "lit/decorators.js";
import { account, type SignIn } from "./account-api.js";
import { logout } from "./auth.js";
import { confirmed } from "./confirm.js";
import { deviceOf, fromNow } from "./device.js";
import { icons } from "./icons.js";
import { PageElement } from "./page.js";
import { sentenceOf } from "./problem.js";

/** Where one is signed in, and the way to end each. */
export class SignIns extends PageElement {
  @state() private signIns: SignIn[] | undefined;
  @state() private trouble = "";
  @state() private ending = "";

  override connectedCallback(): void {
    super.connectedCallback();
    addEventListener("sign-ins", this.load);
    void this.load();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    removeEventListener("sign-ins", this.load);
  }

  protected override render() {
    const others = this.signIns?.filter(({ current }) => !current) ?? [];
    return html`
      ${this.trouble ? html`<p class="form-error" role="alert">${this.trouble}</p>` : nothing}
      ${this.signIns ? html`<ul class="rows">${this.signIns.map((signIn) => this.row(signIn))}</ul>` : this.trouble ? nothing : html`<div class="skeleton" aria-hidden="true"><i></i></div>`}
      ${others.length > 1 ? html`<div class="row"><button class="button" type="button" @click=${this.endOthers}>Sign out everywhere else</button></div>` : nothing}
    `;
  }

  private row(signIn: SignIn) {
    const { id, user_agent, ip, used_at, created_at, current } = signIn;
    const device = deviceOf(user_agent);
    return html`<li class="row-item">
      <span class="row-icon" aria-hidden="true">${icons.device}</span>
      <span class="row-words" title=${user_agent ?? nothing}>
        <b>${device}${current ? html` <span class="tag strong">This one</span>` : nothing}</b>
        <span>${ip ? `${ip} · ` : ""}${current ? "in use" : `last used ${fromNow(used_at)}`} · since ${new Date(created_at).toLocaleDateString([], { dateStyle: "medium" })}</span>
      </span>
      <button class="button" type="button" aria-label="Sign out ${current ? "here" : device}" ?disabled=${this.ending === id} @click=${() => this.end(signIn)}>Sign out</button>
    </li>`;
  }

  private readonly load = async (): Promise<void> => {
    await this.attempt(async () => {
      this.signIns = (await account.signIns()).items;
    });
  };

  private async end({ id, current }: SignIn): Promise<void> {
    this.ending = id;
    await this.attempt(async () => {
      if (current) return logout();
      await account.endSignIn(id);
      this.signIns = this.signIns?.filter((signIn) => signIn.id !== id);
    });
    this.ending = "";
  }

  private readonly endOthers = async (): Promise<void> => {
    const text = "Every other browser and program has to sign in again. API keys stay.";
    if (!(await confirmed({ title: "Sign out everywhere else?", text, action: "Sign out" }))) return;
    await this.attempt(() => account.endOtherSignIns());
    await this.load();
  };

  private async attempt(work: () => Promise<void>): Promise<void> {
    try {
      this.trouble = "";
      await work();
    } catch (error) {
      this.trouble = sentenceOf(error);
    }
  }
}

customElements.define("tl-sign-ins", SignIns);
