import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { LogEvent } from "./api.js";
import type { FeedPlan } from "./live.js";
import { Viewer } from "./viewer.js";

const ID = "b1";
const KEY = `tallylight.viewer.${ID}`;
type Answer = [status: number, body?: unknown];

let calls: { path: string; body: Record<string, unknown> }[] = [];
let answers: Record<string, (body: Record<string, unknown>) => Answer>;
let viewer: Viewer;
let feeds: (FeedPlan & { closed?: boolean })[];

const problem = (status: number, code: string): Answer => [status, { status, code, title: code }];
const joined = (token = "t1"): Answer => [
  200,
  { viewer_id: "v1", viewer_token: token, heartbeat_interval: 5, session: { id: ID }, playback: { hls_url: "/hls/x.m3u8", webrtc_endpoint: null } },
];
const SESSION = { id: ID, peak_viewers: 3, duration: 9 } as never;
const event = (type: string, data = {}): LogEvent => ({ id: `e-${type}`, session_id: ID, seq: 5, type, data, created_at: "2026-11-23T10:00:00Z", user_id: null });
const made = (verb: string) => calls.filter(({ path }) => path.endsWith(`/${verb}`));

beforeEach(() => {
  vi.useFakeTimers();
  sessionStorage.clear();
  calls = [];
  answers = {
    join: () => joined(),
    heartbeat: () => [204],
    leave: () => [204],
    "chat?limit=50": () => [200, { items: [], next_before: null }],
    [ID]: () => [200, { id: ID, status: "active", ingest: { state: "live" }, peak_viewers: 3, duration: 9 }],
  };
  vi.stubGlobal("fetch", async (path: string, { body }: { body?: string } = {}) => {
    const said = JSON.parse(body ?? "{}");
    calls.push({ path, body: said });
    const [status, answer] = answers[path.split("/").at(-1)!]!(said);
    return new Response(answer === undefined ? null : JSON.stringify(answer), { status });
  });
  feeds = [];
  viewer = new Viewer(ID, () => undefined, async (plan) => {
    const feed = { ...plan, closed: false };
    feeds.push(feed);
    return { close: () => void (feed.closed = true) };
  });
});

