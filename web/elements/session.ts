/** A broadcast as the API shows it on listings; fields that the element does not need are left out. */
export interface Session {
  id: string;
  title: string;
  user: string;
  status: "active" | "paused" | "private" | "ended";
  started_at: string | null;
  created_at: string;
  viewer_count: number;
  thumbnail_url: string | null;
  hls_url: string | null;
  ai_intent: string | null;
  tags: string[];
  is_featured: boolean;
  ingest?: { state: IngestState; interrupted_until?: string | null } | null;
}

export type IngestState = "idle" | "live" | "interrupted" | "ended";

/** What a card's lamp says. */
export type OnAir = "live" | "paused" | "reconnecting" | "starting" | "ended";

export const ON_AIR_LABEL: Record<OnAir, string> = {
  live: "Live",
  paused: "Paused",
  reconnecting: "Reconnecting",
  starting: "Starting soon",
  ended: "Ended",
};

/** Media carried by another system never tells us of its encoder: it counts as on air. */
export function isMediaElsewhere(session: Pick<Session, "hls_url">, apiBase: string): boolean {
  if (!session.hls_url) return false;
  try {
    return new URL(session.hls_url, apiBase).origin !== new URL(apiBase).origin;
  } catch {
    return true;
  }
}

/** Whether a session is on air, and if not, why. */
export function onAir(session: Session, apiBase: string): OnAir {
  if (session.status === "ended") return "ended";
  if (session.ingest?.state === "interrupted") return "reconnecting";
  if (session.status === "paused") return "paused";
  if (session.ingest?.state === "idle" && !isMediaElsewhere(session, apiBase)) return "starting";
  return "live";
}
