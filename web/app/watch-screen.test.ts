import { expect, it } from "vitest";
import type { Broadcast } from "./api.js";
import { screenFor, secondsUntil, type Screen, type WatchFacts } from "./watch-screen.js";

const origin = "https://live.example.org";
const broadcast = (change: Partial<Broadcast>) => ({ status: "active", ingest: { state: "live" }, ...change }) as Broadcast;
const facts: WatchFacts = { broadcast: broadcast({}), admission: "joined", playbackUrl: `${origin}/hls/t/1.m3u8`, online: true, origin };

const cases: [string, Partial<WatchFacts>, Screen][] = [
  ["all is well", {}, "live"],
  ["nothing is known yet", { broadcast: undefined, admission: "none" }, "loading"],
  ["the join is under way", { admission: "none" }, "loading"],
  ["no encoder came yet", { broadcast: broadcast({ ingest: { state: "idle" } }) }, "waiting"],
  ["the encoder was lost", { broadcast: broadcast({ ingest: { state: "interrupted" } }) }, "reconnecting"],
  ["it was lost while paused", { broadcast: broadcast({ status: "paused", ingest: { state: "interrupted" } }) }, "reconnecting"],
  ["the broadcaster paused", { broadcast: broadcast({ status: "paused" }) }, "paused"],
  ["there is no place", { admission: "full" }, "full"],
  ["it ended", { broadcast: broadcast({ status: "ended" }) }, "ended"],
  ["it ended before anything was read", { broadcast: undefined, admission: "ended" }, "ended"],
  ["it is not for this visitor", { admission: "not-found" }, "not-found"],
  ["one was removed", { admission: "removed" }, "removed"],
  ["the network is gone", { online: false }, "offline"],
  ["the server is gone", { broadcast: undefined, admission: "error" }, "error"],
  ["media is elsewhere", { broadcast: broadcast({ ingest: { state: "idle" } }), playbackUrl: "https://cdn.example.com/a.m3u8" }, "live"],
  ["media is nowhere", { playbackUrl: null }, "elsewhere"],
];

it.each(cases)("when %s", (_name, change, screen) => expect(screenFor({ ...facts, ...change })).toBe(screen));

it("counts down to nothing, not below", () => {
  const now = Date.parse("2026-01-01T00:00:00Z");
  expect(secondsUntil("2026-01-01T00:00:10.200Z", now)).toBe(11);
  expect(secondsUntil("2025-12-31T00:00:00Z", now)).toBe(0);
  expect(secondsUntil(null, now)).toBe(0);
});
