import { Poller } from "../elements/poller.js";
import { api, type Broadcast, type JoinResponse, type LogEvent } from "./api.js";
import { ChatRoom } from "./chat-room.js";
import { KeptViewer } from "./kept-viewer.js";
import { openFeed, type Feed, type FeedCount, type FeedListener, type FeedReply, type OpenFeed } from "./live.js";
import { PlaybackMeter } from "./playback-meter.js";
import { ApiProblem } from "./problem.js";
import type { Admission } from "./watch-screen.js";

const STATE_INTERVAL = 5000;
const RETRY_INTERVAL = 4000;
/** While a connection keeps the viewer alive, a heartbeat only reports: so many times as seldom. */
const SELDOM = 6;
/** After the connection is lost, this long at most until the state is polled; everybody loses it at once. */
const AWAY_SPREAD = 3000;
/** What an event says of the broadcast, until the API has said it. */
const HINTS: Record<string, Partial<Broadcast>> = {
  "broadcast.started": { ingest: { state: "live" } },
  "broadcast.interrupted": { ingest: { state: "interrupted" } },
  "broadcast.recovered": { ingest: { state: "live" } },
  "broadcast.paused": { status: "paused" },
  "broadcast.resumed": { status: "active" },
};
/** A change that all viewers hear of is asked about within this time, the more of them the later. */
const NEWS_SPREAD = 2000;

/**
 * One viewer of one broadcast, from join to leave: joins, stays alive and tells how it plays, follows the broadcast's
 * state, and leaves with the page. Tells its owner after each change.
 *
 * Once it has joined it hears of everything over a live connection, which keeps it alive as well. While that is away
 * it polls the state and sends heartbeats. Whatever an event says is asked for as well: the API has the truth.
 */
export class Viewer implements FeedListener {
  broadcast: Broadcast | undefined;
  admission: Admission = "none";
  /** Why it was removed. */
  reason = "";
  playback: JoinResponse["playback"] | undefined;
  /** Whether the server answered last time, whatever it said. */
  reachable = true;
  peak = 0;
  duration = 0;
  /** How it plays, which is told with the heartbeats and at the end. */
  readonly meter = new PlaybackMeter();
  /** What is said and shown meanwhile. */
  readonly chat: ChatRoom;
  /** Whether the live connection is there. */
  isLive = false;

  private feed: Feed | undefined;
  private isOpening = false;
  /** The viewer token that the connection knows. */
  private bound: string | undefined;
  private beatInterval = STATE_INTERVAL;
  /** The state is to be asked for, and has not been yet. */
  private isBehind = false;
  private later: ReturnType<typeof setTimeout> | undefined;
  private token: string | undefined;
  private heart: Poller | undefined;
  private readonly kept: KeptViewer;
  private readonly state = new Poller(() => this.follow(), { interval: STATE_INTERVAL, maxBackoff: 20_000, whileHidden: true });
  private readonly door = new Poller(() => this.knock(), { interval: RETRY_INTERVAL, maxBackoff: 20_000, whileHidden: true });

