import "../styles/chat.css";
import "./tl-composer.js";
import { html, nothing, type PropertyValues } from "lit";
import { property, query, state } from "lit/decorators.js";
import { repeat } from "lit/directives/repeat.js";
import { formatAgo, hueOf, plural } from "../elements/format.js";
import { currentUser, onAuthChange } from "./auth.js";
import type { ChatMessage, ChatRoom } from "./chat-room.js";
import { confirmed } from "./confirm.js";
import { icons } from "./icons.js";
import { linkify } from "./linkify.js";
import { PageElement } from "./page.js";

/** One who scrolled up no further than this still reads the newest; pixels. */
const NEAR = 48;
/** Messages of one person within this time stand under one name. */
const TOGETHER = 120_000;
/** Seconds. */
const TIME_OUT = 600;
const LONG_PRESS = 450;
const LATELY = 30_000;

const BADGES: Partial<Record<string, string>> = { owner: "Host", moderator: "Mod", admin: "Admin" };

/** What is said in a broadcast, and the place to say something. */
export class Chat extends PageElement {
  @property({ attribute: false }) room!: ChatRoom;
  /** The name of whose broadcast it is. */
  @property() host = "";
  /** Whether what is said arrives at once. */
  @property({ type: Boolean }) live = false;
  /** Messages that came while one read further up. */
  @state() private unread = 0;
  /** The message whose actions are shown. */
  @state() private active = "";
  @state() private now = Date.now();
  @state() private user = currentUser();

  @query(".chat-log") private log!: HTMLElement;
  private isAtEnd = true;
  /** Whatever was read: the newest is to be shown. */
  private wantsEnd = true;
  /** Where the end was when it was shown last. */
  private placed = 0;
  private newest = 0;
  private clock: ReturnType<typeof setInterval> | undefined;
  private pressing: ReturnType<typeof setTimeout> | undefined;
  private silence: (() => void) | undefined;
  private readonly sizes = new ResizeObserver(() => this.isAtEnd && this.toEnd());

  override connectedCallback(): void {
    super.connectedCallback();
    this.clock = setInterval(() => (this.now = Date.now()), LATELY);
    this.silence = onAuthChange(() => (this.user = currentUser()));
    this.room?.addEventListener("change", this.changed);
    if (this.hasUpdated) this.sizes.observe(this.log);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearInterval(this.clock);
    this.silence?.();
    this.room.removeEventListener("change", this.changed);
    this.sizes.disconnect();
  }

  protected override firstUpdated(): void {
    this.sizes.observe(this.log);
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    // The event of a scroll comes later than the scroll: what is drawn in between must not undo it.
    if (this.hasUpdated && !this.wantsEnd && this.log.scrollTop < this.placed) this.scrolled();
    if (!changed.has("room")) return;
    changed.get("room")?.removeEventListener("change", this.changed);
    this.room.addEventListener("change", this.changed);
    this.wantsEnd = true;
    this.newest = this.unread = 0;
  }

  protected override updated(): void {
    if (this.isAtEnd || this.wantsEnd) this.toEnd();
  }

  protected override render() {
    const { messages, isFilled, notice } = this.room;
    return html`<section class="chat" aria-label="Chat">
      <header class="chat-head"><h2>Chat</h2>${this.connection()}</header>
      <div class="chat-middle">
        <div
          class="chat-log"
          role="log"
          aria-label="Messages"
          aria-live=${isFilled ? "polite" : "off"}
          tabindex="0"
          @scroll=${this.scrolled}
          @keydown=${this.pressed}
        >
          ${messages.length > 0 || notice ? this.list(messages) : isFilled ? this.empty() : this.skeleton()}
        </div>
        ${this.unread > 0
          ? html`<button type="button" class="chat-new" @click=${this.toEnd}>${icons.down}${plural(this.unread, "new message")}</button>`
          : nothing}
      </div>
      <tl-composer .room=${this.room}></tl-composer>
    </section>`;
  }

  private connection() {
    if (this.live || !this.room.isFilled || this.room.hold?.kind === "closed") return nothing;
    return html`<span class="chat-slow" title="Messages come every few seconds"><span class="spinner small"></span>Connecting</span>`;
  }

  private list(messages: ChatMessage[]) {
    const { notice } = this.room;
    const at = notice ? messages.findLastIndex(({ seq }) => seq <= notice.after) : -2;
    return html`<ol
      @pointerover=${this.pointed}
      @pointerleave=${this.left}
      @focusin=${this.focused}
      @focusout=${this.left}
      @pointerdown=${this.press}
      @pointerup=${this.release}
      @pointermove=${this.release}
      @pointercancel=${this.release}
    >
      ${at === -1 ? this.notice() : nothing}
      ${repeat(
        messages,
        ({ id }) => id,
        (message, index) => html`${this.message(message, messages[index - 1])}${at === index ? this.notice() : nothing}`,
      )}
    </ol>`;
  }

  private message(message: ChatMessage, before: ChatMessage | undefined) {
    const { id, user, name, role, at, removed } = message;
    if (removed) return html`<li class="message gone" data-id=${id} tabindex="-1">Message removed</li>`;
    const follows = before && !before.removed && before.user === user && at - before.at < TOGETHER;
    const badge = BADGES[role];
    return html`<li
      class="message ${follows ? "follows" : ""} ${this.isForMe(message) ? "for-me" : ""} ${this.active === id ? "active" : ""}"
      data-id=${id}
      data-hue=${hueOf(user)}
      tabindex="-1"
    >
      <p class="message-head ${follows ? "visually-hidden" : ""}">
        ${badge ? html`<span class="message-badge ${role}">${badge}</span>` : nothing}
        <bdi class="message-name" title="@${user}">${name}</bdi>
        <time datetime=${new Date(at).toISOString()} title=${new Date(at).toLocaleString()}>${formatAgo(this.now - at)}</time>
      </p>
      <p class="message-text" dir="auto">${linkify(message.text).map(({ text, href }) => (href ? link(text, href) : text))}</p>
      ${this.active === id ? this.actions(message) : nothing}
    </li>`;
  }

