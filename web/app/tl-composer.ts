import { html, nothing, type PropertyValues } from "lit";
import { property, query, state } from "lit/decorators.js";
import { formatDuration } from "../elements/format.js";
import { currentUser, onAuthChange } from "./auth.js";
import { LONGEST, lengthOf, type ChatRoom, type Hold } from "./chat-room.js";
import { icons } from "./icons.js";
import { PageElement } from "./page.js";

/** From so many characters left on they are counted. */
const COUNTED = 100;
/** A wait shorter than this, in milliseconds, is counted down; a longer one is told by the clock. */
const SHORT = 120_000;

/** Where one writes in a chat, or why one cannot. */
export class Composer extends PageElement {
  @property({ attribute: false }) room!: ChatRoom;
  @state() private draft = "";
  @state() private isSending = false;
  @state() private trouble = "";
  @state() private user = currentUser();

  @query("textarea") private field?: HTMLTextAreaElement;
  private silence: (() => void) | undefined;
  private clock: ReturnType<typeof setInterval> | undefined;

  override connectedCallback(): void {
    super.connectedCallback();
    this.silence = onAuthChange(() => (this.user = currentUser()));
    this.clock = setInterval(() => this.room.hold?.until && this.requestUpdate(), 1000);
    this.room?.addEventListener("change", this.changed);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearInterval(this.clock);
    this.silence?.();
    this.room.removeEventListener("change", this.changed);
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (!changed.has("room")) return;
    changed.get("room")?.removeEventListener("change", this.changed);
    this.room.addEventListener("change", this.changed);
    this.trouble = "";
  }

  protected override render() {
    const { hold } = this.room;
    if (hold?.kind === "closed") return html`<p class="chat-foot chat-closed">The broadcast is over, and so is its chat.</p>`;
    if (!this.user) {
      return html`<div class="chat-foot chat-stranger">
        <p>Join the conversation</p>
        <button type="button" class="button" @click=${this.enter}>Sign in to chat</button>
      </div>`;
    }
    if (hold?.kind === "banned") return html`<p class="chat-foot chat-banned" role="status">${icons.ban}<span>${bannedFor(hold)}</span></p>`;
    return this.form(hold);
  }

  private form(hold: Hold | undefined) {
    const left = LONGEST - lengthOf(this.draft.trim());
    const isCounted = left <= COUNTED;
    return html`<form class="chat-foot composer" @submit=${this.send}>
      ${this.trouble ? html`<p class="composer-trouble" role="alert">${this.trouble}</p>` : nothing}
      ${hold ? html`<p class="composer-slow" role="status">A little slower: ${waitFor(hold)}</p>` : nothing}
      <div class="composer-box ${left < 0 ? "wrong" : ""}">
        <textarea
          rows="1"
          name="message"
          aria-label="Message"
          aria-describedby=${isCounted ? "composer-left" : nothing}
          aria-invalid=${left < 0}
          placeholder="Say something"
          autocomplete="off"
          enterkeyhint="send"
          @input=${this.typed}
          @keydown=${this.pressed}
        ></textarea>
        ${isCounted ? html`<span id="composer-left" class="composer-left" title="Characters left">${left}</span>` : nothing}
        <button class="composer-send" aria-label="Send" title="Send" ?disabled=${!this.canSend} @pointerdown=${keepFocus}>${icons.send}</button>
      </div>
    </form>`;
  }

  private get canSend(): boolean {
    const length = lengthOf(this.draft.trim());
    return !this.isSending && !this.room.hold && length > 0 && length <= LONGEST;
  }

  private readonly changed = (): void => this.requestUpdate();

  private readonly typed = (): void => {
    this.draft = this.field!.value;
    this.trouble = "";
    this.fit();
  };

  /** As high as its lines, where the browser does not do that by itself. */
  private fit(): void {
    const { field } = this;
    if (!field || CSS.supports("field-sizing", "content")) return;
    field.style.height = "auto";
    field.style.height = `${field.scrollHeight}px`;
  }

  private readonly pressed = (event: KeyboardEvent): void => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) void this.send(event);
  };

  private readonly send = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (!this.canSend) return;
    const said = this.draft;
    this.isSending = true;
    this.trouble = (await this.room.say(said.trim())) ?? "";
    this.isSending = false;
    // What was refused stays, and so does what was typed meanwhile.
    const isSaid = !this.trouble && !this.room.hold;
    if (isSaid && this.field?.value === said) this.field.value = this.draft = "";
    this.fit();
  };

  private readonly enter = async (): Promise<void> => {
    const { signIn } = await import("./sign-in.js");
    await signIn("Sign in to chat");
    await this.updateComplete;
    this.field?.focus();
  };
}

/** A press on the button must not close the keyboard of a phone. */
const keepFocus = (event: Event): void => event.preventDefault();

const waitFor = ({ until = 0 }: Hold): string => `you can write again in ${Math.max(1, Math.ceil((until - Date.now()) / 1000))} s.`;

function bannedFor({ until }: Hold): string {
  if (until === undefined) return "You are banned from this chat. You can still watch.";
  const left = until - Date.now();
  if (left < SHORT) return `You cannot write for now. It goes on in ${formatDuration(left)}.`;
  const time = new Date(until);
  const isToday = time.toDateString() === new Date().toDateString();
  const when = isToday ? time.toLocaleTimeString([], { timeStyle: "short" }) : time.toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
  return `You cannot write until ${when}. You can still watch.`;
}

customElements.define("tl-composer", Composer);
