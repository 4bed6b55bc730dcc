import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";

/**
 * Within which time, in milliseconds, whoever may not be here any more is cut. The product promises two seconds; the
 * rest is for a machine that stands still under other tests, and less than whatever else would end a connection.
 */
export const CUT_WITHIN = 12_000;

/**
 * Waits until `probe` answers with something truthy, and answers with that. What is waited for is an event of the
 * product, so the deadline is only there for the case that it never comes; `probe` may throw while it is not there yet.
 */
export async function until(what, probe, { within = 30_000, every = 40 } = {}) {
  const deadline = performance.now() + within;
  let last;
  do {
    try {
      last = await probe();
      if (last) return last;
    } catch (error) {
      last = error;
    }
    await pause(every);
  } while (performance.now() < deadline);
  assert.fail(`not within ${within / 1000} s: ${what} (last: ${show(last)})`);
}

const show = (value) => (value instanceof Error ? value.message : JSON.stringify(value));
