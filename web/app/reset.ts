import "../styles/app.css";
import "../styles/studio.css";
import "./tl-account-form.js";
import "./tl-header.js";
import "./tl-reset-form.js";
import { html } from "lit";
import { state } from "lit/decorators.js";
import { mark } from "./icons.js";
import { PageElement } from "./page.js";

/** `/reset#token=…`: where the link in the mail leads. */
export class Reset extends PageElement {
  private readonly token = new URLSearchParams(location.hash.slice(1)).get("token") ?? "";
  @state() private step: "choose" | "done" | "lost" = this.token ? "choose" : "lost";

  override connectedCallback(): void {
    super.connectedCallback();
    // The token is worth the account: it does not stay in the address bar or the history.
    if (this.token) history.replaceState(null, "", location.pathname);
  }

  protected override render() {
    return html`
      <tl-header here="reset"></tl-header>
      <main id="main" class="door"><div class="door-panel panel">${mark}${this[this.step]()}</div></main>
    `;
  }

  private choose() {
    return html`
      <h1>Choose a new password</h1>
      <p class="muted">Wherever you are signed in, you are signed out by it.</p>
      <tl-reset-form .token=${this.token} @chosen=${() => (this.step = "done")} @void=${() => (this.step = "lost")}></tl-reset-form>
    `;
  }

  private done() {
    return html`
      <h1>Your password is changed</h1>
      <p class="muted" role="status">Sign in with the new one.</p>
      <tl-account-form @signed-in=${() => location.assign("/studio")}></tl-account-form>
    `;
  }

  private lost() {
    return html`
      <h1>This link is of no use any more</h1>
      <p class="muted" role="status">A link to choose a new password is good once, and not for long.</p>
      <a class="button primary" href="/forgot">Ask for another</a>
    `;
  }
}

customElements.define("tl-reset", Reset);
