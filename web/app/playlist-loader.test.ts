import { expect, it, vi } from "vitest";
import { Turnstile, isBlocking, oneAtATime } from "./playlist-loader.js";

class FakeLoader {
  static all: FakeLoader[] = [];
  static urls: string[] = [];
  callbacks: Record<string, (...args: unknown[]) => void> = {};
  load(context: { url: string }, _config: unknown, callbacks: FakeLoader["callbacks"]): void {
    FakeLoader.urls.push(context.url);
    this.callbacks = callbacks;
    FakeLoader.all.push(this);
  }
  abort(): void {}
  destroy(): void {}
}

interface Loading {
  load(context: { url: string }, config: object, callbacks: object): void;
  abort(): void;
  destroy(): void;
}

function loaders() {
  FakeLoader.all = [];
  FakeLoader.urls = [];
  const Polite = oneAtATime(FakeLoader as never, new Turnstile()) as unknown as new () => Loading;
  const load = (url: string, callbacks: object = { onSuccess() {}, onError() {}, onTimeout() {} }) => {
    const loader = new Polite();
    loader.load({ url }, {}, callbacks);
    return loader;
  };
  return { load, started: () => FakeLoader.urls, first: () => FakeLoader.all[0]! };
}

const VIDEO = "/hls/v.m3u8?_HLS_msn=7&_HLS_part=2";
const AUDIO = "/hls/a.m3u8?_HLS_msn=7&_HLS_part=2";

it("knows a blocking reload", () => {
  expect(isBlocking(VIDEO)).toBe(true);
  expect(isBlocking("/hls/v.m3u8?_HLS_skip=YES&_HLS_msn=7")).toBe(true);
  expect(isBlocking("/hls/v.m3u8")).toBe(false);
});

it("starts the second blocking reload when the first is done", () => {
  const { load, started, first } = loaders();
  const done = vi.fn();
  load(VIDEO, { onSuccess: done, onError() {}, onTimeout() {} });
  load(AUDIO);
  expect(started()).toEqual([VIDEO]);
  first().callbacks.onSuccess!("answer");
  expect(done).toHaveBeenCalledWith("answer");
  expect(started()).toEqual([VIDEO, AUDIO]);
});

it.each(["onError", "onTimeout"])("goes on after %s", (name) => {
  const { load, started, first } = loaders();
  load(VIDEO);
  load(AUDIO);
  first().callbacks[name]!();
  expect(started()).toEqual([VIDEO, AUDIO]);
});

it("goes on when the one under way is aborted or destroyed", () => {
  const { load, started } = loaders();
  const video = load(VIDEO);
  load(AUDIO);
  video.abort();
  video.destroy();
  expect(started()).toEqual([VIDEO, AUDIO]);
});

it("forgets one that is destroyed while it waits", () => {
  const { load, started, first } = loaders();
  load(VIDEO);
  load(AUDIO).destroy();
  first().callbacks.onSuccess!();
  load("/hls/c.m3u8?_HLS_msn=8");
  expect(started()).toEqual([VIDEO, "/hls/c.m3u8?_HLS_msn=8"]);
});

it("lets everything else pass at once", () => {
  const { load, started } = loaders();
  load(VIDEO);
  load("/hls/index.m3u8");
  expect(started()).toEqual([VIDEO, "/hls/index.m3u8"]);
});

it("lets a loader be used again", () => {
  const { load, started, first } = loaders();
  const loader = load(VIDEO);
  first().callbacks.onSuccess!();
  loader.load({ url: AUDIO }, {}, { onSuccess() {}, onError() {}, onTimeout() {} });
  expect(started()).toEqual([VIDEO, AUDIO]);
});
