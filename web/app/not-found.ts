import "../styles/app.css";
import "./tl-header.js";
import { html } from "lit";
import { mark } from "./icons.js";
import { PageElement } from "./page.js";

/** The page for an address where nothing is. */
export class NotFound extends PageElement {
  protected override render() {
    return html`
      <tl-header></tl-header>
      <main id="main" class="lost">
        <div class="blank">
          ${mark}
          <p class="lost-code">404</p>
          <h1>Nothing is on this channel</h1>
          <p>The page is not here, or no longer.</p>
          <a class="button primary" href="/">See who is live</a>
        </div>
      </main>
    `;
  }
}

customElements.define("tl-not-found", NotFound);
