import "../styles/app.css";
import "../styles/studio.css";
import "./tl-forgot-form.js";
import "./tl-header.js";
import { html } from "lit";
import { state } from "lit/decorators.js";
import { mark } from "./icons.js";
import { PageElement } from "./page.js";

/** `/forgot`: asks for a link to choose a new password by. What it says does not tell whether there is such an account. */
export class Forgot extends PageElement {
  @state() private asked = "";

  protected override render() {
    return html`
      <tl-header here="forgot"></tl-header>
      <main id="main" class="door"><div class="door-panel panel">${mark}${this.asked ? this.sent() : this.form()}</div></main>
    `;
  }

  private form() {
    return html`
      <h1>Forgot your password?</h1>
      <p class="muted">Say who you are, and a link to choose a new one comes by e-mail.</p>
      <tl-forgot-form @asked=${({ detail }: CustomEvent<string>) => (this.asked = detail)}></tl-forgot-form>
      <p class="aside"><a class="link" href="/studio">Back to signing in</a></p>
    `;
  }

  private sent() {
    return html`
      <h1>Look into your mail</h1>
      <p class="muted" role="status">
        If there is an account for <b>${this.asked}</b>, a link is on its way to its e-mail address. It is good once, and not for long.
      </p>
      <p class="muted">Nothing there? Look among the junk, or try your other address.</p>
      <div class="row">
        <button class="button" type="button" @click=${() => (this.asked = "")}>Ask again</button>
      </div>
    `;
  }
}

customElements.define("tl-forgot", Forgot);
