import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { LiveSource } from "./live-source.js";
import type { SessionQuery, SessionSource } from "./session-source.js";
import type { Session } from "./session.js";

/** The server's end of a socket. */
class Socket {
  static all: Socket[] = [];
  static get last(): Socket {
    return Socket.all.at(-1)!;
  }
  readonly sent: string[] = [];
  closed = false;
  onopen?: () => void;
  onmessage?: (event: { data: string }) => void;
  onclose?: (event: { code: number }) => void;

  constructor(readonly address: string) {
    Socket.all.push(this);
  }
  send(text: string): void {
    this.sent.push(text);
  }
  close(): void {
    this.closed = true;
  }
  say(...messages: object[]): void {
    this.onmessage?.({ data: messages.map((message) => JSON.stringify(message)).join("\n") });
  }
  greet(cards: Session[], total = cards.length): void {
    this.onopen?.();
    this.say({ id: 1, connect: { client: "c", version: "t", ping: 10, pong: true } }, { id: 2, subscribe: { data: { cards, total } } });
  }
  push(...changes: object[]): void {
    this.say(...changes.map((data) => ({ push: { channel: "directory", pub: { data } } })));
  }
  drop(code = 1006): void {
    this.onclose?.({ code });
  }
}

const card = (id: string, viewer_count = 0, change: Partial<Session> = {}) =>
  ({ id, title: id, user: "ada", tags: [], ai_intent: null, is_featured: false, viewer_count, started_at: null, ...change }) as Session;
const query: SessionQuery = { filter: "public", q: "", sort: "", order: "", max: 20 };

let hidden = false;
let polls: string[] = [];
let shown: string[] = [];
let base = 0;
let source: LiveSource;

const polling: SessionSource = {
  interval: 5000,
  start: () => polls.push("start"),
  stop: () => polls.push("stop"),
  refresh: () => polls.push("refresh"),
};
const isPolling = () => polls.filter((call) => call !== "refresh").at(-1) === "start";
const wait = (milliseconds: number) => vi.advanceTimersByTimeAsync(milliseconds);

function open(change: Partial<SessionQuery> = {}): LiveSource {
  const listener = {
    sessions: (items: Session[], total: number) => shown.push(`${items.map(({ id, viewer_count }) => id + viewer_count).join(" ")} of ${total}`),
    failed: () => shown.push("failed"),
  };
  source = new LiveSource(polling, `https://live${base}.example.org/`, { ...query, ...change }, listener);
  source.start();
  return source;
}

function turn(away: boolean): void {
  hidden = away;
  document.dispatchEvent(new Event("visibilitychange"));
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("WebSocket", Socket);
  vi.spyOn(document, "hidden", "get").mockImplementation(() => hidden);
  vi.spyOn(Math, "random").mockReturnValue(0.5);
  hidden = false;
  Socket.all = [];
  polls = ["start"];
  shown = [];
  base += 1;
});

