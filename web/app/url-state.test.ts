import { expect, it } from "vitest";
import { filterOf, readHomeState, writeHomeState } from "./url-state.js";

it("reads and writes the same address", () => {
  const search = "?q=synth&category=music&sort=title";
  expect(writeHomeState(readHomeState(search))).toBe(search);
});

it("leaves defaults out and ignores what it does not know", () => {
  expect(writeHomeState(readHomeState("?sort=viewer_count&x=1"))).toBe("");
  expect(readHomeState("?sort=evil").sort).toBe("viewer_count");
});

it("turns a wish into the element's filter", () => {
  const wish = readHomeState("");
  expect(filterOf(wish)).toBe("public");
  expect(filterOf({ ...wish, category: "music" })).toBe("category:music");
  expect(filterOf({ ...wish, category: "music", tag: "lofi" })).toBe("tag:lofi");
});
