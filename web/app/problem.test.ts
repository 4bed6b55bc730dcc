import { expect, it } from "vitest";
import { readProblem } from "./problem.js";

const told = async (status: number, body: object | string, headers = {}) =>
  (await readProblem(new Response(typeof body === "string" ? body : JSON.stringify(body), { status, headers }))).sentence;

it.each([
  ["a limit with its wait", 429, { code: "too-many-requests", detail: "too fast: try again in 7 s" }, { "retry-after": "7" }, "Too many attempts. Try again in 7 seconds."],
  ["a long wait", 429, {}, { "retry-after": "600" }, "Too many attempts. Try again in 10 minutes."],
  ["a limit that says nothing", 429, {}, {}, "Too many attempts. Try again in a moment."],
  ["what the API writes for programs", 403, { code: "suspended", detail: "this account is suspended" }, {}, "This account is suspended."],
  ["another address", 403, { code: "foreign-origin", detail: "cookies are for this site's own pages" }, {}, "This page was not opened at the server's own address. Open it there and try again."],
  ["a title where there is no detail", 409, { title: "All places are taken." }, {}, "All places are taken."],
  ["a proxy's own words", 502, "<html>bad gateway", {}, "The server answered 502."],
])("says for a person: %s", async (_name, status, body, headers, sentence) => expect(await told(status, body, headers)).toBe(sentence));

it("tells a time by the clock on the wall", async () => {
  const sentence = await told(403, { code: "shut-out", detail: "this device or network is shut out of this server until 2026-11-23T10:00:00Z" });
  expect(sentence).toMatch(/^This device or network is shut out of this server until .*2026.*\.$/);
  expect(sentence).not.toContain("T10");
});
