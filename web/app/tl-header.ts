import "./tl-account-menu.js";
import "./theme.js";
import { html, nothing } from "lit";
import { property } from "lit/decorators.js";
import { currentUser, onAuthChange } from "./auth.js";
import { icons, mark } from "./icons.js";
import { PageElement } from "./page.js";
import { currentTheme, toggleTheme } from "./theme.js";

/** The bar at the top of every page: the way home, the way on air, who is signed in. */
export class Header extends PageElement {
  @property() here = "";
  /** Search lives in the header of the home page only. */
  @property({ attribute: false }) search: unknown = nothing;

  private silence: (() => void) | undefined;

  override connectedCallback(): void {
    super.connectedCallback();
    this.silence = onAuthChange(() => this.requestUpdate());
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.silence?.();
  }

  protected override render() {
    const user = currentUser();
    return html`
      <a class="skip" href="#main">Skip to the content</a>
      <header class="bar">
        <a class="brand" href="/" aria-current=${this.here === "home" ? "page" : nothing}>${mark}<span>Tallylight</span></a>
        <div class="bar-middle">${this.search}</div>
        <nav class="bar-end" aria-label="Main">
          ${this.themeToggle()}
          ${this.wayOnAir()}${user ? html`<tl-account-menu .user=${user}></tl-account-menu>` : nothing}
        </nav>
      </header>
    `;
  }

  private themeToggle() {
    const other = currentTheme() === "dark" ? "light" : "dark";
    const change = () => {
      toggleTheme();
      this.requestUpdate();
    };
    return html`<button class="icon-button" type="button" aria-label="Use the ${other} theme" title="Use the ${other} theme" @click=${change}>
      ${other === "light" ? icons.sun : icons.moon}
    </button>`;
  }

  private wayOnAir() {
    if (this.here === "studio") return nothing;
    return html`<a class="button primary" href="/studio"><i class="dot"></i>${currentUser() ? "Studio" : "Go live"}</a>`;
  }
}

customElements.define("tl-header", Header);
