import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Viewer } from "./viewer.js";

const ID = "b1";
const KEY = `tallylight.viewer.${ID}`;
type Answer = [status: number, body?: unknown];

let calls: { path: string; body: Record<string, unknown> }[] = [];
let answers: Record<string, (body: Record<string, unknown>) => Answer>;
let viewer: Viewer;

const problem = (status: number, code: string): Answer => [status, { status, code, title: code }];
const joined = (token = "t1"): Answer => [
  200,
  { viewer_id: "v1", viewer_token: token, heartbeat_interval: 5, session: { id: ID }, playback: { hls_url: "/hls/x.m3u8", webrtc_endpoint: null } },
];
const made = (verb: string) => calls.filter(({ path }) => path.endsWith(`/${verb}`));

beforeEach(() => {
  vi.useFakeTimers();
  sessionStorage.clear();
  calls = [];
  answers = {
    join: () => joined(),
    heartbeat: () => [204],
    leave: () => [204],
    [ID]: () => [200, { id: ID, status: "active", ingest: { state: "live" }, peak_viewers: 3, duration: 9 }],
  };
  vi.stubGlobal("fetch", async (path: string, { body }: { body?: string } = {}) => {
    const said = JSON.parse(body ?? "{}");
    calls.push({ path, body: said });
    const [status, answer] = answers[path.split("/").at(-1)!]!(said);
    return new Response(answer === undefined ? null : JSON.stringify(answer), { status });
  });
  viewer = new Viewer(ID, () => undefined);
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
