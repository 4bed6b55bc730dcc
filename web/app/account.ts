import "../styles/app.css";
import "../styles/studio.css";
import "../styles/account.css";
import "./tl-account-form.js";
import "./tl-api-keys.js";
import "./tl-email-form.js";
import "./tl-farewell.js";
import "./tl-header.js";
import "./tl-password-form.js";
import "./tl-profile-form.js";
import "./tl-sign-ins.js";
import { html, nothing, type TemplateResult } from "lit";
import { state } from "lit/decorators.js";
import { account, type Account } from "./account-api.js";
import { currentUser, onAuthChange, renamed, whySignedOut } from "./auth.js";
import { icons, mark } from "./icons.js";
import { PageElement } from "./page.js";
import { sentenceOf } from "./problem.js";

const PARTS: [id: string, title: string, icon: TemplateResult][] = [
  ["profile", "Profile", icons.person],
  ["credentials", "E-mail and password", icons.lock],
  ["devices", "Where you are signed in", icons.device],
  ["keys", "API keys", icons.key],
  ["data", "Your data", icons.shield],
];

/** `/account`: who one is, how one signs in and where, the keys of one's programs, and what is kept. */
export class AccountPage extends PageElement {
  @state() private user = currentUser();
  @state() private account: Account | undefined;
  @state() private trouble = "";
  private silence: (() => void) | undefined;

  override connectedCallback(): void {
    super.connectedCallback();
    this.silence = onAuthChange(this.whoChanged);
    if (this.user) void this.load();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.silence?.();
  }

  protected override render() {
    return html`
      <tl-header here="account"></tl-header>
      <main id="main" class=${this.user ? "account-page" : "door"}>${this.user ? this.room() : this.door()}</main>
    `;
  }

  private door() {
    const reason = whySignedOut();
    return html`<div class="door-panel panel">
      ${mark}
      <h1>Your account</h1>
      ${reason ? html`<p class="form-error" role="status">${reason}</p>` : html`<p class="muted">Sign in to see and change it.</p>`}
      <tl-account-form></tl-account-form>
    </div>`;
  }

  private room() {
    return html`
      <nav class="account-nav" aria-label="Account">
        <ul>
          ${PARTS.map(([id, title, icon]) => html`<li><a href="#${id}">${icon}${title}</a></li>`)}
        </ul>
      </nav>
      <div class="stack" @account=${this.changed}>
        <h1>Account</h1>
        ${this.trouble ? html`<p class="form-error" role="alert">${this.trouble} <button class="link" type="button" @click=${() => this.load()}>Try again</button></p>` : nothing}
        ${this.account ? this.parts(this.account) : this.trouble ? nothing : this.loading()}
      </div>
    `;
  }

  private parts(account: Account) {
    const contents = [
      html`<tl-profile-form .account=${account}></tl-profile-form>`,
      html`<div class="columns"><tl-email-form .account=${account}></tl-email-form><tl-password-form .account=${account}></tl-password-form></div>`,
      html`<tl-sign-ins></tl-sign-ins>`,
      html`<tl-api-keys .account=${account}></tl-api-keys>`,
      html`<tl-farewell .account=${account}></tl-farewell>`,
    ];
    return PARTS.map(([id, title], index) => html`<section class="panel stack" id=${id} aria-labelledby="${id}-title"><h2 id="${id}-title">${title}</h2>${contents[index]}</section>`);
  }

  private loading() {
    return html`<div class="panel loading"><div class="spinner" role="status"><span class="visually-hidden">Loading</span></div></div>`;
  }

  private async load(): Promise<void> {
    this.trouble = "";
    try {
      this.account = await account.read();
      await this.updateComplete;
      // The browser looked for it before it was there.
      if (location.hash) this.querySelector(location.hash)?.scrollIntoView();
    } catch (error) {
      this.trouble = sentenceOf(error);
    }
  }

  private readonly changed = ({ detail }: CustomEvent<Account>): void => {
    this.account = { ...this.account, ...detail };
    renamed(detail);
  };

  private readonly whoChanged = (): void => {
    const user = currentUser();
    const isOther = user?.id !== this.user?.id;
    this.user = user;
    if (!isOther) return;
    this.account = undefined;
    if (user) void this.load();
  };
}

customElements.define("tl-account", AccountPage);
