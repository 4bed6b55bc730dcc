import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Poller } from "./poller.js";

let hidden = false;

function show(visible: boolean): void {
  hidden = !visible;
  document.dispatchEvent(new Event("visibilitychange"));
}

beforeEach(() => {
  vi.useFakeTimers();
  hidden = false;
  vi.spyOn(document, "hidden", "get").mockImplementation(() => hidden);
  vi.spyOn(Math, "random").mockReturnValue(0.5);
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

it("runs at once and then at its interval", async () => {
  const task = vi.fn(async () => undefined);
  const poller = new Poller(task, { interval: 1000 });
  poller.start();
  await vi.advanceTimersByTimeAsync(2500);
  expect(task).toHaveBeenCalledTimes(3);
  poller.stop();
  await vi.advanceTimersByTimeAsync(5000);
  expect(task).toHaveBeenCalledTimes(3);
});

it("never runs twice at once, and runs once more when asked meanwhile", async () => {
  let finish = () => {};
  const task = vi.fn(() => new Promise<void>((resolve) => (finish = resolve)));
  const poller = new Poller(task, { interval: 1000 });
  poller.start();
  poller.refresh();
  poller.refresh();
  await vi.advanceTimersByTimeAsync(5000);
  expect(task).toHaveBeenCalledTimes(1);
  finish();
  await vi.advanceTimersByTimeAsync(0);
  expect(task).toHaveBeenCalledTimes(2);
  poller.stop();
});

it("waits twice as long after each failure, up to its limit", async () => {
  const task = vi.fn(async () => Promise.reject(new Error("no")));
  const poller = new Poller(task, { interval: 1000, maxBackoff: 4000 });
  const starts: number[] = [];
  task.mockImplementation(async () => {
    starts.push(Date.now());
    throw new Error("no");
  });
  poller.start();
  await vi.advanceTimersByTimeAsync(16_000);
  poller.stop();
  const waits = starts.slice(1).map((start, index) => start - starts[index]!);
  expect(waits).toEqual([1000, 2000, 4000, 4000, 4000]);
});

it("waits as long as the server says", async () => {
  const task = vi.fn(async () => {
    throw Object.assign(new Error("429"), { retryAfter: 9000 });
  });
  const poller = new Poller(task, { interval: 1000 });
  poller.start();
  await vi.advanceTimersByTimeAsync(8900);
  expect(task).toHaveBeenCalledTimes(1);
  await vi.advanceTimersByTimeAsync(200);
  expect(task).toHaveBeenCalledTimes(2);
  poller.stop();
});

it("rests while hidden and catches up when shown", async () => {
  const task = vi.fn(async () => undefined);
  const poller = new Poller(task, { interval: 1000 });
  poller.start();
  await vi.advanceTimersByTimeAsync(0);
  show(false);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(task).toHaveBeenCalledTimes(1);
  show(true);
  await vi.advanceTimersByTimeAsync(0);
  expect(task).toHaveBeenCalledTimes(2);
  poller.stop();
});

it("beats on while hidden when it is a heart", async () => {
  const task = vi.fn(async () => undefined);
  const poller = new Poller(task, { interval: 1000, whileHidden: true });
  poller.start();
  show(false);
  await vi.advanceTimersByTimeAsync(3000);
  expect(task.mock.calls.length).toBeGreaterThanOrEqual(4);
  poller.stop();
});
