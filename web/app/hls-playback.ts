import type Hls from "hls.js";
import type { HlsConfig } from "hls.js";
import workerUrl from "hls.js/dist/hls.worker.js?url";
import type { PlaybackFailure } from "./playback-meter.js";
import { oneAtATime, sharesFewConnections } from "./playlist-loader.js";

export interface Quality {
  index: number;
  label: string;
}

/** What the player needs of whatever plays. */
export interface Playback {
  /** Seconds behind the broadcaster, or nothing while unknown. */
  readonly latency: number | undefined;
  readonly qualities: Quality[];
  /** The chosen quality; -1 lets the player choose. */
  quality: number;
  goLive(): void;
  destroy(): void;
}

export interface PlaybackEvents {
  /** Something changed that the controls show. */
  changed(): void;
  /** Playback broke off and is being tried again. */
  trouble(why: PlaybackFailure): void;
}

/** Tuned for LL-HLS: as near to the edge as the server's PART-HOLD-BACK allows, and back there soon after a stall. */
const LOW_LATENCY: Partial<HlsConfig> = {
  lowLatencyMode: true,
  workerPath: workerUrl,
  backBufferLength: 30,
  maxBufferLength: 12,
  maxMaxBufferLength: 30,
  liveSyncOnStallIncrease: 0.25,
  capLevelToPlayerSize: true,
};

/** Plays an address in a video element, with hls.js wherever it runs: browsers' own HLS breaks real streams. */
export async function play(video: HTMLVideoElement, address: string, events: PlaybackEvents): Promise<Playback> {
  const { default: Hls } = await import("hls.js");
  if (Hls.isSupported()) return new HlsPlayback(Hls, video, address, events);
  return new NativePlayback(video, address, events);
}

/** Near the edge the pace is corrected too gently to hear; after a stall it may be heard for a while. */
const GENTLE = 1.04;
const QUICK = 1.25;
/** Seconds beyond the wanted latency from which it is quick. */
const FAR = 1.5;

/** What hls.js calls its fatal errors. */
const FAILURES: Record<string, PlaybackFailure> = { networkError: "network", mediaError: "media" };
/** By the code of a video's error. */
const NATIVE_FAILURES: Record<number, PlaybackFailure> = { 2: "network", 3: "media", 4: "unsupported" };

const FIRST_RETRY = 1000;
const LAST_RETRY = 8000;

class HlsPlayback implements Playback {
  private hls: Hls;
  private retry = FIRST_RETRY;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly pacer = setInterval(() => this.pace(), 1000);

  constructor(
    private readonly Engine: typeof Hls,
    private readonly video: HTMLVideoElement,
    private readonly address: string,
    private readonly events: PlaybackEvents,
  ) {
    this.hls = this.open();
  }

  get latency(): number | undefined {
    // hls.js says 0 until the playlist told it where live is.
    return this.hls.latency > 0 ? this.hls.latency : undefined;
  }

  get qualities(): Quality[] {
    return this.hls.levels.map(({ height, bitrate }, index) => ({
      index,
      label: height ? `${height}p` : `${Math.round(bitrate / 1000)} kbit/s`,
    }));
  }

  get quality(): number {
    return this.hls.autoLevelEnabled ? -1 : this.hls.currentLevel;
  }

  set quality(index: number) {
    this.hls.nextLevel = index;
  }

  goLive(): void {
    const live = this.hls.liveSyncPosition;
    if (live !== null && Number.isFinite(live)) this.video.currentTime = live;
    void this.video.play().catch(() => undefined);
  }

  destroy(): void {
    clearTimeout(this.timer);
    clearInterval(this.pacer);
    this.hls.destroy();
  }

  private pace(): void {
    const { latency, targetLatency, config } = this.hls;
    config.maxLiveSyncPlaybackRate = latency - (targetLatency ?? latency) > FAR ? QUICK : GENTLE;
  }

  private open(): Hls {
    const { Engine, events } = this;
    const config: Partial<HlsConfig> = { ...LOW_LATENCY, maxLiveSyncPlaybackRate: GENTLE };
    if (sharesFewConnections()) config.pLoader = oneAtATime(Engine.DefaultConfig.loader as never) as never;
    const hls = new Engine(config);
    hls.on(Engine.Events.LEVEL_SWITCHED, () => events.changed());
    hls.on(Engine.Events.MANIFEST_PARSED, () => events.changed());
    hls.on(Engine.Events.FRAG_BUFFERED, () => (this.retry = FIRST_RETRY));
    hls.on(Engine.Events.ERROR, (_event, { fatal, type, details }) => {
      if (!fatal) return;
      events.trouble(details === Engine.ErrorDetails.MANIFEST_INCOMPATIBLE_CODECS_ERROR ? "unsupported" : (FAILURES[type] ?? "other"));
      if (type === Engine.ErrorTypes.MEDIA_ERROR && this.retry === FIRST_RETRY) hls.recoverMediaError();
      else this.reopen();
      this.retry = Math.min(this.retry * 2, LAST_RETRY);
    });
    hls.attachMedia(this.video);
    hls.loadSource(this.address);
    return hls;
  }

  /** After a fatal error only a fresh start is sure to work. */
  private reopen(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.hls.destroy();
      this.hls = this.open();
      void this.video.play().catch(() => undefined);
    }, this.retry);
  }
}

class NativePlayback implements Playback {
  readonly latency = undefined;
  readonly qualities = [];
  quality = -1;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly video: HTMLVideoElement,
    private readonly address: string,
    private readonly events: PlaybackEvents,
  ) {
    video.addEventListener("error", this.failed);
    video.src = address;
  }

  goLive(): void {
    const { seekable } = this.video;
    if (seekable.length > 0) this.video.currentTime = seekable.end(seekable.length - 1);
    void this.video.play().catch(() => undefined);
  }

  destroy(): void {
    clearTimeout(this.timer);
    this.video.removeEventListener("error", this.failed);
    this.video.removeAttribute("src");
    this.video.load();
  }

  private readonly failed = (): void => {
    this.events.trouble(NATIVE_FAILURES[this.video.error?.code ?? 0] ?? "other");
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.video.src = this.address;
      void this.video.play().catch(() => undefined);
    }, LAST_RETRY / 2);
  };
}