  constructor(
    private readonly id: string,
    private readonly changed: () => void,
    private readonly open: OpenFeed = openFeed,
  ) {
    this.chat = new ChatRoom(id);
    this.kept = new KeptViewer(id);
  }

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
    if (this.admission === "joined") return this.look();
    this.become("none");
    this.door.start();
    this.look();
    this.door.refresh();
  }

  /** Looks whether the server is still there. */
  check(): void {
    this.look();
  }

  opened(reply: FeedReply | undefined, recovered: boolean): void {
    this.isLive = this.reachable = true;
    clearTimeout(this.later);
    if (this.heart) this.heart.interval = this.beatInterval * SELDOM;
    if (reply?.chat) this.chat.fill(reply.chat);
    if (recovered) this.state.stop();
    else this.look();
    this.changed();
  }

  event(event: LogEvent): void {
    this.chat.take(event);
    if (!event.type.startsWith("broadcast.")) return;
    if (this.broadcast) this.broadcast = { ...this.broadcast, ...HINTS[event.type] };
    this.changed();
    const spread = Math.min(this.broadcast?.viewer_count ?? 0, NEWS_SPREAD);
    clearTimeout(this.later);
    this.later = setTimeout(() => this.look(), Math.random() * spread);
  }

  count({ viewer_count, peak_viewers }: FeedCount): void {
    if (this.broadcast) this.broadcast = { ...this.broadcast, viewer_count };
    this.peak = Math.max(this.peak, peak_viewers ?? 0);
    this.changed();
  }

  away(final: boolean): void {
    if (!this.isLive && !final) return;
    this.isLive = false;
    if (this.heart) this.heart.interval = this.beatInterval;
    clearTimeout(this.later);
    // Sent away, as when the broadcast became private: what is true now has to be known at once.
    if (final) {
      this.look();
      this.heart?.refresh();
    } else this.later = setTimeout(() => this.state.start(), Math.random() * AWAY_SPREAD);
    this.changed();
  }

  /** Asks for the state now; once when the connection is there, else again and again. */
  private look(): void {
    this.isBehind = true;
    this.state.stop();
    this.state.start();
  }

  /** Opens the live connection; until it is there, and where it never is, everything is polled. */
  private async listen(): Promise<void> {
    if (this.feed || this.isOpening) return;
    this.isOpening = true;
    this.bound = this.token;
    try {
      const plan = { channel: `session:${this.id}`, listener: this, viewerToken: this.token, renew: () => this.renew() };
      const feed = await this.open(plan);
      if (this.admission === "joined" && this.token) this.feed = feed;
      else feed.close();
    } catch {
      // Its file could not be loaded: the next join tries again.
    } finally {
      this.isOpening = false;
    }
  }

  private hangUp(): void {
    clearTimeout(this.later);
    this.feed?.close();
    this.feed = undefined;
    this.isLive = false;
  }

  /** A viewer token for the connection, whose own is of no use any more: another one by now, or that of a new join. */
  private async renew(): Promise<string> {
    if (!this.token || this.token === this.bound) {
      await this.knock().catch((error: unknown) => {
        if (this.admission !== "ended" && this.admission !== "not-found") throw error;
      });
    }
    this.bound = this.token;
    return this.token ?? "";
  }

  private become(admission: Admission): void {
    this.admission = admission;
    if (admission === "ended" || admission === "not-found") this.rest();
    this.changed();
  }

  /** Not wanted here: nothing is tried again until somebody asks for it. */
  private removed(problem: ApiProblem): void {
    this.reason = problem.sentence;
    this.hangUp();
    this.door.stop();
    this.heart?.stop();
    this.state.stop();
    this.forget();
    this.become("removed");
  }

  private rest(): void {
    this.hangUp();
    this.chat.close();
    this.door.stop();
    this.heart?.stop();
    if (this.admission === "not-found") this.state.stop();
    this.forget();
  }

  private async follow(): Promise<void> {
    this.isBehind = false;
    try {
      // Without a connection the chat is read as the state is; it is of no matter to the rest whether that works.
      if (!this.isLive) void this.chat.load().catch(() => undefined);
      const [broadcast, session] = await Promise.all([api.broadcast(this.id), api.session(this.id)]);
      this.reachable = true;
      this.broadcast = broadcast;
      this.peak = session.peak_viewers ?? 0;
      this.duration = session.duration ?? 0;
      if (broadcast.status === "ended") {
        this.state.stop();
        this.become("ended");
      } else if (this.isLive && !this.isBehind) this.state.stop();
      this.changed();
    } catch (error) {
      this.reachable = error instanceof ApiProblem;
      if (error instanceof ApiProblem && isUnwanted(error)) return this.removed(error);
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
    this.token = this.chat.viewerToken = answer.viewer_token;
    this.playback = answer.playback;
    // This viewer is among them, which what was read before the join cannot say.
    if (this.broadcast) this.broadcast = { ...this.broadcast, viewer_count: answer.session.viewer_count };
    await this.kept.keep(answer.viewer_id, answer.viewer_token);
    this.beatInterval = answer.heartbeat_interval * 1000;
    this.heart?.stop();
    this.heart = new Poller(() => this.beat(), { interval: this.beatInterval * (this.isLive ? SELDOM : 1), maxBackoff: this.beatInterval, whileHidden: true });
    // The join was the first sign of life.
    setTimeout(() => this.admission === "joined" && this.heart?.start(), this.beatInterval);
    this.become("joined");
    void this.listen();
  }

  private refused(error: unknown): void {
    if (!(error instanceof ApiProblem)) return this.become("error");
    if (isUnwanted(error)) return this.removed(error);
    if (isEnded(error)) return this.become("ended");
    if (error.status === 404 || error.status === 403) return this.become("not-found");
    this.become(error.code === "broadcast-full" ? "full" : "error");
  }

  private async beat(): Promise<void> {
    if (!this.token) return;
    const report = this.meter.take();
    if (this.isLive && !report) return;
    try {
      await api.heartbeat(this.id, this.token, report);
    } catch (error) {
      this.meter.giveBack(report);
      if (!(error instanceof ApiProblem)) throw error;
      if (isUnwanted(error)) return this.removed(error);
      if (isEnded(error)) return this.become("ended");
      if (error.status === 404) return this.become("not-found");
      if (!isGone(error)) throw error;
      // The picture stays while this viewer, or a new one, is let in again.
      this.heart?.stop();
      this.door.start();
    }
  }

  private readonly leave = (): void => {
    this.hangUp();
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

  /** The viewer that this tab was before it crashed or was put to sleep. */
  private async recall(): Promise<{ viewer_token: string } | undefined> {
    return this.token ? { viewer_token: this.token } : this.kept.recall();
  }

  private forget(): void {
    this.token = this.chat.viewerToken = undefined;
    this.kept.forget();
  }
}

const isGone = (error: unknown): boolean => error instanceof ApiProblem && error.status === 410;
const isEnded = (error: unknown): boolean => isGone(error) && (error as ApiProblem).code === "broadcast-ended";
const isUnwanted = ({ code }: ApiProblem): boolean => code === "suspended" || code === "shut-out";
