import { isMediaElsewhere } from "../elements/session.js";
import type { Broadcast } from "./api.js";

/** What a viewer sees. Only `live` and `reconnecting` have a picture behind them. */
export type Screen =
  | "loading"
  | "live"
  | "waiting"
  | "paused"
  | "reconnecting"
  | "full"
  | "ended"
  | "not-found"
  | "removed"
  | "elsewhere"
  | "offline"
  | "error";

/** How far the attempt to be a viewer got. */
export type Admission = "none" | "joined" | "full" | "ended" | "not-found" | "removed" | "error";

export interface WatchFacts {
  broadcast: Broadcast | undefined;
  admission: Admission;
  playbackUrl: string | null | undefined;
  online: boolean;
  /** Where the API is, to tell built-in media from media elsewhere. */
  origin: string;
}

/** The one screen that fits the facts; the gravest comes first. */
export function screenFor({ broadcast, admission, playbackUrl, online, origin }: WatchFacts): Screen {
  if (admission === "not-found" || admission === "removed") return admission;
  if (admission === "ended" || broadcast?.status === "ended") return "ended";
  if (!broadcast) return !online ? "offline" : admission === "error" ? "error" : "loading";
  if (!online) return "offline";
  if (admission === "full") return "full";
  if (admission === "error") return "error";
  if (admission === "none") return "loading";
  if (broadcast.ingest?.state === "interrupted") return "reconnecting";
  if (broadcast.status === "paused") return "paused";
  if (isMediaElsewhere({ hls_url: playbackUrl ?? null }, origin)) return "live";
  if (broadcast.ingest?.state === "idle") return "waiting";
  return playbackUrl ? "live" : "elsewhere";
}

/** Whole seconds until a time, never negative. */
export const secondsUntil = (time: string | null | undefined, now: number): number =>
  time ? Math.max(0, Math.ceil((Date.parse(time) - now) / 1000)) : 0;
