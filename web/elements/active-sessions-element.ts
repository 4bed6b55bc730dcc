import { LitElement, html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { styles } from "./active-sessions-styles.js";
import { formatCount, formatDuration, hueOf, initialOf, plural } from "./format.js";
import { PollingSource, type SessionListener, type SessionQuery, type SessionSource } from "./session-source.js";
import { ON_AIR_LABEL, onAir, type Session } from "./session.js";

/** The server that this script came from, wherever it is used: one level above `elements/` or `assets/`. */
const HOME = new URL(/* @vite-ignore */ "..", import.meta.url).href;

const MIN_INTERVAL = 1000;

/** Asked for once: where its file is not beside this one, everything is polled. */
let live: Promise<typeof import("./live-source.js")> | undefined;

/** A picture is asked for anew this often; keyframes come no faster. */
const THUMBNAIL_AGE = 20_000;

const shownUnlessFalse = { fromAttribute: (value: string | null) => value?.trim().toLowerCase() !== "false" };

export type State = "loading" | "ready" | "empty" | "error" | "offline";

/**
 * The broadcasts that are live, kept up to date.
 *
 * @fires session-join - before going to the watch page; `detail` is the session. Cancel it to handle the join yourself.
 * @fires sessions-change - after each update; `detail` is `{ items, total, state }`.
 * @slot empty - shown when nobody is live.
 * @csspart list, card, featured-card, thumbnail, badge, viewers, duration, avatar, title, broadcaster, category, tag, join, status, retry
 */
export class ActiveSessions extends LitElement implements SessionListener {
  static override styles = styles;

  /** Said here and not with decorators, which would be a twelfth of the whole file. */
  static override properties = {
    refreshInterval: { type: Number, attribute: "refresh-interval" },
    maxSessions: { type: Number, attribute: "max-sessions" },
    showViewerCount: { attribute: "show-viewer-count", converter: shownUnlessFalse },
    showDuration: { attribute: "show-duration", converter: shownUnlessFalse },
    filter: {},
    q: {},
    sort: {},
    order: {},
    apiBase: { attribute: "api-base" },
    items: { state: true },
    current: { state: true },
    stale: { state: true },
    now: { state: true },
  };

  refreshInterval = 5000;
  maxSessions = 20;
  showViewerCount = true;
  showDuration = true;
  /** `public`, `featured`, `category:NAME`, `tag:NAME` or `user:NAME`. */
  filter = "public";
  q = "";
  /** `viewer_count`, `started_at`, `duration` or `title`. */
  sort = "";
  order = "";
  /** The server to ask, when it is not the one that this script came from. */
  apiBase = "";

  private items: Session[] = [];
  private current: State = "loading";
  /** The last update failed; what is shown is older than it should be. */
  private stale = false;
  private now = Date.now();

  #total = 0;
  #source: SessionSource | undefined;
  #clock: ReturnType<typeof setInterval> | undefined;

  override connectedCallback(): void {
    super.connectedCallback();
    this.#clock = setInterval(() => this.#tick(), 1000);
    addEventListener("offline", this.#check);
    if (this.hasUpdated) this.#open();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearInterval(this.#clock);
    removeEventListener("offline", this.#check);
    this.#source?.stop();
    this.#source = undefined;
  }

  override willUpdate(changed: PropertyValues<this>): void {
    if (!this.#source || changed.has("apiBase")) return this.#open();
    if (changed.has("refreshInterval")) this.#source.interval = this.#interval;
    if ((["filter", "q", "sort", "order", "maxSessions"] as const).some((name) => changed.has(name))) {
      this.#source.refresh(this.#query);
    }
  }

  /** Asks the server now. */
  refresh(): void {
    this.#source?.refresh();
  }

  sessions(items: Session[], total: number): void {
    this.items = items;
    this.#total = total;
    this.now = Date.now();
    this.stale = false;
    this.#become(items.length > 0 ? "ready" : "empty");
    if (this.#source instanceof PollingSource) this.#goLive(this.#source);
  }

  failed(): void {
    this.stale = true;
    if (this.items.length > 0) return this.#become("ready");
    this.#become(navigator.onLine ? "error" : "offline");
  }

  /** A card that moves would lose the focus in it. */
  protected override update(changed: PropertyValues<this>): void {
    const focused = this.shadowRoot!.activeElement as HTMLElement | null;
    super.update(changed);
    if (focused?.isConnected) focused.focus({ preventScroll: true });
  }

  protected override render(): TemplateResult {
    return html`
      <div class="status" part="status" role="status">${this.stale && this.items.length > 0 ? this.#staleNotice() : nothing}</div>
      ${this.#body()}
    `;
  }

  get #base(): string {
    return this.apiBase ? new URL(this.apiBase.replace(/\/*$/, "/"), document.baseURI).href : HOME;
  }

  get #interval(): number {
    return Math.max(this.refreshInterval || 5000, MIN_INTERVAL);
  }

  get #query(): SessionQuery {
    const max = Math.max(1, Math.floor(this.maxSessions) || 20);
    return { filter: this.filter.trim() || "public", q: this.q, sort: this.sort, order: this.order, max };
  }

  #open(): void {
    this.#source?.stop();
    this.items = [];
    this.current = "loading";
    this.#source = new PollingSource(this.#base, this.#query, this, this.#interval);
    this.#source.start();
  }

  /** Only now that a list is shown: the live source is no part of what one waits for. */
  #goLive(polling: PollingSource): void {
    live ??= import("./live-source.js");
    live.then(
      ({ LiveSource }) => {
        if (this.#source !== polling) return;
        this.#source = new LiveSource(polling, this.#base, this.#query, this);
        this.#source.start();
      },
      () => {},
    );
  }

  #become(state: State): void {
    this.current = state;
    const detail = { items: this.items, total: this.#total, state };
    this.dispatchEvent(new CustomEvent("sessions-change", { detail, bubbles: true, composed: true }));
  }

  #tick(): void {
    if (!document.hidden && this.showDuration && this.items.length > 0) this.now = Date.now();
  }

  /** Without any network a server on this machine still answers: only a failed update is a failure. */
  readonly #check = (): void => this.refresh();

  #body(): TemplateResult {
    switch (this.current) {
      case "loading":
        return this.#skeleton();
      case "ready":
        return html`<ul part="list" role="list">
          ${repeat(this.items, (session) => session.id, (session) => this.#card(session))}
        </ul>`;
      case "empty":
        return html`<slot name="empty"><div class="note" role="status">${lamp}<p>Nobody is on air right now.</p></div></slot>`;
      case "offline":
        return this.#trouble("You are offline. Live broadcasts come back with your connection.");
      case "error":
        return this.#trouble("The live broadcasts could not be loaded.");
    }
  }

  #card(session: Session): TemplateResult {
    const air = onAir(session, this.#base);
    return html`<li>
      <article part="card ${session.is_featured ? "featured-card" : ""}" class="card">
        <div class="thumbnail" part="thumbnail" data-hue=${hueOf(session.user)}>
          ${this.#picture(session)}
          <span class="badge ${air}" part="badge">${ON_AIR_LABEL[air]}</span>
          <span class="figures">${this.#viewers(session)}${air === "starting" ? nothing : this.#duration(session)}</span>
        </div>
        <div class="about">
          <span class="avatar" part="avatar" data-hue=${hueOf(session.user)} aria-hidden="true">${initialOf(session.user)}</span>
          <div class="words">
            <h3 part="title" title=${session.title}>${session.title}</h3>
            <p class="broadcaster" part="broadcaster">${session.user}</p>
          </div>
        </div>
        <div class="foot">
          <span class="labels">
            ${session.ai_intent ? html`<span class="category" part="category">${session.ai_intent}</span>` : nothing}
            ${session.tags.slice(0, 3).map((tag) => html`<span class="tag" part="tag">${tag}</span>`)}
          </span>
          <a
            class="join"
            part="join"
            href=${new URL(`watch/${encodeURIComponent(session.id)}`, this.#base).href}
            aria-label="Watch ${session.title} by ${session.user}"
            @click=${(event: MouseEvent) => this.#join(event, session)}
            >Watch</a
          >
        </div>
      </article>
    </li>`;
  }

  /** The colour bars stay below the picture, for when there is none or it cannot be loaded. */
  #picture({ thumbnail_url: address, user }: Session): TemplateResult {
    const hide = ({ type, target }: Event) => ((target as HTMLElement).hidden = type === "error");
    return html`<span class="bars" aria-hidden="true"><b>${initialOf(user)}</b></span>
      ${address ? html`<img src=${this.#thumbnail(address)} alt="" loading="lazy" referrerpolicy="no-referrer" @error=${hide} @load=${hide} />` : nothing}`;
  }

  /** Our own pictures keep their address while they change; another server's address is left as it is. */
  #thumbnail(address: string): string {
    const url = new URL(address, this.#base);
    if (url.origin === new URL(this.#base).origin) url.searchParams.set("t", String(Math.floor(this.now / THUMBNAIL_AGE)));
    return url.href;
  }

  #viewers(session: Session): TemplateResult | typeof nothing {
    if (!this.showViewerCount) return nothing;
    const words = plural(session.viewer_count, "viewer");
    return html`<span class="viewers" part="viewers" role="img" aria-label=${words} title=${words}>${eye}${formatCount(session.viewer_count)}</span>`;
  }

  #duration(session: Session): TemplateResult | typeof nothing {
    if (!this.showDuration || !session.started_at) return nothing;
    const elapsed = this.now - Date.parse(session.started_at);
    return html`<span class="duration" part="duration">${formatDuration(elapsed)}</span>`;
  }

  #join(event: MouseEvent, session: Session): void {
    // A new tab or a download is the browser's own business.
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const join = new CustomEvent("session-join", { detail: session, bubbles: true, composed: true, cancelable: true });
    if (!this.dispatchEvent(join)) event.preventDefault();
  }

  #skeleton(): TemplateResult {
    const cards = Array.from({ length: Math.min(this.#query.max, 8) });
    return html`<div role="status" class="hidden">Loading live broadcasts</div>
      <ul part="list" aria-hidden="true" class="skeleton">
        ${cards.map(() => html`<li><div class="card"><div class="thumbnail"></div><div class="about"><span class="avatar"></span><div class="words"><i></i><i></i></div></div></div></li>`)}
      </ul>`;
  }

  #staleNotice(): TemplateResult {
    return html`<p class="stale">
      ${navigator.onLine ? "The connection is interrupted. Trying again…" : "You are offline. This is how it was a moment ago."}
    </p>`;
  }

  #trouble(text: string): TemplateResult {
    return html`<div class="note" role="alert">
      ${lamp}
      <p>${text}</p>
      <button type="button" class="retry" part="retry" @click=${() => this.refresh()}>Try again</button>
    </div>`;
  }
}

const eye = html`<svg viewBox="0 0 16 16" aria-hidden="true"><path d="M1 8s2.5-4.5 7-4.5 7 4.5 7 4.5-2.5 4.5-7 4.5-7-4.5-7-4.5Z" /><circle cx="8" cy="8" r="2" /></svg>`;

const lamp = html`<svg class="lamp" viewBox="0 0 32 32" aria-hidden="true"><rect width="32" height="32" rx="9" /><circle cx="16" cy="16" r="6.5" /></svg>`;

declare global {
  interface HTMLElementTagNameMap {
    "active-sessions": ActiveSessions;
  }
}