afterEach(() => {
  viewer.stop();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

const wait = (milliseconds: number) => vi.advanceTimersByTimeAsync(milliseconds);

it("joins, beats every interval, and leaves with the page", async () => {
  viewer.start();
  await wait(0);
  expect(viewer.admission).toBe("joined");
  await wait(11_000);
  expect(made("heartbeat").map(({ body }) => body)).toEqual([{ viewer_token: "t1" }, { viewer_token: "t1" }]);
  dispatchEvent(new Event("pagehide"));
  expect(made("leave").map(({ body }) => body)).toEqual([{ viewer_token: "t1" }]);
  expect(sessionStorage.getItem(KEY)).toBeNull();
});

it("tells how it plays with the heartbeats and at the end, and again what was not heard", async () => {
  viewer.start();
  await wait(0);
  viewer.meter.giveBack({ startup_ms: 700, played_ms: 4000 });
  answers.heartbeat = () => problem(503, "busy");
  await wait(5000);
  viewer.meter.giveBack({ played_ms: 3000 });
  answers.heartbeat = () => [204];
  await wait(15_000);
  viewer.meter.giveBack({ played_ms: 500 });
  dispatchEvent(new Event("pagehide"));
  const told = made("heartbeat").map(({ body }) => body.playback);
  expect(told.filter((report) => report !== undefined)).toEqual([
    { startup_ms: 700, played_ms: 4000 },
    { startup_ms: 700, played_ms: 7000 },
  ]);
  expect(made("leave").map(({ body }) => body.playback)).toEqual([{ played_ms: 500 }]);
});

it("is the same viewer again after a crash of the tab", async () => {
  sessionStorage.setItem(KEY, JSON.stringify({ viewer_id: "v1", viewer_token: "kept" }));
  viewer.start();
  await wait(0);
  expect(made("join").map(({ body }) => body)).toEqual([{ viewer_token: "kept" }]);
});

it("joins afresh when the kept viewer has left for good", async () => {
  sessionStorage.setItem(KEY, JSON.stringify({ viewer_id: "v1", viewer_token: "kept" }));
  answers.join = ({ viewer_token }) => (viewer_token ? problem(410, "viewer-gone") : joined("new"));
  viewer.start();
  await wait(0);
  expect(viewer.admission).toBe("joined");
  expect(made("join").map(({ body }) => body)).toEqual([{ viewer_token: "kept" }, {}]);
});

it("does not join what has ended", async () => {
  sessionStorage.setItem(KEY, JSON.stringify({ viewer_id: "v1", viewer_token: "kept" }));
  answers.join = () => problem(410, "broadcast-ended");
  viewer.start();
  await wait(60_000);
  expect(viewer.admission).toBe("ended");
  expect(made("join")).toHaveLength(1);
});

it("waits at the door of a full broadcast and gets in when there is room", async () => {
  answers.join = () => problem(409, "broadcast-full");
  viewer.start();
  await wait(0);
  expect(viewer.admission).toBe("full");
  answers.join = () => joined();
  await wait(25_000);
  expect(viewer.admission).toBe("joined");
});

it("joins again when a heartbeat hears that the viewer timed out", async () => {
  viewer.start();
  await wait(0);
  answers.heartbeat = () => problem(410, "viewer-gone");
  await wait(5000);
  expect(made("join").map(({ body }) => body)).toEqual([{}, { viewer_token: "t1" }]);
  expect(viewer.admission).toBe("joined");
});

it("stops asking for what is not there", async () => {
  answers.join = answers[ID] = () => problem(404, "not-found");
  viewer.start();
  await wait(60_000);
  expect(viewer.admission).toBe("not-found");
  expect(calls.length).toBeLessThan(5);
});

it("sees the end, and stops beating", async () => {
  viewer.start();
  await wait(0);
  answers[ID] = () => [200, { id: ID, status: "ended", ingest: { state: "ended" } }];
  await wait(6000);
  expect(viewer.admission).toBe("ended");
  const before = made("heartbeat").length;
  await wait(30_000);
  expect(made("heartbeat")).toHaveLength(before);
});

/** The viewer, joined and connected, with what was asked so far forgotten. */
async function connected() {
  viewer.start();
  await wait(0);
  viewer.opened({ session: SESSION, chat: [] }, false);
  await wait(100);
  calls = [];
  return feeds[0]!;
}

it("is bound to a live connection, which stands for polls and heartbeats", async () => {
  const feed = await connected();
  expect([feed.channel, feed.viewerToken]).toEqual([`session:${ID}`, "t1"]);
  await wait(60_000);
  expect(calls).toEqual([]);
  viewer.count({ viewer_count: 41, peak_viewers: 50 });
  expect([viewer.broadcast?.viewer_count, viewer.peak]).toEqual([41, 50]);
});

it("reports how it plays while connected, but seldom", async () => {
  await connected();
  viewer.meter.giveBack({ played_ms: 500 });
  await wait(30_000);
  viewer.meter.giveBack({ played_ms: 700 });
  await wait(1000);
  expect(made("heartbeat")).toHaveLength(1);
  await wait(30_000);
  expect(made("heartbeat").map(({ body }) => body.playback)).toEqual([{ played_ms: 500 }, { played_ms: 700 }]);
});

it("asks for the broadcast when something happened to it, and for nothing else", async () => {
  await connected();
  answers[ID] = () => [200, { id: ID, status: "paused", ingest: { state: "live" } }];
  viewer.event(event("broadcast.paused"));
  viewer.event(event("chat.message", { text: "hello", user: "ada" }));
  await wait(100);
  expect(viewer.broadcast?.status).toBe("paused");
  expect(calls.map(({ path }) => path)).toEqual([`/api/broadcasts/${ID}`, `/api/sessions/${ID}`]);
  expect(viewer.chat.messages.map(({ text }) => text)).toEqual(["hello"]);
  await wait(30_000);
  expect(calls).toHaveLength(2);
});

it("asks until it is answered", async () => {
  await connected();
  const well = answers[ID]!;
  answers[ID] = () => problem(503, "busy");
  viewer.event(event("broadcast.updated"));
  await wait(3000);
  answers[ID] = well;
  await wait(20_000);
  const asked = calls.length;
  await wait(30_000);
  expect(calls).toHaveLength(asked);
});

it("polls and beats while the connection is away, and stops when it is back", async () => {
  await connected();
  viewer.away(false);
  await wait(14_000);
  expect(made("heartbeat").length).toBeGreaterThanOrEqual(2);
  expect(made(ID).length).toBeGreaterThanOrEqual(4);
  viewer.opened({ session: SESSION }, true);
  calls = [];
  await wait(60_000);
  expect(calls).toEqual([]);
});

it("loads anew what it may have missed", async () => {
  await connected();
  viewer.event(event("chat.message", { text: "old", user: "ada" }));
  viewer.away(false);
  viewer.opened({ session: SESSION, chat: [event("chat.message", { text: "new", user: "ada" })] }, false);
  await wait(100);
  expect(made(ID)).not.toEqual([]);
  expect(viewer.chat.messages.map(({ text }) => text)).toEqual(["new"]);
});

it("joins again when its token is of no use, and gives up when that is not allowed", async () => {
  const feed = await connected();
  answers.join = () => joined("t2");
  expect(await feed.renew!()).toBe("t2");
  expect(made("join").map(({ body }) => body)).toEqual([{ viewer_token: "t1" }]);
  expect(feeds).toHaveLength(1);
  answers.join = () => problem(410, "broadcast-ended");
  expect(await feed.renew!()).toBe("");
  expect([viewer.admission, feed.closed]).toEqual(["ended", true]);
});

it("finds out at once why it was sent away", async () => {
  await connected();
  answers[ID] = () => problem(404, "not-found");
  viewer.away(true);
  await wait(100);
  expect(viewer.admission).toBe("not-found");
  expect(feeds[0]!.closed).toBe(true);
});

it.each(["suspended", "shut-out"])("says why it was removed when it is %s, and tries nothing until asked to", async (code) => {
  viewer.start();
  await wait(5000);
  answers.heartbeat = () => problem(410, "viewer-gone");
  answers.join = () => [403, { status: 403, code, detail: "this device is not wanted" }];
  feeds[0]!.listener.away(true);
  await wait(0);
  expect([viewer.admission, viewer.reason, feeds[0]!.closed]).toEqual(["removed", "This device is not wanted.", true]);
  calls = [];
  await wait(120_000);
  expect(calls).toEqual([]);
  answers.join = () => joined();
  viewer.retry();
  await wait(0);
  expect(viewer.admission).toBe("joined");
});

it("leaves with the page, connection and all", async () => {
  const feed = await connected();
  dispatchEvent(new Event("pagehide"));
  expect(feed.closed).toBe(true);
  expect(made("leave")).toHaveLength(1);
});
