import { describe, expect, it } from "vitest";
import { formatAgo, formatCount, formatDuration, hueOf, initialOf, isoDuration, plural } from "./format.js";

describe("formatDuration", () => {
  it.each([
    [0, "0:00"],
    [-5000, "0:00"],
    [42_900, "0:42"],
    [725_000, "12:05"],
    [3_753_000, "1:02:33"],
    [93_784_000, "26:03:04"],
  ])("shows %i ms as %s", (milliseconds, shown) => expect(formatDuration(milliseconds)).toBe(shown));
});

it("says a duration as a machine reads it", () => expect(isoDuration(3_753_000)).toBe("PT1H2M33S"));

it("counts shortly on cards and exactly in words", () => {
  expect([7, 999, 1234, 2_500_000].map(formatCount)).toEqual(["7", "999", "1.2K", "2.5M"]);
  expect(plural(1, "viewer")).toBe("1 viewer");
  expect(plural(12_345, "viewer")).toBe("12,345 viewers");
});

it("gives a name always the same colour", () => {
  expect(hueOf("maya")).toBe(hueOf("maya"));
  expect(hueOf("maya")).toBeLessThan(8);
});

it("takes a whole character as initial", () => {
  expect(initialOf(" élan")).toBe("É");
  expect(initialOf("🎥cam")).toBe("🎥");
  expect(initialOf("")).toBe("?");
});

it("says how long ago something was", () => {
  const minutes = (count: number) => formatAgo(count * 60_000);
  expect([formatAgo(-5), minutes(0.9), minutes(5), minutes(125), minutes(4000)]).toEqual(["now", "now", "5 min", "2 h", "2 d"]);
});
