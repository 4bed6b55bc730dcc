import "./tl-chat.js";
import "./tl-copy.js";
import "./tl-happenings.js";
import "./tl-preview.js";
import "./tl-secret.js";
import { html, nothing, type PropertyValues } from "lit";
import { property, state } from "lit/decorators.js";
import { formatDuration, formatExact } from "../elements/format.js";
import { Poller } from "../elements/poller.js";
import { isMediaElsewhere } from "../elements/session.js";
import { api, type Broadcast, type SessionView } from "./api.js";
import { confirmed } from "./confirm.js";
import { icons } from "./icons.js";
import { OwnerFeed } from "./owner-feed.js";
import { PageElement } from "./page.js";
import { sentenceOf } from "./problem.js";
import { secondsUntil } from "./watch-screen.js";

const INTERVAL = 3000;

/** How the lamp of a broadcast burns, and what it means. */
export type Lamp = "waiting" | "on" | "paused" | "interrupted" | "elsewhere" | "ended";

export function lampOf(broadcast: Broadcast): Lamp {
  if (broadcast.status === "ended") return "ended";
  if (broadcast.ingest?.state === "interrupted") return "interrupted";
  if (broadcast.ingest?.state === "live") return broadcast.status === "paused" ? "paused" : "on";
  return isMediaElsewhere(broadcast, location.origin) ? "elsewhere" : "waiting";
}

const LAMP_TITLE: Record<Lamp, string> = {
  waiting: "Waiting for your encoder",
  on: "On air",
  paused: "Paused",
  interrupted: "Encoder lost",
  elsewhere: "Carried by another system",
  ended: "Ended",
};

/**
 * Everything about one broadcast of one's own: its lamp, its figures, a preview, the encoder's settings, and what
 * happens and is said in it. All of that is live; while the connection is away it is polled.
 *
 * @fires changed - `detail` is the broadcast as it is now.
 */
export class ControlRoom extends PageElement {
  @property({ attribute: false }) broadcast!: Broadcast;
  @state() private session: SessionView | undefined;
  @state() private now = Date.now();
  @state() private trouble = "";
  @state() private busy = false;
  private feed!: OwnerFeed;
  /** The broadcast is to be asked for, and has not been yet. */
  private isBehind = false;
  private readonly poller = new Poller(() => this.follow(), { interval: INTERVAL, maxBackoff: 15_000 });
  private clock: ReturnType<typeof setInterval> | undefined;

  override connectedCallback(): void {
    super.connectedCallback();
    this.poller.start();
    if (this.hasUpdated) this.listen();
    this.clock = setInterval(() => (this.now = Date.now()), 1000);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.poller.stop();
    this.feed.stop();
    clearInterval(this.clock);
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    const before = changed.get("broadcast") as Broadcast | undefined;
    if (changed.has("broadcast") && before?.id !== this.broadcast.id) {
      this.session = undefined;
      this.trouble = "";
        this.listen();
      this.look();
    }
    if (this.broadcast.status === "ended") {
        this.feed.stop();
    }
  }

  private listen(): void {
    this.feed?.stop();
    const feed: OwnerFeed = (this.feed = new OwnerFeed(this.broadcast.id, {
      changed: () => feed === this.feed && this.requestUpdate(),
      news: () => feed === this.feed && this.look(),
      away: () => feed === this.feed && this.look(),
    }));
    if (this.broadcast.status !== "ended") void feed.start();
  }

  /** Asks for the broadcast now; once when the connection is there, else again and again. */
  private look(): void {
    this.isBehind = true;
    this.poller.stop();
    this.poller.start();
  }

  protected override render() {
    const lamp = lampOf(this.broadcast);
    const isOver = lamp === "ended";
    return html`<div class="desk ${lamp} ${isOver ? "" : "with-side"}">
      <div class="stack">
        ${this.head(lamp)}
        ${this.trouble ? html`<p class="form-error" role="alert">${this.trouble}</p>` : nothing}
        ${isOver ? this.summary() : html`${this.figures(lamp)}${lamp === "waiting" ? nothing : html`<tl-preview broadcast=${this.broadcast.id} ?halted=${lamp === "interrupted"}></tl-preview>`}${lamp === "elsewhere" ? nothing : this.encoder()}${this.controls()}`}
      </div>
      ${isOver ? nothing : this.side()}
    </div>`;
  }

  private side() {
    return html`<div class="desk-side">
      <tl-chat .room=${this.feed.chat} host=${this.broadcast.user} ?live=${this.feed.isLive}></tl-chat>
      <tl-happenings .events=${this.feed.events} .now=${this.now}></tl-happenings>
    </div>`;
  }

