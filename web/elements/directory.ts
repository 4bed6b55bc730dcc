import type { Session } from "./session.js";

/**
 * The directory over a live connection: all cards, and then what becomes of them.
 *
 * It speaks as much of the Centrifuge protocol as one channel needs. The official client is 22 KB compressed, twice the
 * whole element, and most of it is for what a directory does not have: tokens, recovery, many channels.
 */

/** `open`: the cards are those of now. `away`: the socket is lost, and tried again. `resting`: nobody is looking. */
export type DirectoryState = "open" | "away" | "resting";

type Message = {
  id?: number;
  error?: { code: number; temporary?: boolean };
  connect?: { ping?: number };
  subscribe?: { data: { cards: Session[]; total: number } };
  push?: { channel?: string; pub?: { data: Change }; unsubscribe?: { code: number }; disconnect?: { code: number } };
};

type Change = { type: "card"; card: Session } | { type: "count"; id: string; viewer_count: number } | { type: "gone"; id: string };

const HELLO = '{"id":1,"connect":{"name":"tallylight"}}\n{"id":2,"subscribe":{"channel":"directory"}}';
const TOKEN_EXPIRED = 109;
/** Sent away as who one was, such as after signing out: a stranger may come back. */
const FORCED = 3503;
/** A server that says nothing for this long beyond its pings is gone; milliseconds, like everything here. */
const PATIENCE = 10_000;
const FIRST_RETRY = 500;
const LAST_RETRY = 30_000;
/** A page that is hidden longer needs no connection. */
const REST_AFTER = 30_000;

export class Directory {
  readonly cards = new Map<string, Session>();
  /** How many broadcasts are live beyond the cards that were given. */
  beyond = 0;
  state: DirectoryState = "away";

  readonly #address: string;
  readonly #watchers = new Set<() => void>();
  #socket: WebSocket | undefined;
  #silence: ReturnType<typeof setTimeout> | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #rest: ReturnType<typeof setTimeout> | undefined;
  #ping = 0;
  #failures = 0;
  /** The server said that it is of no use to come back. */
  #final = false;

  constructor(base: string) {
    this.#address = new URL("api/live", base).href.replace(/^http/, "ws");
  }

  /** Calls back after each change, for as long as somebody watches; the answer ends that. */
  watch(changed: () => void): () => void {
    this.#watchers.add(changed);
    if (this.#watchers.size === 1) this.#begin();
    return () => {
      this.#watchers.delete(changed);
      if (this.#watchers.size === 0) this.#end();
    };
  }

  #begin(): void {
    document.addEventListener("visibilitychange", this.#seen);
    addEventListener("online", this.#connect);
    addEventListener("offline", this.#unplugged);
    document.addEventListener("securitypolicyviolation", this.#refused);
    addEventListener("pagehide", this.#hangUp);
    addEventListener("pageshow", this.#connect);
    this.#connect();
  }

  #end(): void {
    document.removeEventListener("visibilitychange", this.#seen);
    removeEventListener("online", this.#connect);
    removeEventListener("offline", this.#unplugged);
    document.removeEventListener("securitypolicyviolation", this.#refused);
    removeEventListener("pagehide", this.#hangUp);
    removeEventListener("pageshow", this.#connect);
    clearTimeout(this.#rest);
    this.#hangUp();
    this.#become("away");
  }

  readonly #connect = (): void => {
    clearTimeout(this.#retry);
    if (this.#socket || this.#final || document.hidden || this.#watchers.size === 0) return;
    try {
      const socket = (this.#socket = new WebSocket(this.#address));
      socket.onopen = () => socket.send(HELLO);
      socket.onmessage = ({ data }) => socket === this.#socket && this.#heard(data);
      socket.onclose = ({ code }) => socket === this.#socket && this.#lost(isFinal(code));
      this.#ping = 0;
      this.#listen();
    } catch {
      // The page may not open sockets at all.
      this.#lost(true);
    }
  };

  readonly #seen = (): void => {
    clearTimeout(this.#rest);
    if (document.hidden) {
      this.#rest = setTimeout(() => {
        this.#hangUp();
        this.#become("resting");
      }, REST_AFTER);
      return;
    }
    this.#connect();
    this.#tell();
  };

  /** A server on this machine is there all the same: the next attempt tells. */
  readonly #unplugged = (): void => this.#lost(false);

  /** A page whose policy has no room for this socket will have none later: it shall not complain again and again. */
  readonly #refused = ({ blockedURI }: SecurityPolicyViolationEvent): void => {
    if (blockedURI.startsWith("ws") && this.#address.startsWith(blockedURI)) this.#lost(true);
  };

  readonly #hangUp = (): void => {
    clearTimeout(this.#retry);
    clearTimeout(this.#silence);
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.close();
  };

  #lost(final: boolean): void {
    this.#final ||= final;
    this.#hangUp();
    const wait = FIRST_RETRY + Math.random() * Math.min(FIRST_RETRY * 2 ** this.#failures, LAST_RETRY);
    this.#failures += 1;
    if (!this.#final) this.#retry = setTimeout(this.#connect, wait);
    this.#become("away");
  }

  #listen(): void {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.#lost(false), this.#ping + PATIENCE);
  }

  #heard(frame: string): void {
    try {
      for (const line of frame.split("\n")) if (line.trim() && this.#socket) this.#take(JSON.parse(line));
      if (this.#socket) this.#listen();
    } catch {
      this.#lost(false);
    }
  }

  #take({ id, error, connect, subscribe, push }: Message): void {
    if (error) return this.#lost(!error.temporary && error.code >= 100 && error.code !== TOKEN_EXPIRED);
    if (connect) this.#ping = (connect.ping ?? 3600) * 1000;
    else if (subscribe) this.#fill(subscribe.data);
    else if (push?.unsubscribe) this.#lost(push.unsubscribe.code < 2500);
    else if (push?.disconnect) this.#lost(isFinal(push.disconnect.code));
    else if (push?.pub && push.channel === "directory") this.#apply(push.pub.data);
    else if (!push && !id) this.#socket?.send("{}");
  }

  #fill({ cards, total }: { cards: Session[]; total: number }): void {
    this.cards.clear();
    for (const card of cards) this.cards.set(card.id, card);
    this.beyond = Math.max(0, total - this.cards.size);
    this.#failures = 0;
    this.#become("open");
  }

  #apply(change: Change): void {
    if (change.type === "card") this.cards.set(change.card.id, change.card);
    else if (change.type === "gone") {
      if (!this.cards.delete(change.id)) this.beyond = Math.max(0, this.beyond - 1);
    } else if (change.type === "count") {
      const card = this.cards.get(change.id);
      // Another object, so that whoever looks sees that it is not the same.
      if (card) this.cards.set(change.id, { ...card, viewer_count: change.viewer_count });
    }
    this.#tell();
  }

  #become(state: DirectoryState): void {
    this.state = state;
    this.#tell();
  }

  #tell(): void {
    for (const changed of this.#watchers) changed();
  }
}

const isFinal = (code: number): boolean => code === 1009 || (code >= 3500 && code < 4000 && code !== FORCED) || (code >= 4500 && code < 5000);

const directories = new Map<string, Directory>();

/** The one directory of a server: several elements on a page share its connection. */
export function directoryOf(base: string): Directory {
  const known = directories.get(base) ?? new Directory(base);
  directories.set(base, known);
  return known;
}