afterEach(() => {
  source.stop();
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

it("asks for the directory, shows its cards and polls no more", () => {
  open();
  expect(Socket.last.address).toBe(`wss://live${base}.example.org/api/live`);
  expect(isPolling()).toBe(true);
  Socket.last.greet([card("a", 1), card("b", 2)]);
  expect(Socket.last.sent[0]!.split("\n").map((line) => JSON.parse(line))).toEqual([
    { id: 1, connect: { name: "tallylight" } },
    { id: 2, subscribe: { channel: "directory" } },
  ]);
  expect(shown).toEqual(["b2 a1 of 2"]);
  expect(isPolling()).toBe(false);
});

it("lets cards come, tick, move and go, at most once a second", async () => {
  open();
  Socket.last.greet([card("a", 3), card("b", 2)]);
  Socket.last.push({ type: "count", id: "b", viewer_count: 4 }, { type: "card", card: card("c", 9) });
  Socket.last.push({ type: "gone", id: "a" }, { type: "count", id: "nobody", viewer_count: 1 });
  expect(shown).toEqual(["a3 b2 of 2"]);
  await wait(1000);
  expect(shown).toEqual(["a3 b2 of 2", "c9 b4 of 2"]);
  await wait(60_000);
  expect(shown).toHaveLength(2);
});

it("answers another query at once, without asking anybody", () => {
  open();
  Socket.last.greet([card("a", 3, { is_featured: true }), card("b", 2)]);
  source.refresh({ ...query, filter: "featured" });
  source.refresh({ ...query, sort: "title", order: "desc", max: 1 });
  expect(shown.slice(1)).toEqual(["a3 of 1", "b2 of 2"]);
  expect(isPolling()).toBe(false);
});

it("polls while the socket is away, and no longer once it is back", async () => {
  open();
  Socket.last.greet([card("a")]);
  Socket.last.drop();
  expect(isPolling()).toBe(false);
  await wait(400);
  for (let attempt = 0; attempt < 4; attempt += 1) {
    await wait(2000);
    Socket.last.drop();
  }
  expect(isPolling()).toBe(true);
  while (Socket.last.closed) await wait(500);
  Socket.last.greet([card("z")]);
  expect(isPolling()).toBe(false);
  expect(shown.at(-1)).toBe("z0 of 1");
});

it("does not poll for a moment's absence", async () => {
  open();
  Socket.last.greet([card("a")]);
  Socket.last.drop(3001);
  await wait(1100);
  Socket.last.greet([card("a")]);
  await wait(15_000);
  expect(isPolling()).toBe(false);
  expect(polls.filter((call) => call === "start")).toHaveLength(1);
});

it("keeps polling what more broadcasts than cards cannot tell", () => {
  open({ sort: "title" });
  Socket.last.greet([card("a"), card("b")], 5);
  expect(shown).toEqual([]);
  expect(isPolling()).toBe(true);
  source.refresh({ ...query, max: 2 });
  expect(shown).toEqual(["a0 b0 of 5"]);
  expect(isPolling()).toBe(false);
  source.refresh({ ...query, max: 3 });
  expect(isPolling()).toBe(true);
});

it("leaves words that it does not know to the server", () => {
  open({ sort: "colour" });
  Socket.last.greet([card("a")]);
  expect(shown).toEqual([]);
  expect(isPolling()).toBe(true);
});

it("answers pings, and takes long silence for the end", async () => {
  open();
  Socket.last.greet([card("a")]);
  const first = Socket.last;
  await wait(15_000);
  first.say({});
  expect(first.sent.at(-1)).toBe("{}");
  await wait(19_000);
  expect(first.closed).toBe(false);
  await wait(2500);
  expect(first.closed).toBe(true);
  expect(Socket.all).toHaveLength(2);
});

it("does not come back to a server that wants it not to", async () => {
  open();
  Socket.last.say({ id: 2, error: { code: 102, message: "unknown channel" } });
  await wait(600_000);
  expect(Socket.all).toHaveLength(1);
  expect(isPolling()).toBe(true);
});

it("tries again after an error that passes, less and less often", async () => {
  open();
  const attempts = async (milliseconds: number) => {
    const before = Socket.all.length;
    for (let passed = 0; passed < milliseconds; passed += 100) {
      if (!Socket.last.closed) Socket.last.say({ id: 1, error: { code: 111, message: "too many", temporary: true } });
      await wait(100);
    }
    return Socket.all.length - before;
  };
  expect(await attempts(60_000)).toBeGreaterThan(3);
  expect(await attempts(60_000)).toBeLessThan(20);
  expect(isPolling()).toBe(true);
});

it("takes what is no protocol for a loss", () => {
  open();
  Socket.last.greet([card("a")]);
  Socket.last.onmessage?.({ data: "<html>" });
  expect(Socket.last.closed).toBe(true);
});

it("lets a hidden page rest, and shows what is live at once when it is seen", async () => {
  open();
  Socket.last.greet([card("a", 1)]);
  turn(true);
  await wait(2000);
  Socket.last.push({ type: "count", id: "a", viewer_count: 7 });
  await wait(2000);
  expect(shown).toEqual(["a1 of 1"]);
  turn(false);
  expect(shown.at(-1)).toBe("a7 of 1");
  turn(true);
  await wait(15_000);
  Socket.last.say({});
  await wait(16_000);
  expect(Socket.last.closed).toBe(true);
  expect(isPolling()).toBe(false);
  turn(false);
  expect(Socket.all).toHaveLength(2);
  Socket.last.greet([card("b")]);
  expect(shown.at(-1)).toBe("b0 of 1");
});

it("shares one connection between the elements of a page", () => {
  const first = open();
  const second = open({ filter: "featured" });
  Socket.last.greet([card("a"), card("b", 0, { is_featured: true })]);
  expect(Socket.all).toHaveLength(1);
  expect(shown).toEqual(["a0 b0 of 2", "b0 of 1"]);
  first.stop();
  expect(Socket.last.closed).toBe(false);
  second.stop();
  expect(Socket.last.closed).toBe(true);
});
