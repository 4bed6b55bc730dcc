import "../styles/app.css";
import "../styles/watch.css";
import "./tl-chat.js";
import "./tl-copy.js";
import "./tl-floats.js";
import "./tl-header.js";
import "./tl-player.js";
import "./tl-reactions.js";
import { html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { query, state } from "lit/decorators.js";
import { formatDuration, formatExact, hueOf, initialOf, isoDuration, plural } from "../elements/format.js";
import type { Broadcast } from "./api.js";
import { icons, mark } from "./icons.js";
import { labelOf } from "./intents.js";
import { PageElement } from "./page.js";
import type { Player } from "./tl-player.js";
import { Viewer } from "./viewer.js";
import { screenFor, secondsUntil, type Screen } from "./watch-screen.js";

/** `/watch/{id}`: one broadcast, its picture and what is known of it. */
export class Watch extends PageElement {
  private readonly broadcastId = decodeURIComponent(location.pathname.split("/")[2] ?? "");
  private readonly viewer = new Viewer(this.broadcastId, () => this.requestUpdate());

  @state() private now = Date.now();
  @query("tl-player") private player?: Player;
  private clock: ReturnType<typeof setInterval> | undefined;
  private previous: Screen = "loading";

  override connectedCallback(): void {
    super.connectedCallback();
    this.clock = setInterval(() => (this.now = Date.now()), 1000);
    addEventListener("online", this.connection);
    addEventListener("offline", this.connection);
    this.viewer.start();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearInterval(this.clock);
    removeEventListener("online", this.connection);
    removeEventListener("offline", this.connection);
    this.viewer.stop();
  }

  protected override willUpdate(): void {
    const title = this.viewer.broadcast?.title;
    const name = title ? `${title} · Tallylight` : "Watch · Tallylight";
    if (document.title !== name) document.title = name;
  }

  protected override updated(_changed: PropertyValues<this>): void {
    const screen = this.screen;
    // The encoder came back: what was buffered before the break is of no use.
    if (screen === "live" && this.previous === "reconnecting") this.player?.restart();
    this.previous = screen;
  }

  protected override render() {
    const screen = this.screen;
    const { broadcast } = this.viewer;
    const alone = screen === "not-found" || screen === "removed" || (!broadcast && screen !== "loading");
    return html`
      <tl-header here="watch"></tl-header>
      <main id="main" class="watch ${alone ? "alone" : ""}">
        <div class="theatre">
          <div class="stage" data-screen=${screen}>${this.picture(screen)}${this.curtain(screen)}${alone ? nothing : html`<tl-floats .room=${this.viewer.chat}></tl-floats>`}</div>
          ${alone ? nothing : html`${broadcast ? this.headline(broadcast, screen) : this.skeleton()}${this.chat(broadcast)}`}
        </div>
        ${alone || !broadcast ? nothing : this.about(broadcast)}
      </main>
    `;
  }

  private get screen(): Screen {
    const { broadcast, admission, playback, reachable } = this.viewer;
    // Without any network a server on this machine still answers.
    const online = navigator.onLine || reachable;
    return screenFor({ broadcast, admission, playbackUrl: playback?.hls_url, online, origin: location.origin });
  }

  /** The player stays while the encoder is away, so that the last picture does too. */
  private picture(screen: Screen) {
    const address = this.viewer.playback?.hls_url;
    if (!address || !["live", "reconnecting", "paused", "offline"].includes(screen)) return nothing;
    return html`<tl-player
      src=${address}
      ?halted=${screen !== "live"}
      label=${this.viewer.broadcast?.title ?? "Live video"}
      .meter=${this.viewer.meter}
    ></tl-player>`;
  }

  private curtain(screen: Screen): TemplateResult | typeof nothing {
    const again = html`<button type="button" class="button" @click=${() => this.viewer.retry()}>${icons.refresh}Try again</button>`;
    const elsewhere = html`<a class="button" href="/">See who is live</a>`;
    switch (screen) {
      case "live":
        return nothing;
      case "loading":
        return html`<div class="curtain"><div class="spinner" role="status"><span class="visually-hidden">Loading the broadcast</span></div></div>`;
      case "waiting":
        return this.notice("waiting", "Starting soon", "The broadcaster is getting ready. It begins here by itself.");
      case "paused":
        return this.notice("paused", "Paused", "The broadcaster is taking a break. Stay: it goes on here by itself.");
      case "reconnecting":
        return this.notice("reconnecting", "Reconnecting to the broadcaster", this.countdown());
      case "full":
        return this.notice("full", "This broadcast is full", html`${this.places()} You get in as soon as a place is free.`, this.searching());
      case "ended":
        return this.notice("ended", "This broadcast has ended", this.summary(), elsewhere);
      case "not-found":
        return this.notice("not-found", "This broadcast is not here", "It may be private, or the link may be wrong.", elsewhere);
      case "removed":
        return this.notice("removed", "You cannot watch this", this.viewer.reason, again);
      case "elsewhere":
        return this.notice("elsewhere", "Nothing to play here", "This broadcast is carried by another system, which has given no address to watch it.", elsewhere);
      case "offline":
        return this.notice("offline", "You are offline", "The broadcast comes back with your connection.");
      case "error":
        return this.notice("error", "The server cannot be reached", "It is tried again by itself.", again);
    }
  }

  private notice(kind: string, title: string, text: unknown, extra: unknown = nothing) {
    return html`<div class="curtain ${kind}" role=${kind === "error" ? "alert" : "status"}>
      <div class="curtain-body">
        ${mark}
        ${this.viewer.broadcast && kind !== "not-found" && kind !== "removed" ? html`<h2>${title}</h2>` : html`<h1>${title}</h1>`}
        <p>${text}</p>
        ${extra}
      </div>
    </div>`;
  }

  private countdown() {
    const left = secondsUntil(this.viewer.broadcast?.ingest?.interrupted_until, this.now);
    if (left === 0) return "The picture was lost. Waiting for it to come back…";
    // Read out once, not every second.
    return html`The picture was lost. Waiting for it for up to <b class="figure" aria-hidden="true">${formatDuration(left * 1000)}</b><span class="visually-hidden">a while</span>.`;
  }

  private places() {
    const max = this.viewer.broadcast?.max_viewers ?? 0;
    if (max === 1) return "The only place is taken.";
    return max > 0 ? `All ${plural(max, "place")} are taken.` : "";
  }

  private searching() {
    return html`<span class="searching"><span class="spinner small"></span>Looking for a free place</span>`;
  }

  private summary() {
    const { broadcast, duration, peak } = this.viewer;
    if (!broadcast) return "Thank you for watching.";
    return html`It was on air for <b class="figure">${formatDuration(duration * 1000)}</b>${peak > 0 ? html`, with up to <b class="figure">${plural(peak, "viewer")}</b>` : nothing}.`;
  }

  private headline(broadcast: Broadcast, screen: Screen) {
    return html`
      <section class="headline" aria-label="About this broadcast">
        <div class="headline-main">
          <div class="title-row">
            <h1>${broadcast.title}</h1>
            ${this.lamp(broadcast, screen)}
          </div>
          <div class="byline">
            <span class="avatar" data-hue=${hueOf(broadcast.user)} aria-hidden="true">${initialOf(broadcast.user)}</span>
            <span class="byline-name">${broadcast.user}</span>
            ${broadcast.visibility === "private" || broadcast.status === "private" ? html`<span class="tag">${icons.lock}Private</span>` : nothing}
          </div>
        </div>
        <aside class="headline-side" aria-label="Figures">
          <dl class="figures">
            ${screen === "ended"
              ? html`<div><dt>${icons.people}Peak</dt><dd>${formatExact(this.viewer.peak)}</dd></div>`
              : html`<div><dt>${icons.eye}Watching</dt><dd>${formatExact(broadcast.viewer_count)}</dd></div>`}
            <div><dt>${icons.clock}On air</dt><dd>${this.runningTime(broadcast, screen)}</dd></div>
          </dl>
          <tl-copy .text=${location.href} label="Copy link"></tl-copy>
        </aside>
        ${screen === "ended" ? nothing : html`<tl-reactions .room=${this.viewer.chat} ?disabled=${this.viewer.admission !== "joined"}></tl-reactions>`}
      </section>
    `;
  }

  private chat(broadcast: Broadcast | undefined) {
    return html`<tl-chat .room=${this.viewer.chat} host=${broadcast?.user ?? ""} ?live=${this.viewer.isLive}></tl-chat>`;
  }

  private about(broadcast: Broadcast) {
    const labels = this.labels(broadcast);
    if (labels === nothing && !broadcast.description) return nothing;
    return html`<section class="about" aria-label="Description">
      ${labels}${broadcast.description ? html`<p class="description">${broadcast.description}</p>` : nothing}
    </section>`;
  }

  private lamp(broadcast: Broadcast, screen: Screen) {
    if (screen === "live") return html`<span class="lamp-badge live"><i class="dot"></i>Live</span>`;
    if (screen === "reconnecting") return html`<span class="lamp-badge amber"><i class="dot"></i>Reconnecting</span>`;
    if (broadcast.status === "paused") return html`<span class="lamp-badge"><i class="dot"></i>Paused</span>`;
    return screen === "ended" ? html`<span class="lamp-badge"><i class="dot"></i>Ended</span>` : nothing;
  }

  private labels({ ai_intent: intent, tags }: Broadcast) {
    if (!intent && tags.length === 0) return nothing;
    return html`<ul class="labels" aria-label="Category and tags">
      ${intent ? html`<li><a class="tag strong" href="/?category=${encodeURIComponent(intent)}">${labelOf(intent)}</a></li>` : nothing}
      ${tags.map((tag) => html`<li><a class="tag" href="/?tag=${encodeURIComponent(tag)}">${tag}</a></li>`)}
    </ul>`;
  }

  private runningTime({ started_at: start, ended_at: end }: Broadcast, screen: Screen) {
    if (!start || screen === "waiting") return "–";
    const elapsed = (end ? Date.parse(end) : this.now) - Date.parse(start);
    return html`<time datetime=${isoDuration(elapsed)}>${formatDuration(elapsed)}</time>`;
  }

  private skeleton() {
    return html`<section class="headline skeleton" aria-hidden="true"><div class="headline-main"><i></i><i></i></div></section>`;
  }

  private readonly connection = (): void => {
    if (navigator.onLine) this.viewer.retry();
    else this.viewer.check();
  };
}

customElements.define("tl-watch", Watch);
