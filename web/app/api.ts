import type { IngestState } from "../elements/session.js";
import { dismissed, distrust, fresh } from "./auth.js";
import type { PlaybackReport } from "./playback-meter.js";
import { readProblem } from "./problem.js";

/** The shapes of the API that the pages use; docs at /api/docs. */
export interface Broadcast {
  id: string;
  title: string;
  description: string | null;
  user_id: string;
  user: string;
  status: "active" | "paused" | "private" | "ended";
  visibility: "public" | "private";
  created_at: string;
  started_at: string | null;
  ended_at: string | null;
  viewer_count: number;
  max_viewers: number;
  hls_url: string | null;
  webrtc_endpoint: string | null;
  thumbnail_url: string | null;
  ai_intent: string | null;
  tags: string[];
  is_featured: boolean;
  reported_viewers: number;
  ingest: { state: IngestState; interrupted_until?: string | null } | null;
  /** For its owner alone. */
  publish?: PublishAddress | null;
}

export interface PublishAddress {
  rtmp_url: string | null;
  stream_key: string;
  whip_url?: string | null;
}

export interface SessionView {
  id: string;
  title: string;
  user: string;
  viewer_count: number;
  started_at: string | null;
  visibility: string;
  status: string;
  ended_at: string | null;
  duration: number;
  ai_intent: string | null;
  tags: string[];
  peak_viewers: number;
  is_featured: boolean;
}

export interface JoinResponse {
  viewer_id: string;
  viewer_token: string;
  heartbeat_interval: number;
  session: SessionView;
  playback: { hls_url: string | null; webrtc_endpoint: string | null };
}

/** An event of a session's log; `data` depends on `type`. */
export interface LogEvent {
  id: string;
  session_id: string;
  seq: number;
  type: string;
  data: Record<string, unknown>;
  created_at: string;
  user_id: string | null;
}

export const REACTIONS = ["heart", "like", "laugh", "wow", "clap", "party", "fire"] as const;
export type Reaction = (typeof REACTIONS)[number];

export interface Ban {
  user_id: string;
  user: string;
  until: string | null;
  reason: string | null;
  by: string;
  created_at: string;
}

export interface Listing {
  items: Broadcast[];
  total: number;
}

export interface BroadcastDraft {
  title: string;
  description?: string;
  visibility: "public" | "private";
  ai_intent?: string;
  tags: string[];
  max_viewers: number;
}

const TIMEOUT = 15_000;

export interface Call {
  method?: string;
  body?: unknown;
  /** Outlives the page: for what is said while leaving. */
  keepalive?: boolean;
}

/** One call, as whoever is signed in; a sign-in that the server does not take is renewed once. */
export async function call<T>(path: string, { method = "GET", body, keepalive }: Call = {}, retry = true): Promise<T> {
  const until = await fresh();
  const response = await fetch(path, {
    method,
    headers: body === undefined ? undefined : { "content-type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
    keepalive,
    cache: method === "GET" ? "no-cache" : undefined,
    signal: keepalive ? undefined : AbortSignal.timeout(TIMEOUT),
  });
  if (response.ok) return response.status === 204 ? (undefined as T) : response.json();
  const problem = await readProblem(response);
  if (problem.status === 401 && retry) {
    await distrust(until);
    return call(path, { method, body, keepalive }, false);
  }
  if (problem.code === "suspended" && until) await dismissed(problem.sentence);
  throw problem;
}

const broadcast = (id: string) => `/api/broadcasts/${encodeURIComponent(id)}`;
const session = (id: string) => `/api/sessions/${encodeURIComponent(id)}`;
const POST = (body: unknown = {}): Call => ({ method: "POST", body });

export const api = {
  broadcast: (id: string) => call<Broadcast>(broadcast(id)),
  session: (id: string) => call<SessionView>(session(id)),
  /** The newest events, newest first. */
  newest: (id: string, limit = 50) => call<{ items: LogEvent[] }>(`${session(id)}/events?order=desc&limit=${limit}`),
  create: (draft: BroadcastDraft) => call<Broadcast>("/api/broadcasts", POST(draft)),
  change: (id: string, patch: Record<string, unknown>) => call<Broadcast>(broadcast(id), { method: "PATCH", body: patch }),
  resetKey: (id: string) => call<Broadcast>(`${broadcast(id)}/stream-key/reset`, POST()),

  join: (id: string, viewerToken?: string) =>
    call<JoinResponse>(`${broadcast(id)}/join`, POST(viewerToken ? { viewer_token: viewerToken } : {})),
  heartbeat: (id: string, viewerToken: string, playback?: PlaybackReport) =>
    call<void>(`${broadcast(id)}/heartbeat`, POST({ viewer_token: viewerToken, playback })),
  /** Said while the page goes away, so nothing can be waited for; whose viewer it is says the token alone. */
  leave: (id: string, viewerToken: string, playback?: PlaybackReport): void => {
    const headers = { "content-type": "application/json" };
    const body = JSON.stringify({ viewer_token: viewerToken, playback });
    void fetch(`${broadcast(id)}/leave`, { method: "POST", headers, body, keepalive: true, credentials: "omit" }).catch(() => undefined);
  },

  chat: (id: string, before?: number) =>
    call<{ items: LogEvent[]; next_before: number | null }>(`${session(id)}/chat?limit=50${before ? `&before=${before}` : ""}`),
  say: (id: string, text: string) => call<LogEvent>(`${session(id)}/chat`, POST({ text })),
  unsay: (id: string, eventId: string) => call<void>(`${session(id)}/chat/${encodeURIComponent(eventId)}`, { method: "DELETE" }),
  react: (id: string, reaction: Reaction, viewerToken?: string) =>
    call<LogEvent>(`${session(id)}/reactions`, POST({ reaction, ...(viewerToken && { viewer_token: viewerToken }) })),
  ban: (id: string, user: string, seconds?: number) => call<Ban>(`${session(id)}/bans`, POST({ user, ...(seconds && { seconds }) })),
  unban: (id: string, userId: string) => call<void>(`${session(id)}/bans/${encodeURIComponent(userId)}`, { method: "DELETE" }),

  /** One's own open broadcasts, public and private, newest first. */
  async mine(username: string): Promise<Broadcast[]> {
    const own = new URLSearchParams({ user: username, limit: "100", sort: "started_at" });
    const [open, hidden] = await Promise.all([
      call<Listing>(`/api/broadcasts/active?visibility=public&${own}`),
      call<Listing>("/api/broadcasts/active?visibility=private&limit=100&sort=started_at"),
    ]);
    const items = new Map([...open.items, ...hidden.items].filter((b) => b.user === username).map((b) => [b.id, b]));
    return [...items.values()].sort((a, b) => b.created_at.localeCompare(a.created_at));
  },
  lastingKey: () => call<PublishAddress>("/api/users/me/stream-key"),
  resetLastingKey: () => call<PublishAddress>("/api/users/me/stream-key/reset", POST()),
};