  private actions(message: ChatMessage) {
    const isOwn = message.user === this.user?.username;
    if (!isOwn && !this.moderates) return nothing;
    const action = (label: string, icon: unknown, act: () => void) =>
      html`<button type="button" class="icon-button" aria-label=${label} title=${label} @click=${act}>${icon}</button>`;
    const silencing = html`${action(`Time ${message.name} out for 10 minutes`, icons.clock, () => void this.room.ban(message, TIME_OUT))}
    ${action(`Ban ${message.name}`, icons.ban, () => void this.ban(message))}`;
    return html`<span class="message-actions" role="group" aria-label="Actions">
      ${action("Remove this message", icons.trash, () => void this.room.remove(message))}
      ${isOwn || message.role !== "viewer" ? nothing : silencing}
    </span>`;
  }

  private notice() {
    const { text, undo } = this.room.notice!;
    return html`<li class="chat-notice">${text}${undo ? html` <button type="button" class="link" @click=${undo}>Undo</button>` : nothing}</li>`;
  }

  private empty() {
    const isOver = this.room.hold?.kind === "closed";
    return html`<div class="chat-blank">${icons.chat}<p>${isOver ? "Nothing was said." : "It is quiet here. Say hello!"}</p></div>`;
  }

  private skeleton() {
    return html`<div class="chat-skeleton skeleton" aria-hidden="true">${Array.from({ length: 6 }, () => html`<i></i>`)}</div>`;
  }

  private get moderates(): boolean {
    if (!this.user) return false;
    return this.user.username === this.host || this.user.role === "moderator" || this.user.role === "admin";
  }

  private isForMe({ text, user }: ChatMessage): boolean {
    const me = this.user?.username;
    return Boolean(me && user !== me && text.toLowerCase().includes(`@${me}`));
  }

  private async ban(message: ChatMessage): Promise<void> {
    const text = "They can still watch, but write nothing more in any of this broadcaster's chats.";
    if (await confirmed({ title: `Ban ${message.name}?`, text, action: "Ban", grave: true })) await this.room.ban(message);
  }

  private readonly changed = (): void => {
    const { messages } = this.room;
    const fresh = messages.filter(({ seq }) => seq > this.newest);
    // Whoever says something wants to see it.
    if (this.newest > 0 && fresh.some(({ user }) => user === this.user?.username)) this.wantsEnd = true;
    if (this.newest > 0 && !this.isAtEnd && !this.wantsEnd) this.unread = Math.min(this.unread + fresh.length, messages.length);
    else if (this.newest === 0) this.wantsEnd = true;
    this.newest = Math.max(this.newest, messages.at(-1)?.seq ?? 0);
    this.now = Date.now();
    this.requestUpdate();
  };

  private readonly toEnd = (): void => {
    this.log.scrollTop = this.log.scrollHeight;
    this.placed = this.log.scrollTop;
    this.isAtEnd = true;
    this.wantsEnd = false;
    this.unread = 0;
  };

  private readonly scrolled = (): void => {
    const { scrollHeight, scrollTop, clientHeight } = this.log;
    this.isAtEnd = scrollHeight - scrollTop - clientHeight < NEAR;
    if (this.isAtEnd) this.unread = 0;
  };

  /** Arrows go from message to message, whose actions are then a Tab away. */
  private readonly pressed = (event: KeyboardEvent): void => {
    const rows = [...this.log.querySelectorAll<HTMLElement>(".message")];
    const at = rows.findIndex((row) => row.contains(document.activeElement));
    if (event.key === "Escape" && at >= 0) this.log.focus();
    if (event.key !== "ArrowUp" && event.key !== "ArrowDown") return;
    const next = at < 0 ? rows.at(-1) : rows[at + (event.key === "ArrowUp" ? -1 : 1)];
    if (!next) return;
    event.preventDefault();
    next.focus();
  };

  private readonly pointed = (event: PointerEvent): void => {
    if (event.pointerType === "mouse") this.active = idOf(event);
  };

  private readonly focused = (event: FocusEvent): void => {
    this.active = idOf(event);
  };

  private readonly left = (event: Event): void => {
    const { relatedTarget, type } = event as FocusEvent;
    const isInside = relatedTarget instanceof Node && (event.currentTarget as Node).contains(relatedTarget);
    if (!isInside && (type === "focusout" || (event as PointerEvent).pointerType === "mouse")) this.active = "";
  };

  private readonly press = (event: PointerEvent): void => {
    if (event.pointerType === "mouse") return;
    this.release();
    const id = idOf(event);
    if (id !== this.active) this.active = "";
    this.pressing = setTimeout(() => (this.active = id), LONG_PRESS);
  };

  private readonly release = (): void => clearTimeout(this.pressing);
}

const idOf = (event: Event): string => (event.target as Element).closest<HTMLElement>(".message")?.dataset.id ?? "";

/** Somebody else's address: it learns nothing of this page, and gains nothing by it. */
const link = (text: string, href: string) => html`<a href=${href} target="_blank" rel="nofollow ugc noopener noreferrer">${text}</a>`;

customElements.define("tl-chat", Chat);
