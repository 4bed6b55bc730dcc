import { api, type LogEvent } from "./api.js";
import { ChatRoom } from "./chat-room.js";
import { openFeed, type Feed, type FeedCount, type FeedListener, type FeedReply, type OpenFeed } from "./live.js";

/** The most events that are kept. */
const MOST = 100;
const LATELY = 60_000;

/** Whom an owner's feed tells. */
export interface OwnerListener {
  changed(): void;
  /** Something happened to the broadcast itself, or may have: ask for it. */
  news(): void;
  /** The connection is away, and everything has to be asked for. */
  away(): void;
}

/** All that happens in one broadcast of one's own, as it happens. */
export class OwnerFeed implements FeedListener {
  readonly chat: ChatRoom;
  /** Newest first; what is said is in the chat. */
  events: LogEvent[] = [];
  counts: FeedCount | undefined;
  isLive = false;

  private feed: Feed | undefined;
  private isStopped = false;
  private joined: number[] = [];

  constructor(
    readonly id: string,
    private readonly listener: OwnerListener,
    private readonly open: OpenFeed = openFeed,
  ) {
    this.chat = new ChatRoom(id);
  }

  async start(): Promise<void> {
    const feed = await this.open({ channel: `owner:${this.id}`, listener: this }).catch(() => undefined);
    if (this.isStopped) feed?.close();
    else this.feed = feed;
  }

  stop(): void {
    this.isStopped = true;
    this.isLive = false;
    this.feed?.close();
    this.feed = undefined;
  }

  /** How many came within the last minute, as far as the newest events tell. */
  joins(now: number): number {
    this.joined = this.joined.filter((at) => now - at < LATELY);
    return this.joined.length;
  }

  /** Reads what the feed would have told. */
  async load(): Promise<void> {
    const reads = [api.newest(this.id).then(({ items }) => this.merge(items)), ...(this.isLive ? [] : [this.chat.load()])];
    await Promise.all(reads);
    this.listener.changed();
  }

  opened(reply: FeedReply | undefined, recovered: boolean): void {
    this.isLive = true;
    if (reply?.chat) this.chat.fill(reply.chat);
    if (!recovered) {
      void this.load().catch(() => undefined);
      this.listener.news();
    }
    this.listener.changed();
  }

  event(event: LogEvent): void {
    this.chat.take(event);
    this.merge([event]);
    if (event.type.startsWith("broadcast.")) this.listener.news();
    this.listener.changed();
  }

  count(counts: FeedCount): void {
    this.counts = counts;
    this.listener.changed();
  }

  away(final: boolean): void {
    if (!this.isLive && !final) return;
    this.isLive = false;
    this.counts = undefined;
    this.listener.away();
  }

  private merge(events: LogEvent[]): void {
    const known = new Set(this.events.map(({ seq }) => seq));
    const fresh = events.filter(({ seq, type }) => !known.has(seq) && type !== "chat.message");
    this.joined.push(...fresh.filter(({ type }) => type === "viewer.joined").map(({ created_at }) => Date.parse(created_at)));
    this.events = [...fresh, ...this.events].sort((a, b) => b.seq - a.seq).slice(0, MOST);
  }
}
