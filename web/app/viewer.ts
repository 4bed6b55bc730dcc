import { Poller } from "../elements/poller.js";
import { api, type Broadcast, type JoinResponse } from "./api.js";
import { ApiProblem } from "./problem.js";
import { PlaybackMeter } from "./playback-meter.js";
import type { Admission } from "./watch-screen.js";

const STATE_INTERVAL = 5000;
const RETRY_INTERVAL = 4000;

interface KeptViewer {
  viewer_id: string;
  viewer_token: string;
}

/**
 * One viewer of one broadcast, from join to leave: joins, sends heartbeats and tells with them how it plays, follows
 * the broadcast's state, and leaves with the page. Tells its owner after each change.
 */
export class Viewer {
  broadcast: Broadcast | undefined;
  admission: Admission = "none";
  playback: JoinResponse["playback"] | undefined;
  /** Whether the server answered last time, whatever it said. */
  reachable = true;
  peak = 0;
  duration = 0;
  /** How it plays, which is told with the heartbeats and at the end. */
  readonly meter = new PlaybackMeter();

  private token: string | undefined;
  private heart: Poller | undefined;
  private release: (() => void) | undefined;
  private readonly state = new Poller(() => this.follow(), { interval: STATE_INTERVAL, maxBackoff: 20_000, whileHidden: true });
  private readonly door = new Poller(() => this.knock(), { interval: RETRY_INTERVAL, maxBackoff: 20_000, whileHidden: true });

  constructor(
    private readonly id: string,
    private readonly changed: () => void,
  ) {}

  start(): void {
    addEventListener("pagehide", this.leave);
    addEventListener("pageshow", this.comeBack);
    this.state.start();
    this.door.start();
  }

  stop(): void {
    removeEventListener("pagehide", this.leave);
    removeEventListener("pageshow", this.comeBack);
    this.leave();
  }

  /** Asks for everything again, now. */
  retry(): void {
    if (this.admission === "joined") return this.state.refresh();
    this.become("none");
    this.state.start();
    this.door.start();
    this.state.refresh();
    this.door.refresh();
  }

  /** Looks whether the server is still there. */
  check(): void {
    this.state.refresh();
  }

  private become(admission: Admission): void {
    this.admission = admission;
    if (admission === "ended" || admission === "not-found") this.rest();
    this.changed();
  }

  private rest(): void {
    this.door.stop();
    this.heart?.stop();
    if (this.admission === "not-found") this.state.stop();
    this.forget();
  }

  private async follow(): Promise<void> {
    try {
      const [broadcast, session] = await Promise.all([api.broadcast(this.id), api.session(this.id)]);
      this.reachable = true;
      this.broadcast = broadcast;
      this.peak = session.peak_viewers ?? 0;
      this.duration = session.duration ?? 0;
      if (broadcast.status === "ended") {
        this.state.stop();
        this.become("ended");
      }
      this.changed();
    } catch (error) {
      this.reachable = error instanceof ApiProblem;
      if (error instanceof ApiProblem && error.status === 404) return this.become("not-found");
      if (!this.broadcast) this.become("error");
      this.changed();
      throw error;
    }
  }

  /** Tries to get in; the poller tries again while the broadcast is full or the server away. */
  private async knock(): Promise<void> {
    try {
      const kept = await this.recall();
      const answer = await api.join(this.id, kept?.viewer_token).catch((error: unknown) => {
        // That viewer left for good; whoever watches now is a new one.
        if (kept && isGone(error) && !isEnded(error)) return this.forget(), api.join(this.id);
        throw error;
      });
      await this.admitted(answer);
    } catch (error) {
      this.refused(error);
      throw error;
    }
  }

  private async admitted(answer: JoinResponse): Promise<void> {
    this.door.stop();
    this.token = answer.viewer_token;
    this.playback = answer.playback;
    // This viewer is among them, which what was read before the join cannot say.
    if (this.broadcast) this.broadcast = { ...this.broadcast, viewer_count: answer.session.viewer_count };
    sessionStorage.setItem(this.key, JSON.stringify({ viewer_id: answer.viewer_id, viewer_token: answer.viewer_token }));
    if (!this.release) this.release = await claim(answer.viewer_id);
    this.heart?.stop();
    this.heart = new Poller(() => this.beat(), { interval: answer.heartbeat_interval * 1000, maxBackoff: answer.heartbeat_interval * 1000, whileHidden: true });
    // The join was the first sign of life.
    setTimeout(() => this.admission === "joined" && this.heart?.start(), answer.heartbeat_interval * 1000);
    this.become("joined");
  }

  private refused(error: unknown): void {
    if (!(error instanceof ApiProblem)) return this.become("error");
    if (isEnded(error)) return this.become("ended");
    if (error.status === 404 || error.status === 403) return this.become("not-found");
    this.become(error.code === "broadcast-full" ? "full" : "error");
  }

  private async beat(): Promise<void> {
    if (!this.token) return;
    const report = this.meter.take();
    try {
      await api.heartbeat(this.id, this.token, report);
    } catch (error) {
      this.meter.giveBack(report);
      if (!(error instanceof ApiProblem)) throw error;
      if (isEnded(error)) return this.become("ended");
      if (error.status === 404) return this.become("not-found");
      if (!isGone(error)) throw error;
      // The picture stays while this viewer, or a new one, is let in again.
      this.heart?.stop();
      this.door.start();
    }
  }

  private readonly leave = (): void => {
    this.state.stop();
    this.door.stop();
    this.heart?.stop();
    if (this.token) api.leave(this.id, this.token, this.meter.take());
    this.forget();
  };

  private readonly comeBack = (event: PageTransitionEvent): void => {
    if (!event.persisted) return;
    this.admission = "none";
    this.state.start();
    this.door.start();
    this.changed();
  };

  private get key(): string {
    return `tallylight.viewer.${this.id}`;
  }

  /** The viewer that this tab was before it crashed or was put to sleep; a copy of the tab is another viewer. */
  private async recall(): Promise<KeptViewer | undefined> {
    if (this.token) return { viewer_id: "", viewer_token: this.token };
    const kept = JSON.parse(sessionStorage.getItem(this.key) ?? "null") as KeptViewer | null;
    if (!kept) return undefined;
    this.release ??= await claim(kept.viewer_id);
    return this.release ? kept : undefined;
  }

  private forget(): void {
    this.token = undefined;
    sessionStorage.removeItem(this.key);
    this.release?.();
    this.release = undefined;
  }
}

const isGone = (error: unknown): boolean => error instanceof ApiProblem && error.status === 410;
const isEnded = (error: unknown): boolean => isGone(error) && (error as ApiProblem).code === "broadcast-ended";

/** Claims a viewer for this tab; nothing when another tab has it. Without Web Locks nobody can know. */
async function claim(viewerId: string): Promise<(() => void) | undefined> {
  if (!navigator.locks) return () => undefined;
  return new Promise((resolve) => {
    void navigator.locks.request(`tallylight.viewer.${viewerId}`, { ifAvailable: true }, (lock) => {
      if (!lock) return resolve(undefined);
      return new Promise<void>((release) => resolve(release));
    });
  });
}
