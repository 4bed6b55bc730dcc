import { html, nothing } from "lit";
import { property, state } from "lit/decorators.js";
import { hueOf, initialOf } from "../elements/format.js";
import { logout, type User } from "./auth.js";
import { icons } from "./icons.js";
import { PageElement } from "./page.js";
import { sentenceOf } from "./problem.js";

/** Who is signed in, and what they can do about it. The browser opens and closes the menu. */
export class AccountMenu extends PageElement {
  @property({ attribute: false }) user!: User;
  @state() private trouble = "";
  @state() private busy = false;

  protected override render() {
    const { username, display_name } = this.user;
    const name = display_name || username;
    return html`
      <button class="account" type="button" popovertarget="account-menu" aria-label="Account: ${name}">
        <span class="avatar" data-hue=${hueOf(username)} aria-hidden="true">${initialOf(name)}</span><span class="account-name">${name}</span>
      </button>
      <div class="menu" id="account-menu" popover>
        <p class="menu-head"><b>${name}</b><span>${username}</span></p>
        <a href="/studio">${icons.camera}Studio</a>
        <a href="/account">${icons.person}Account</a>
        <button type="button" ?disabled=${this.busy} @click=${this.leave}>${icons.out}Sign out</button>
        ${this.trouble ? html`<p class="menu-trouble" role="alert">You are still signed in. ${this.trouble}</p>` : nothing}
      </div>
    `;
  }

  private readonly leave = async (): Promise<void> => {
    this.busy = true;
    this.trouble = "";
    try {
      await logout();
    } catch (error) {
      this.trouble = sentenceOf(error);
    } finally {
      this.busy = false;
    }
  };
}

customElements.define("tl-account-menu", AccountMenu);
