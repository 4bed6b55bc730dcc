import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { LogEvent } from "./api.js";
import { OwnerFeed } from "./owner-feed.js";

const event = (seq: number, type: string, at = 0): LogEvent => ({ id: `e${seq}`, session_id: "s", seq, type, data: { text: "hello", user: "ada" }, created_at: new Date(at).toISOString(), user_id: null });

let told: string[];
let feed: OwnerFeed;
let closed: boolean;

beforeEach(() => {
  told = [];
  closed = false;
  vi.stubGlobal("fetch", async () => new Response(JSON.stringify({ items: [event(2, "viewer.joined", 50_000), event(1, "broadcast.created")], next_before: null })));
  const listener = { changed: () => undefined, news: () => told.push("news"), away: () => told.push("away") };
  feed = new OwnerFeed("s", listener, async ({ channel }) => {
    told.push(channel);
    return { close: () => void (closed = true) };
  });
});

afterEach(() => vi.unstubAllGlobals());

it("tells of news, keeps the newest events and who joined lately", async () => {
  await feed.start();
  feed.opened({ session: {} as never, chat: [event(3, "chat.message")] }, false);
  await vi.waitFor(() => expect(feed.events.map(({ seq }) => seq)).toEqual([2, 1]));
  for (const [seq, type] of [[4, "viewer.joined"], [5, "broadcast.paused"], [6, "chat.message"]] as const) feed.event(event(seq, type, 60_000));
  expect(feed.events.map(({ seq }) => seq)).toEqual([5, 4, 2, 1]);
  expect(feed.chat.messages.map(({ seq }) => seq)).toEqual([3, 6]);
  expect([feed.joins(61_000), feed.joins(115_000), feed.joins(200_000)]).toEqual([2, 1, 0]);
  feed.away(false);
  feed.away(false);
  feed.opened(undefined, true);
  expect(told).toEqual(["owner:s", "news", "news", "away"]);
});

it("closes what was opened too late", async () => {
  const opening = feed.start();
  feed.stop();
  await opening;
  expect(closed).toBe(true);
});
