import { html, nothing, type PropertyValues } from "lit";
import { property, query, state } from "lit/decorators.js";
import { play, type Playback } from "./hls-playback.js";
import { icons } from "./icons.js";
import { PageElement } from "./page.js";
import type { PlaybackMeter } from "./playback-meter.js";

/** Further behind than this is no longer live, and worth a button. */
const BEHIND = 6;
const HIDE_AFTER = 2800;
const VOLUME = "tallylight.volume";

/**
 * A live player: a video and its controls. Our own, because ready-made control sets put style
 * elements into their shadow roots, which our content security policy refuses.
 *
 * `src` is what to play; `halted` keeps the picture and stops the sound and motion; `meter` measures how it plays.
 */
export class Player extends PageElement {
  @property() src = "";
  @property({ type: Boolean }) halted = false;
  @property() label = "Live video";
  @property({ attribute: false }) meter?: PlaybackMeter;

  @state() private playing = false;
  @state() private buffering = true;
  @state() private muted = true;
  @state() private volume = 1;
  @state() private latency: number | undefined;
  @state() private idle = false;
  @state() private full = false;
  @state() private troubled = false;

  @query("video") private video!: HTMLVideoElement;
  private playback: Playback | undefined;
  private opening: string | undefined;
  private clock: ReturnType<typeof setInterval> | undefined;
  private hiding: ReturnType<typeof setTimeout> | undefined;

  override connectedCallback(): void {
    super.connectedCallback();
    this.clock = setInterval(() => (this.latency = this.playback?.latency), 1000);
    document.addEventListener("fullscreenchange", this.fullscreenChanged);
    this.addEventListener("pointermove", this.stir);
    this.addEventListener("keydown", this.pressed);
    this.addEventListener("focusin", this.stir);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearInterval(this.clock);
    clearTimeout(this.hiding);
    document.removeEventListener("fullscreenchange", this.fullscreenChanged);
    this.close();
  }

  override firstUpdated(): void {
    const volume = Number(localStorage.getItem(VOLUME) ?? 1);
    this.video.volume = volume >= 0 && volume <= 1 ? volume : 1;
    // As a property: the attribute would only set the default.
    this.video.muted = true;
    this.meter?.watch(this.video);
  }

  override updated(changed: PropertyValues<this>): void {
    if (changed.has("src")) void this.open();
    if (changed.has("halted") && changed.get("halted") !== undefined) {
      if (this.halted) this.video.pause();
      else this.goLive();
    }
  }

  /** Starts anew at the live edge, as after the encoder came back. */
  restart(): void {
    void this.open();
  }

  protected override render() {
    return html`
      <div class="player ${this.idle && this.playing ? "idle" : ""}" role="region" aria-label=${this.label}>
        <video
          playsinline
          @play=${this.sync}
          @pause=${this.sync}
          @volumechange=${this.sync}
          @playing=${this.started}
          @waiting=${() => (this.buffering = true)}
          @click=${this.toggle}
          @dblclick=${this.toggleFullscreen}
        ></video>
        ${this.buffering && !this.halted ? html`<div class="spinner" role="status"><span class="visually-hidden">${this.troubled ? "Trying again" : "Loading video"}</span></div>` : nothing}
        ${this.muted && this.playing ? html`<button type="button" class="unmute" @click=${this.unmute}>${icons.muted}Tap to unmute</button>` : nothing}
        ${!this.playing && !this.buffering && !this.halted ? html`<button type="button" class="big-play" aria-label="Play" @click=${this.goLive}>${icons.play}</button>` : nothing}
        ${this.controls()}
      </div>
    `;
  }

  private controls() {
    const button = (label: string, icon: unknown, action: () => void, key = "") =>
      html`<button type="button" class="control" aria-label=${label} title=${key ? `${label} (${key})` : label} @click=${action}>${icon}</button>`;
    return html`<div class="controls">
      ${button(this.playing ? "Pause" : "Play", this.playing ? icons.pause : icons.play, this.toggle, "k")}
      ${button(this.muted ? "Unmute" : "Mute", this.muted ? icons.muted : icons.loud, this.toggleMute, "m")}
      <input
        class="volume"
        type="range"
        min="0"
        max="1"
        step="0.05"
        aria-label="Volume"
        .value=${String(this.muted ? 0 : this.volume)}
        @input=${this.setVolume}
      />
      ${this.edge()}
      <span class="stretch"></span>
      ${this.qualityMenu()}
      ${document.pictureInPictureEnabled ? button("Picture in picture", icons.picture, this.togglePicture, "p") : nothing}
      ${button(this.full ? "Leave full screen" : "Full screen", this.full ? icons.shrink : icons.expand, this.toggleFullscreen, "f")}
    </div>`;
  }

