import { html, nothing } from "lit";
import { property, state } from "lit/decorators.js";
import { icons } from "./icons.js";
import { PageElement, copyText } from "./page.js";

/** A button that copies `text` and says that it did. */
export class CopyButton extends PageElement {
  @property() text = "";
  @property() label = "Copy";
  /** Shows the icon alone; the label is still read out. */
  @property({ type: Boolean }) compact = false;
  @state() private said: "" | "Copied" | "Not copied" = "";

  protected override render() {
    return html`<button
        class=${this.compact ? "icon-button" : "button"}
        type="button"
        title=${this.label}
        aria-label=${this.compact ? this.label : nothing}
        @click=${this.copy}
      >
        ${this.said === "Copied" ? icons.check : icons.copy}${this.compact ? "" : html`<span>${this.said || this.label}</span>`}</button
      ><span class="visually-hidden" role="status">${this.said}</span>`;
  }

  private readonly copy = async (): Promise<void> => {
    this.said = (await copyText(this.text)) ? "Copied" : "Not copied";
    setTimeout(() => (this.said = ""), 2000);
  };
}

customElements.define("tl-copy", CopyButton);
