import "./tl-player.js";
import { html, type PropertyValues } from "lit";
import { property, state } from "lit/decorators.js";
import { api, type JoinResponse } from "./api.js";
import { PageElement } from "./page.js";
import { ApiProblem, sentenceOf } from "./problem.js";

/** What viewers see of one's own broadcast, once it is asked for. The owner is not counted. */
export class Preview extends PageElement {
  @property() broadcast = "";
  /** The encoder is away. */
  @property({ type: Boolean }) halted = false;
  @state() private joined: JoinResponse | undefined;
  @state() private isOpen = false;
  @state() private trouble = "";
  private heart: ReturnType<typeof setInterval> | undefined;

  override connectedCallback(): void {
    super.connectedCallback();
    addEventListener("pagehide", this.end);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    removeEventListener("pagehide", this.end);
    this.end();
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has("broadcast")) this.end();
  }

  protected override render() {
    const address = this.joined?.playback.hls_url;
    return html`<section class="panel" aria-labelledby="preview">
      <div class="panel-head">
        <h2 id="preview">Preview</h2>
        <button class="button" type="button" @click=${() => (this.isOpen ? this.end() : this.begin())}>
          ${this.isOpen ? "Close preview" : "Open preview"}
        </button>
      </div>
      ${this.isOpen && address
        ? html`<div class="stage"><tl-player src=${address} ?halted=${this.halted} label="Preview"></tl-player></div>`
        : html`<p class="muted">${this.trouble || (this.isOpen ? "There is nothing to preview at the moment." : "See what your viewers see. Your own preview is not counted.")}</p>`}
    </section>`;
  }

  private async begin(): Promise<void> {
    this.isOpen = true;
    this.trouble = "";
    const { broadcast } = this;
    try {
      const joined = await api.join(broadcast);
      if (!this.isOpen || broadcast !== this.broadcast) return api.leave(broadcast, joined.viewer_token);
      this.joined = joined;
      this.heart = setInterval(() => this.beat(), joined.heartbeat_interval * 1000);
    } catch (error) {
      this.trouble = sentenceOf(error);
      this.isOpen = false;
    }
  }

  private beat(): void {
    if (!this.joined) return;
    void api.heartbeat(this.joined.session.id, this.joined.viewer_token).catch((error: unknown) => {
      if (error instanceof ApiProblem && error.status === 410) this.end();
    });
  }

  private readonly end = (): void => {
    clearInterval(this.heart);
    if (this.joined) api.leave(this.joined.session.id, this.joined.viewer_token);
    this.joined = undefined;
    this.isOpen = false;
  };
}

customElements.define("tl-preview", Preview);