  /** The lamp: red at the live edge; a button back to it otherwise. */
  private edge() {
    const behind = this.latency;
    const late = (!this.playing && !this.buffering) || (behind !== undefined && behind > BEHIND);
    const seconds = behind === undefined ? nothing : html`<span class="latency" title="Behind the broadcaster">${behind.toFixed(1)} s</span>`;
    if (late) return html`<button type="button" class="edge late" @click=${this.goLive}><i class="dot"></i>Back to live</button>${seconds}`;
    return html`<span class="edge"><i class="dot"></i>Live</span>${seconds}`;
  }

  private qualityMenu() {
    const qualities = this.playback?.qualities ?? [];
    if (!this.playback || qualities.length < 2) return nothing;
    const current = this.playback.quality;
    return html`<select class="quality" aria-label="Quality" @change=${this.chooseQuality}>
      <option value="-1" ?selected=${current === -1}>Auto</option>
      ${qualities.map(({ index, label }) => html`<option value=${index} ?selected=${index === current}>${label}</option>`)}
    </select>`;
  }

  private async open(): Promise<void> {
    this.close();
    const src = (this.opening = this.src);
    if (!src) return;
    this.buffering = true;
    this.meter?.begin();
    if (this.halted) this.meter?.refused();
    const playback = await play(this.video, src, {
      changed: () => this.requestUpdate(),
      trouble: (why) => {
        this.troubled = this.buffering = true;
        this.meter?.fail(why);
        this.dispatchEvent(new Event("playback-trouble"));
      },
    });
    // While hls.js was on its way somebody may have asked for something else.
    if (!this.isConnected || this.opening !== src || this.playback) return playback.destroy();
    this.playback = playback;
    if (!this.halted) await this.attempt();
  }

  /** With sound if this visitor allowed it before, else muted; a browser may refuse both until a click. */
  private async attempt(): Promise<void> {
    try {
      await this.video.play();
    } catch (error) {
      if ((error as Error).name !== "NotAllowedError") return;
      this.video.muted = true;
      await this.video.play().catch(() => {
        this.buffering = false;
        this.meter?.refused();
      });
    }
  }

  private close(): void {
    this.playback?.destroy();
    this.playback = undefined;
    this.opening = undefined;
    this.latency = undefined;
  }

  private readonly sync = (): void => {
    this.playing = !this.video.paused;
    this.muted = this.video.muted || this.video.volume === 0;
    this.volume = this.video.volume;
    if (this.video.paused) this.buffering = false;
  };

  private readonly started = (): void => {
    this.buffering = this.troubled = false;
    this.sync();
    this.stir();
  };

  private readonly toggle = (): void => {
    if (this.halted) return;
    if (this.video.paused) this.goLive();
    else this.video.pause();
  };

  private readonly goLive = (): void => {
    if (this.playback) this.playback.goLive();
  };

  private readonly unmute = (): void => {
    this.video.muted = false;
    if (this.video.volume === 0) this.video.volume = 1;
    this.querySelector<HTMLElement>(".control")?.focus({ preventScroll: true });
  };

  private readonly toggleMute = (): void => {
    if (this.muted) this.unmute();
    else this.video.muted = true;
  };

  private readonly setVolume = (event: Event): void => {
    const volume = Number((event.target as HTMLInputElement).value);
    this.video.volume = volume;
    this.video.muted = volume === 0;
    localStorage.setItem(VOLUME, String(volume || 1));
  };

  private readonly chooseQuality = (event: Event): void => {
    if (this.playback) this.playback.quality = Number((event.target as HTMLSelectElement).value);
  };

  private readonly togglePicture = (): void => {
    const done = document.pictureInPictureElement ? document.exitPictureInPicture() : this.video.requestPictureInPicture();
    void done.catch(() => undefined);
  };

  private readonly toggleFullscreen = (): void => {
    const frame = this.querySelector<HTMLElement>(".player")!;
    if (document.fullscreenElement) return void document.exitFullscreen();
    if (frame.requestFullscreen) return void frame.requestFullscreen().catch(() => undefined);
    // On iPhones only the video itself can be full screen.
    (this.video as HTMLVideoElement & { webkitEnterFullscreen?: () => void }).webkitEnterFullscreen?.();
  };

  private readonly fullscreenChanged = (): void => {
    this.full = document.fullscreenElement !== null && this.contains(document.fullscreenElement);
  };

  private readonly stir = (): void => {
    this.idle = false;
    clearTimeout(this.hiding);
    this.hiding = setTimeout(() => (this.idle = true), HIDE_AFTER);
  };

  private readonly pressed = (event: KeyboardEvent): void => {
    this.stir();
    if (event.ctrlKey || event.metaKey || event.altKey || (event.target as HTMLElement).matches("select")) return;
    const action = { k: this.toggle, m: this.toggleMute, f: this.toggleFullscreen, p: this.togglePicture, l: this.goLive }[event.key.toLowerCase()];
    if (!action) return;
    event.preventDefault();
    action();
  };
}

customElements.define("tl-player", Player);
