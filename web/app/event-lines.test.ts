import { expect, it } from "vitest";
import type { LogEvent } from "./api.js";
import { linesOf } from "./event-lines.js";

const log = (...types: [string, object?][]): LogEvent[] =>
  types.map(([type, data = {}], index) => ({ id: `${index}`, session_id: "s", seq: types.length - index, type, data: data as never, created_at: "2026-11-23T10:00:00Z", user_id: null }));

it("makes one line of several of a kind, and keeps its key while it grows", () => {
  const before = linesOf(log(["viewer.joined"], ["viewer.joined"], ["broadcast.started"]));
  expect(before.map(({ key, text }) => [key, text])).toEqual([[2, "2 viewers joined"], [1, "On air"]]);
  const after = linesOf(log(["viewer.joined"], ["viewer.joined"], ["viewer.joined"], ["broadcast.started"]));
  expect(after[0]).toMatchObject({ key: 2, text: "3 viewers joined", kind: "viewer" });
});

it("keeps together what comes between each other, but not around something of note", () => {
  const lines = linesOf(log(["viewer.joined"], ["reaction", { reaction: "heart" }], ["viewer.joined"], ["broadcast.paused"], ["viewer.joined"]));
  expect(lines.map(({ text }) => text)).toEqual(["2 viewers joined", "❤️", "Paused", "1 viewer joined"]);
});

it("counts reactions, and names what it does not know by its type", () => {
  const lines = linesOf(log(["reaction", { reaction: "fire" }], ["reaction", { reaction: "heart" }], ["reaction", { reaction: "fire" }], ["poll.opened"], ["ingest.warning", { message: "no keyframes" }]));
  expect(lines.map(({ text }) => text)).toEqual(["🔥 2  ❤️", "poll.opened", "Encoder: no keyframes"]);
  expect(lines[2]!.kind).toBe("warning");
});
