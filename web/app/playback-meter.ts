/** What is told with a heartbeat: how playback went since the one before. Times are in milliseconds. */
export interface PlaybackReport {
  startup_ms?: number;
  played_ms?: number;
  stalled_ms?: number;
  stalls?: number;
  failure?: PlaybackFailure;
}

export type PlaybackFailure = "network" | "media" | "unsupported" | "other";

/** The most that the server takes. */
const MAX_STARTUP = 600_000;
const MAX_AMOUNT = 3_600_000;
const HAVE_FUTURE_DATA = 3;

/**
 * Measures how playback is for whoever watches, by what the video element says; whatever feeds it.
 *
 * The startup lasts from the wish to play to the first picture; waiting for a click of the viewer is no part of it. A
 * stall is a wait for media that begins while playing; seeking and pausing are none.
 */
export class PlaybackMeter {
  private state: "resting" | "playing" | "stalled" = "resting";
  /** Until when the time in this state has been added. */
  private since = 0;
  /** When playback was wished for, until it starts. */
  private wished: number | undefined;
  private isStarting = false;
  private hasFailed = false;
  private sum: PlaybackReport = {};

  constructor(private readonly now: () => number = () => performance.now()) {}

  /** Listens to a video, as long as there is one. */
  watch(video: HTMLVideoElement): void {
    const on = (names: string, listener: () => void) => names.split(" ").forEach((name) => video.addEventListener(name, listener));
    on("play", () => (this.wished ??= this.isStarting ? this.now() : undefined));
    on("playing", () => this.plays());
    on("waiting", () => !video.seeking && this.waits());
    on("seeking", () => this.state === "playing" && this.enter("resting"));
    on("seeked", () => !video.paused && video.readyState >= HAVE_FUTURE_DATA && this.plays());
    on("pause ended emptied", () => this.enter("resting"));
  }

  /** Playback of something else, or anew, is wished for. */
  begin(): void {
    this.enter("resting");
    this.isStarting = true;
    this.wished = this.now();
  }

  /** It is not to play yet: the browser waits for a click, or the broadcast is paused. */
  refused(): void {
    this.wished = undefined;
  }

  /** Playback broke off. Until it plays again that is one failure, however often it is tried. */
  fail(failure: PlaybackFailure): void {
    this.enter("resting");
    if (!this.hasFailed) this.sum.failure = failure;
    this.hasFailed = true;
  }

  /** What happened since the last time; nothing if nothing did. */
  take(): PlaybackReport | undefined {
    this.enter(this.state);
    const { sum } = this;
    this.sum = {};
    return Object.keys(sum).length > 0 ? sum : undefined;
  }

  /** Takes back what could not be told. */
  giveBack(report: PlaybackReport | undefined): void {
    if (!report) return;
    const { played_ms = 0, stalled_ms = 0, stalls = 0, ...once } = report;
    this.add("played_ms", played_ms);
    this.add("stalled_ms", stalled_ms);
    this.add("stalls", stalls);
    this.sum = { ...once, ...this.sum };
  }

  private plays(): void {
    if (this.isStarting && this.wished !== undefined) {
      this.sum.startup_ms = Math.min(Math.round(this.now() - this.wished), MAX_STARTUP);
      this.isStarting = false;
    }
    this.hasFailed = false;
    this.enter("playing");
  }

  private waits(): void {
    if (this.state !== "playing") return;
    this.add("stalls", 1);
    this.enter("stalled");
  }

  private enter(state: "resting" | "playing" | "stalled"): void {
    const now = this.now();
    if (this.state !== "resting") this.add(this.state === "playing" ? "played_ms" : "stalled_ms", Math.round(now - this.since));
    this.state = state;
    this.since = now;
  }

  private add(name: "played_ms" | "stalled_ms" | "stalls", amount: number): void {
    if (amount > 0) this.sum[name] = Math.min((this.sum[name] ?? 0) + amount, name === "stalls" ? 10_000 : MAX_AMOUNT);
  }
}
