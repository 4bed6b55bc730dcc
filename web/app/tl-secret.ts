import "./tl-copy.js";
import { html, nothing } from "lit";
import { property, state } from "lit/decorators.js";
import { icons } from "./icons.js";
import { PageElement } from "./page.js";

/** A value to copy; a secret one stays hidden until it is asked for, and can be copied unseen. */
export class Secret extends PageElement {
  @property() value = "";
  @property() label = "";
  @property({ type: Boolean }) secret = false;
  @state() private shown = false;

  protected override render() {
    const hidden = this.secret && !this.shown;
    const what = this.label.toLowerCase();
    return html`<div class="secret">
      <span class="secret-label">${this.label}</span>
      <code class=${hidden ? "hidden-value" : ""}>${hidden ? "•".repeat(20) : this.value}</code>
      ${this.secret
        ? html`<button class="icon-button" type="button" aria-label="${this.shown ? "Hide" : "Show"} the ${what}" aria-pressed=${this.shown} @click=${() => (this.shown = !this.shown)}>
            ${this.shown ? icons.hide : icons.eye}
          </button>`
        : nothing}
      <tl-copy compact .text=${this.value} label="Copy the ${what}"></tl-copy>
    </div>`;
  }
}

customElements.define("tl-secret", Secret);
