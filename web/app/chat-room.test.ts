import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { LogEvent } from "./api.js";
import { ChatRoom, MOST } from "./chat-room.js";

const event = (seq: number, data: Record<string, unknown> = {}, type = "chat.message"): LogEvent => ({
  id: `m${seq}`,
  session_id: "s",
  seq,
  type,
  data: type === "chat.message" ? { text: `text ${seq}`, user: "ada", display_name: null, role: "viewer", ...data } : data,
  created_at: new Date(seq * 1000).toISOString(),
  user_id: null,
});
const problem = (status: number, code: string, more: object = {}, headers = {}) =>
  new Response(JSON.stringify({ status, code, title: code, ...more }), { status, headers });

let room: ChatRoom;
let answer: (method: string, path: string, body: unknown) => Response;
const asked: [string, string, unknown][] = [];
const texts = () => room.messages.map(({ text }) => text);

beforeEach(() => {
  vi.useFakeTimers({ now: 0 });
  asked.length = 0;
  answer = () => new Response(null, { status: 204 });
  vi.stubGlobal("fetch", async (path: string, { method, body }: { method: string; body?: string }) => {
    asked.push([method, path, body && JSON.parse(body)]);
    return answer(method, path, body);
  });
  room = new ChatRoom("s");
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

it("keeps messages in their order, each once, and the newest ones", () => {
  room.fill([event(2), event(4)]);
  for (const seq of [3, 4, 1, 5]) room.take(event(seq));
  expect(texts()).toEqual(["text 1", "text 2", "text 3", "text 4", "text 5"]);
  for (let seq = 6; seq <= 300; seq += 1) room.take(event(seq));
  expect(room.messages).toHaveLength(MOST);
  expect(room.messages.at(-1)!.seq).toBe(300);
});

it("takes the words out of what is removed, and leaves out what was removed before", () => {
  room.fill([event(1), { ...event(2), data: { deleted: true } }]);
  room.take(event(3, { message_id: "m1", message_seq: 1, by: "owner" }, "chat.deleted"));
  expect(room.messages.map(({ text, removed }) => [text, removed])).toEqual([["", true]]);
});

it("shows one's own message once, whichever way it comes first", async () => {
  answer = () => new Response(JSON.stringify(event(7)), { status: 201 });
  room.take(event(7));
  expect(await room.say("text 7")).toBeUndefined();
  expect(asked).toEqual([["POST", "/api/sessions/s/chat", { text: "text 7" }]]);
  expect(texts()).toEqual(["text 7"]);
});

it("waits as long as it is told when it was too fast", async () => {
  answer = () => problem(429, "too-many-requests", {}, { "retry-after": "3" });
  await room.say("again");
  expect(room.hold).toEqual({ kind: "slow", until: 3000 });
  await vi.advanceTimersByTimeAsync(3000);
  expect(room.hold).toBeUndefined();
});

it("knows that one is banned, and until when", async () => {
  answer = () => problem(403, "banned", { detail: "You cannot write here until 1970-01-01T00:10:00Z." });
  await room.say("hello");
  expect(room.hold).toEqual({ kind: "banned", until: 600_000 });
  await vi.advanceTimersByTimeAsync(600_000);
  expect(room.hold).toBeUndefined();
  answer = () => problem(403, "banned", { detail: "You cannot write here." });
  await room.say("hello");
  await vi.advanceTimersByTimeAsync(30 * 86_400_000);
  expect(room.hold).toEqual({ kind: "banned", until: undefined });
});

it("says in a sentence what else is wrong", async () => {
  answer = () => problem(422, "invalid-fields", { errors: [{ field: "/text", message: "is empty" }] });
  expect(await room.say(" ")).toBe("is empty");
  expect(room.hold).toBeUndefined();
});

it("times somebody out, and takes that back", async () => {
  room.take(event(1));
  answer = () => new Response(JSON.stringify({ user_id: "u1" }), { status: 201 });
  await room.ban(room.messages[0]!, 600);
  expect(room.notice).toMatchObject({ text: "ada cannot write for 10 minutes.", after: 1 });
  answer = () => new Response(null, { status: 204 });
  await room.notice!.undo!();
  expect(asked).toEqual([
    ["POST", "/api/sessions/s/bans", { user: "ada", seconds: 600 }],
    ["DELETE", "/api/sessions/s/bans/u1", undefined],
  ]);
});

it("tells each reaction that it knows once", () => {
  const seen: string[] = [];
  room.addEventListener("reaction", (told) => seen.push((told as CustomEvent<string>).detail));
  for (const [seq, reaction] of [[1, "heart"], [1, "heart"], [2, "fire"], [3, "<b>"]] as const) room.take(event(seq, { reaction }, "reaction"));
  expect(seen).toEqual(["heart", "fire"]);
});