  private head(lamp: Lamp) {
    const { broadcast } = this;
    const hidden = broadcast.visibility === "private" || broadcast.status === "private";
    return html`<section class="panel lamp-panel ${lamp}">
      <span class="lamp-big" aria-hidden="true"></span>
      <div class="lamp-words">
        <p class="lamp-state" role="status">${LAMP_TITLE[lamp]}${hidden ? html`<span class="tag">${icons.lock}Private</span>` : nothing}</p>
        <h1>${broadcast.title}</h1>
        <p class="muted">${this.explain(lamp)}</p>
      </div>
      <div class="lamp-actions">
        <a class="button" href="/watch/${broadcast.id}">${icons.globe}Watch page</a>
        <tl-copy .text=${`${location.origin}/watch/${broadcast.id}`} label="Copy link"></tl-copy>
      </div>
    </section>`;
  }

  private explain(lamp: Lamp) {
    const left = secondsUntil(this.broadcast.ingest?.interrupted_until, this.now);
    switch (lamp) {
      case "waiting":
        return "Start streaming from OBS or ffmpeg with the settings below. The lamp turns red by itself.";
      case "on":
        return "Your picture arrives, and viewers see it.";
      case "paused":
        return "Your encoder is connected. Viewers see that you are taking a break.";
      case "interrupted":
        return html`Viewers are waiting. Unless your encoder is back, the broadcast ends in <b class="figure">${formatDuration(left * 1000)}</b>.`;
      case "elsewhere":
        return "Its video comes from an address that you gave.";
      case "ended":
        return "Thank you for going live.";
    }
  }

  private figures(lamp: Lamp) {
    const { broadcast, session, feed } = this;
    const started = broadcast.started_at && lamp !== "waiting" ? Date.parse(broadcast.started_at) : undefined;
    const peak = Math.max(session?.peak_viewers ?? 0, feed.counts?.peak_viewers ?? 0);
    const reported = feed.counts?.reported_viewers ?? broadcast.reported_viewers;
    return html`<dl class="figures panel">
      <div>
        <dt>${icons.eye}Watching</dt>
        <dd>${formatExact(feed.counts?.viewer_count ?? broadcast.viewer_count)}${reported > 0 ? html` <small>${formatExact(reported)} reported</small>` : nothing}</dd>
      </div>
      <div><dt>${icons.people}Peak</dt><dd>${session || feed.counts ? formatExact(peak) : "–"}</dd></div>
      <div><dt>${icons.plus}Joins/min</dt><dd>${formatExact(feed.joins(this.now))}</dd></div>
      <div><dt>${icons.clock}On air</dt><dd>${started ? formatDuration(this.now - started) : "–"}</dd></div>
      <div><dt>${icons.lock}Places</dt><dd>${broadcast.max_viewers > 0 ? formatExact(broadcast.max_viewers) : "No limit"}</dd></div>
    </dl>`;
  }

  private encoder() {
    const publish = this.broadcast.publish;
    if (!publish?.rtmp_url) return nothing;
    return html`<section class="panel stack encoder" aria-labelledby="encoder">
      <div class="panel-head">
        <h2 id="encoder">Encoder</h2>
        <button class="button quiet" type="button" @click=${this.resetKey}>${icons.refresh}New stream key</button>
      </div>
      <p class="muted">In OBS: Settings → Stream → Service “Custom…”. A keyframe every 2 seconds gives the lowest delay.</p>
      <tl-secret label="Server" .value=${publish.rtmp_url}></tl-secret>
      <tl-secret label="Stream key" secret .value=${publish.stream_key}></tl-secret>
      <details>
        <summary>With ffmpeg</summary>
        <p class="muted">Sends a file as if it were live. The key is part of the command: keep it to yourself.</p>
        <tl-secret label="Command" secret .value=${ffmpegCommand(publish.rtmp_url, publish.stream_key)}></tl-secret>
      </details>
    </section>`;
  }

  private controls() {
    const { status, visibility } = this.broadcast;
    const hidden = visibility === "private" || status === "private";
    return html`<section class="panel helm" aria-labelledby="controls">
      <h2 id="controls" class="visually-hidden">Controls</h2>
      <div class="row">
        ${status === "paused"
          ? html`<button class="button" type="button" ?disabled=${this.busy} @click=${() => this.change({ status: "active" })}>${icons.play}Resume</button>`
          : html`<button class="button" type="button" ?disabled=${this.busy || status === "private"} @click=${this.pause}>${icons.pause}Pause</button>`}
        ${hidden
          ? html`<button class="button" type="button" ?disabled=${this.busy} @click=${this.publish}>${icons.globe}Make public</button>`
          : html`<button class="button" type="button" ?disabled=${this.busy} @click=${this.hide}>${icons.lock}Make private</button>`}
        <span class="stretch"></span>
        <button class="button danger" type="button" ?disabled=${this.busy} @click=${this.end}>${icons.stop}End broadcast</button>
      </div>
    </section>`;
  }

