import "../styles/app.css";
import "../styles/studio.css";
import "./tl-account-form.js";
import "./tl-header.js";
import { html } from "lit";
import { mark } from "./icons.js";
import { PageElement } from "./page.js";

/** `/setup#token=…`: the first start prints this address, and whoever opens it becomes the administrator. */
export class Setup extends PageElement {
  private readonly token = new URLSearchParams(location.hash.slice(1)).get("token") ?? "";

  override connectedCallback(): void {
    super.connectedCallback();
    // The token is worth the whole server: it does not stay in the address bar or the history.
    if (this.token) history.replaceState(null, "", location.pathname);
  }

  protected override render() {
    return html`
      <tl-header here="setup"></tl-header>
      <main id="main" class="door"><div class="door-panel panel">${mark}${this.token ? this.form() : this.lost()}</div></main>
    `;
  }

  private form() {
    return html`
      <h1>Welcome to Tallylight</h1>
      <p class="muted">Create the administrator of this server. The link works once.</p>
      <tl-account-form mode="setup" .setupToken=${this.token} @signed-in=${() => location.assign("/studio")}></tl-account-form>
    `;
  }

  private lost() {
    return html`
      <h1>A set-up link is needed</h1>
      <p class="muted">The server prints it when it starts for the first time. It looks like this:</p>
      <p><code class="sample">${location.origin}/setup#token=…</code></p>
      <a class="button" href="/studio">Go to the studio</a>
    `;
  }
}

customElements.define("tl-setup", Setup);
