import { Poller } from "./poller.js";
import type { Session } from "./session.js";

/** Which sessions are wanted, in the words of `GET /api/broadcasts/active`. */
export interface SessionQuery {
  filter: string;
  q: string;
  sort: string;
  order: string;
  max: number;
}

/** What a source tells its listener: the newest list, or why there is none. */
export interface SessionListener {
  sessions(items: Session[], total: number): void;
  failed(error: unknown): void;
}

/** Where the sessions come from. The element knows no more of it than this. */
export interface SessionSource {
  start(): void;
  stop(): void;
  /** Asks at once; with a new query, for that. */
  refresh(query?: SessionQuery): void;
  interval: number;
}

/** The server's largest page. */
const PAGE = 100;
const TIMEOUT = 10_000;

/** The query string for a query: `filter` is `public`, `featured`, or `category:`, `tag:` or `user:` and a name. */
export function listingParams(query: SessionQuery, offset = 0): URLSearchParams {
  const params = new URLSearchParams({ visibility: "public" });
  const [kind = "", ...rest] = query.filter.split(":");
  const name = rest.join(":").trim();
  if (kind === "featured") params.set("featured", "true");
  else if (name && (kind === "category" || kind === "tag" || kind === "user")) params.set(kind, name);
  if (query.q.trim()) params.set("q", query.q.trim());
  if (query.sort) params.set("sort", query.sort);
  if (query.sort || query.order) params.set("order", query.order || (query.sort === "title" ? "asc" : "desc"));
  params.set("limit", String(Math.min(query.max - offset, PAGE)));
  if (offset > 0) params.set("offset", String(offset));
  return params;
}

/** Reads the listing over HTTP again and again. The browser's cache adds If-None-Match by itself. */
export class PollingSource implements SessionSource {
  readonly #base: string;
  readonly #listener: SessionListener;
  readonly #poller: Poller;
  #query: SessionQuery;
  #abort: AbortController | undefined;

  constructor(base: string, query: SessionQuery, listener: SessionListener, interval: number) {
    this.#base = base;
    this.#query = query;
    this.#listener = listener;
    this.#poller = new Poller(() => this.#read(), { interval });
  }

  get interval(): number {
    return this.#poller.interval;
  }

  set interval(milliseconds: number) {
    this.#poller.interval = milliseconds;
  }

  start(): void {
    this.#poller.start();
  }

  stop(): void {
    this.#poller.stop();
    this.#drop();
  }

  refresh(query?: SessionQuery): void {
    if (query) {
      this.#query = query;
      this.#drop();
    }
    this.#poller.refresh();
  }

  /** What is under way is of no interest any more, its failure neither. */
  #drop(): void {
    this.#abort?.abort();
    this.#abort = undefined;
  }

  async #read(): Promise<void> {
    const abort = (this.#abort = new AbortController());
    const timeout = setTimeout(() => abort.abort(), TIMEOUT);
    const query = this.#query;
    try {
      const items = new Map<string, Session>();
      let total = 0;
      for (let offset = 0; offset < query.max; offset += PAGE) {
        const page = await this.#page(query, offset, abort.signal);
        for (const item of page.items) items.set(item.id, item);
        total = page.total;
        if (offset + PAGE >= total) break;
      }
      if (abort === this.#abort) this.#listener.sessions([...items.values()], total);
    } catch (error) {
      if (abort !== this.#abort) return;
      this.#listener.failed(error);
      throw error;
    } finally {
      clearTimeout(timeout);
    }
  }

  async #page(query: SessionQuery, offset: number, signal: AbortSignal): Promise<{ items: Session[]; total: number }> {
    const url = new URL(`api/broadcasts/active?${listingParams(query, offset)}`, this.#base);
    const response = await fetch(url, { cache: "no-cache", credentials: "omit", signal });
    if (!response.ok) {
      const seconds = Number(response.headers.get("retry-after"));
      throw Object.assign(new Error(`${response.status}`), { retryAfter: seconds > 0 ? seconds * 1000 : undefined });
    }
    return response.json();
  }
}