  private summary() {
    const { session, broadcast } = this;
    const end = Date.parse(broadcast.ended_at ?? "") || this.now;
    const duration = session ? session.duration * 1000 : end - Date.parse(broadcast.started_at ?? broadcast.created_at);
    return html`<section class="panel summary" aria-labelledby="summary">
      <h2 id="summary">That was it</h2>
      <dl class="figures">
        <div><dt>${icons.clock}On air</dt><dd>${formatDuration(duration)}</dd></div>
        <div><dt>${icons.people}Peak viewers</dt><dd>${session ? formatExact(session.peak_viewers ?? 0) : "–"}</dd></div>
      </dl>
      <button class="button primary" type="button" @click=${() => this.dispatchEvent(new CustomEvent("another", { bubbles: true }))}>${icons.plus}New broadcast</button>
    </section>`;
  }

  private async follow(): Promise<void> {
    const { id } = this.broadcast;
    this.isBehind = false;
    try {
      // Without a connection these are read as the figures are; the rest does not depend on them.
      if (!this.feed.isLive) void this.feed.load().catch(() => undefined);
      const [broadcast, session] = await Promise.all([api.broadcast(id), api.session(id)]);
      if (id !== this.broadcast.id) return;
      this.session = session;
      this.tell(broadcast);
      if (this.trouble && !this.busy) this.trouble = "";
      if (broadcast.status === "ended" || (this.feed.isLive && !this.isBehind)) this.poller.stop();
    } catch (error) {
      if (id === this.broadcast.id) this.trouble = sentenceOf(error);
      throw error;
    }
  }

  /** The owner's view may leave `publish` out of some answers; it does not change by itself. */
  private tell(broadcast: Broadcast): void {
    const detail = { ...broadcast, publish: broadcast.publish ?? this.broadcast.publish };
    this.broadcast = detail;
    this.dispatchEvent(new CustomEvent("changed", { detail, bubbles: true }));
  }

  private async change(patch: Record<string, unknown>): Promise<void> {
    this.busy = true;
    this.trouble = "";
    try {
      this.tell(await api.change(this.broadcast.id, patch));
      this.look();
    } catch (error) {
      this.trouble = sentenceOf(error);
    } finally {
      this.busy = false;
    }
  }

  private readonly pause = () => this.change({ status: "paused" });

  private readonly hide = async (): Promise<void> => {
    const text = "It leaves every listing, and everybody who is watching without an invitation is sent away.";
    if (await confirmed({ title: "Make this broadcast private?", text, action: "Make private" })) await this.change({ visibility: "private" });
  };

  private readonly publish = () =>
    this.change({ visibility: "public", ...(this.broadcast.status === "private" && { status: "active" }) });

  private readonly end = async (): Promise<void> => {
    const text = "Everybody watching is told that it is over. This cannot be undone.";
    if (await confirmed({ title: "End this broadcast?", text, action: "End broadcast", grave: true })) await this.change({ status: "ended" });
  };

  private readonly resetKey = async (): Promise<void> => {
    const text = "The old key stops working at once: an encoder that uses it is cut off until you give it the new one.";
    if (!(await confirmed({ title: "Make a new stream key?", text, action: "New key", grave: true }))) return;
    try {
      const answer = (await api.resetKey(this.broadcast.id)) as Broadcast & Partial<Broadcast["publish"]>;
      const publish = answer.publish ?? (answer.stream_key ? { ...this.broadcast.publish!, stream_key: answer.stream_key } : undefined);
      if (publish) this.tell({ ...this.broadcast, publish });
      else this.look();
    } catch (error) {
      this.trouble = sentenceOf(error);
    }
  };
}

/** A command that works as it is once its file exists. */
export const ffmpegCommand = (server: string, key: string): string =>
  `ffmpeg -re -i input.mp4 -c:v libx264 -preset veryfast -tune zerolatency -bf 0 -g 60 -b:v 3000k -c:a aac -b:a 160k -ar 48000 -f flv "${server}/${key}"`;

customElements.define("tl-control-room", ControlRoom);
