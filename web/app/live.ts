import type { LogEvent, SessionView } from "./api.js";

/** What the server gives with a subscription. `chat` is left out when everything missed was sent. */
export interface FeedReply {
  session: SessionView;
  chat?: LogEvent[];
}

/** Counts of now; the owner's feed has all of them. */
export interface FeedCount {
  viewer_count: number;
  peak_viewers: number;
  viewers?: number;
  reported_viewers?: number;
}

export interface FeedListener {
  /** It is there, or there again; `recovered` when nothing was missed meanwhile. */
  opened(reply: FeedReply | undefined, recovered: boolean): void;
  event(event: LogEvent): void;
  count(count: FeedCount): void;
  /** It is gone: for a while, or `final` because the server will not have us. */
  away(final: boolean): void;
}

export interface FeedPlan {
  /** `session:{id}` or `owner:{id}`. */
  channel: string;
  listener: FeedListener;
  /** The viewer token that binds this viewer to the connection. */
  viewerToken?: string;
  /** Asked when that one is of no use any more; an empty answer means that there will be none. */
  renew?: () => Promise<string>;
}

export interface Feed {
  close(): void;
}

export type OpenFeed = (plan: FeedPlan) => Promise<Feed>;

/** Opens a live feed. The client comes in a file of its own: a page is of use before it. */
export const openFeed: OpenFeed = async (plan) => {
  const { LiveFeed } = await import("./live-feed.js");
  return new LiveFeed(plan);
};
