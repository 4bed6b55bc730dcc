import { beforeEach, expect, it } from "vitest";
import { PlaybackMeter } from "./playback-meter.js";

let now = 0;
let video: HTMLVideoElement;
let meter: PlaybackMeter;

/** What the element says, with its attributes of then, after so many milliseconds. */
const says = (after: number, name: string, attributes: Partial<HTMLVideoElement> = {}) => {
  now += after;
  const of = { seeking: false, paused: false, readyState: 4, ...attributes };
  for (const [key, value] of Object.entries(of)) Object.defineProperty(video, key, { value, configurable: true });
  video.dispatchEvent(new Event(name));
};

beforeEach(() => {
  now = 1000;
  video = document.createElement("video");
  meter = new PlaybackMeter(() => now);
  meter.watch(video);
});

it("measures the start, the playing and the stalls", () => {
  meter.begin();
  says(100, "play");
  says(200, "waiting");
  says(500, "playing");
  says(4000, "waiting");
  says(600, "playing");
  now += 1000;
  expect(meter.take()).toEqual({ startup_ms: 800, played_ms: 5000, stalled_ms: 600, stalls: 1 });
  now += 5000;
  expect(meter.take()).toEqual({ played_ms: 5000 });
});

it("says nothing while nothing happens", () => {
  expect(meter.take()).toBeUndefined();
  meter.begin();
  now += 9000;
  expect(meter.take()).toBeUndefined();
});

it("does not blame us for the wait for a click", () => {
  meter.begin();
  meter.refused();
  says(60_000, "play");
  says(300, "playing");
  expect(meter.take()).toEqual({ startup_ms: 300 });
});

it("takes seeking and pausing for neither playing nor a stall", () => {
  meter.begin();
  says(0, "playing");
  says(1000, "seeking", { seeking: true });
  says(10, "waiting", { seeking: true });
  says(700, "seeked");
  says(1000, "pause", { paused: true });
  says(50_000, "seeked", { paused: true });
  says(50_000, "play");
  says(100, "playing");
  now += 500;
  expect(meter.take()).toEqual({ startup_ms: 0, played_ms: 2500 });
});

it("goes on stalling while the player seeks its way out", () => {
  meter.begin();
  says(0, "playing");
  says(1000, "waiting");
  says(300, "seeking", { seeking: true });
  says(200, "seeked", { readyState: 2 });
  says(100, "playing");
  expect(meter.take()).toEqual({ startup_ms: 0, played_ms: 1000, stalled_ms: 600, stalls: 1 });
});

it("counts a failure once until it plays again", () => {
  meter.begin();
  says(0, "playing");
  says(1000, "waiting");
  meter.fail("network");
  meter.fail("network");
  now += 8000;
  expect(meter.take()).toEqual({ startup_ms: 0, played_ms: 1000, stalls: 1, failure: "network" });
  meter.fail("media");
  expect(meter.take()).toBeUndefined();
  says(0, "playing");
  meter.fail("media");
  expect(meter.take()).toEqual({ failure: "media" });
});

it("keeps what could not be told", () => {
  meter.begin();
  says(250, "playing");
  now += 1000;
  const report = meter.take();
  meter.fail("other");
  now += 1000;
  meter.giveBack(report);
  expect(meter.take()).toEqual({ startup_ms: 250, played_ms: 1000, failure: "other" });
  meter.giveBack({ played_ms: 3_600_000, stalls: 1 });
  meter.giveBack({ played_ms: 3_600_000, stalls: 1 });
  expect(meter.take()).toEqual({ played_ms: 3_600_000, stalls: 2 });
});
