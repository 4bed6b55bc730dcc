import { expect, it } from "vitest";
import { isDefault, select, understands } from "./selection.js";
import type { Session } from "./session.js";

const query = { filter: "public", q: "", sort: "", order: "", max: 20 };
const card = (id: string, change: Partial<Session> = {}) =>
  ({ id, title: id, user: "ada", tags: [], ai_intent: null, is_featured: false, viewer_count: 0, started_at: null, ...change }) as Session;

const cards = [
  card("a", { title: "Zebra Ärger", viewer_count: 5, tags: ["Live Q&A"], started_at: "2026-11-23T10:00:00.25Z" }),
  card("b", { title: "apple", viewer_count: 9, user: "maya", ai_intent: "Gaming", started_at: "2026-11-23T10:00:00.250001Z" }),
  card("c", { title: "Éclair", viewer_count: 5, is_featured: true, started_at: "2026-11-23T10:00:00Z" }),
  card("d", { title: "\u{1F600} smile", ai_intent: "gaming" }),
  card("e", { title: "\uFF21 wide", tags: ["tag:with:colons"] }),
];
const ids = (change: Partial<typeof query>) => select(cards, { ...query, ...change }).map(({ id }) => id).join("");

it("filters as the server does, whatever the case of names, but those of people", () => {
  expect(ids({ filter: "featured" })).toBe("c");
  expect(ids({ filter: "category: GAMING " })).toBe("bd");
  expect(ids({ filter: "tag:live q&a" })).toBe("a");
  expect(ids({ filter: "tag:tag:with:colons" })).toBe("e");
  expect(ids({ filter: "user:maya" })).toBe("b");
  expect(ids({ filter: "user:Maya" })).toBe("");
  expect(ids({ filter: "nonsense" })).toBe(ids({}));
});

it("searches titles, broadcasters and tags", () => {
  expect(ids({ q: "  ÄRGER " })).toBe("a");
  expect(ids({ q: "may" })).toBe("b");
  expect(ids({ q: "q&a" })).toBe("a");
  expect(ids({ q: "gaming" })).toBe("");
});

it("sorts as the server does, with the id between equals in either direction", () => {
  expect(ids({})).toBe("bacde");
  expect(ids({ order: "asc" })).toBe("deacb");
  expect(ids({ sort: "started_at" })).toBe("bacde");
  expect(ids({ sort: "started_at", order: "asc" })).toBe("decab");
  expect(ids({ sort: "duration" })).toBe("decab");
  expect(ids({ sort: "title" })).toBe("baced");
  expect(ids({ sort: "title", order: "desc" })).toBe("decab");
});

it("knows what it does not know", () => {
  expect(understands({ ...query, sort: "title", order: "desc" })).toBe(true);
  expect(understands({ ...query, sort: "toString" })).toBe(false);
  expect(understands({ ...query, order: "up" })).toBe(false);
  expect(isDefault({ ...query, sort: "viewer_count", order: "desc" })).toBe(true);
  for (const other of [{ filter: "featured" }, { q: "x" }, { sort: "title" }, { order: "asc" }, { filter: "user:ada" }]) {
    expect(isDefault({ ...query, ...other })).toBe(false);
  }
});
