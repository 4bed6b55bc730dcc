import { html, nothing } from "lit";
import { property, state } from "lit/decorators.js";
import { formatCount } from "../elements/format.js";
import { REACTIONS, type Reaction } from "./api.js";
import type { ChatRoom } from "./chat-room.js";
import { PageElement } from "./page.js";

export const LOOKS: Record<Reaction, [emoji: string, label: string]> = {
  heart: ["❤️", "Heart"],
  like: ["👍", "Like"],
  laugh: ["😂", "Laugh"],
  wow: ["😮", "Wow"],
  clap: ["👏", "Clap"],
  party: ["🎉", "Party"],
  fire: ["🔥", "Fire"],
};

/** Reactions are counted for this long, in milliseconds. */
const LATELY = 30_000;
const MOST_COUNTED = 10_000;
const SLOW = 2000;

/** The reactions that one can give, each with how often it was given lately. */
export class Reactions extends PageElement {
  @property({ attribute: false }) room!: ChatRoom;
  @property({ type: Boolean }) disabled = false;
  @state() private isSlow = false;
  @state() private trouble = "";
  private given: { reaction: Reaction; at: number }[] = [];
  private clock: ReturnType<typeof setInterval> | undefined;

  override connectedCallback(): void {
    super.connectedCallback();
    this.room.addEventListener("reaction", this.reacted);
    this.clock = setInterval(this.forget, 1000);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.room.removeEventListener("reaction", this.reacted);
    clearInterval(this.clock);
  }

  protected override render() {
    const counts = new Map<Reaction, number>();
    for (const { reaction } of this.given) counts.set(reaction, (counts.get(reaction) ?? 0) + 1);
    return html`<div class="reactions" role="group" aria-label="React">
        ${REACTIONS.map((reaction) => this.button(reaction, counts.get(reaction) ?? 0))}
      </div>
      <p class="reaction-trouble" role="status">${this.trouble}</p>`;
  }

  private button(reaction: Reaction, count: number) {
    const [emoji, label] = LOOKS[reaction];
    return html`<button
      type="button"
      class="reaction ${count > 0 ? "warm" : ""}"
      aria-label=${label}
      title=${label}
      ?disabled=${this.disabled || this.isSlow}
      @click=${() => this.give(reaction)}
    >
      <span class="emoji" aria-hidden="true">${emoji}</span>
      ${count > 0 ? html`<span class="reaction-count" aria-hidden="true">${formatCount(count)}</span>` : nothing}
    </button>`;
  }

  private async give(reaction: Reaction): Promise<void> {
    const problem = await this.room.react(reaction);
    this.trouble = !problem ? "" : problem.status === 429 ? "A little slower, please." : problem.sentence;
    if (!problem) return;
    this.isSlow = true;
    setTimeout(() => {
      this.isSlow = false;
      this.trouble = "";
    }, problem.retryAfter ?? SLOW);
  }

  private readonly reacted = (event: Event): void => {
    const { detail: reaction } = event as CustomEvent<Reaction>;
    this.given = [...this.given, { reaction, at: Date.now() }].slice(-MOST_COUNTED);
    this.requestUpdate();
  };

  private readonly forget = (): void => {
    const since = Date.now() - LATELY;
    if (!this.given[0] || this.given[0].at >= since) return;
    this.given = this.given.filter(({ at }) => at >= since);
    this.requestUpdate();
  };
}

customElements.define("tl-reactions", Reactions);
