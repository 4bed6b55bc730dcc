import { property } from "lit/decorators.js";
import type { Reaction } from "./api.js";
import type { ChatRoom } from "./chat-room.js";
import { PageElement } from "./page.js";
import { LOOKS } from "./tl-reactions.js";

/** The most at once: more would be a curtain. */
const MOST = 40;

/** Reactions as they rise over the picture; whoever wants less motion sees the counts alone. */
export class Floats extends PageElement {
  @property({ attribute: false }) room!: ChatRoom;

  override connectedCallback(): void {
    super.connectedCallback();
    this.setAttribute("aria-hidden", "true");
    this.room.addEventListener("reaction", this.rise);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.room.removeEventListener("reaction", this.rise);
    this.replaceChildren();
  }

  private readonly rise = (event: Event): void => {
    const isCalm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    if (isCalm || document.hidden || this.childElementCount >= MOST) return;
    const float = document.createElement("span");
    float.className = "emoji";
    [float.textContent] = LOOKS[(event as CustomEvent<Reaction>).detail];
    float.style.right = `${Math.random() * 70}%`;
    this.append(float);
    const end = () => float.remove();
    const timing = { duration: 2400 + Math.random() * 900, easing: "ease-out" };
    float.animate(path(this.clientHeight), timing).finished.then(end, end);
  };
}

/** Up, swaying, and away. */
function path(room: number): Keyframe[] {
  const height = -room * (0.55 + Math.random() * 0.35);
  const at = (part: number, scale: number) => `translate(${(Math.random() - 0.5) * 3}rem, ${height * part}px) scale(${scale})`;
  return [
    { transform: at(0, 0.4), opacity: 0 },
    { transform: at(0.2, 1.15), opacity: 1, offset: 0.15 },
    { transform: at(0.65, 1), opacity: 0.95, offset: 0.6 },
    { transform: at(1, 0.9), opacity: 0 },
  ];
}

customElements.define("tl-floats", Floats);
