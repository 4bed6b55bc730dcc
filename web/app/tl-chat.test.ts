import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { LogEvent } from "./api.js";
import { ChatRoom } from "./chat-room.js";
import type { Chat } from "./tl-chat.js";
import "./tl-chat.js";

let room: ChatRoom;
let chat: Chat;

const said = (seq: number, data: Record<string, unknown>): LogEvent => ({
  id: `m${seq}`,
  session_id: "s",
  seq,
  type: "chat.message",
  data: { text: `text ${seq}`, user: "bob", display_name: null, role: "viewer", ...data },
  created_at: new Date().toISOString(),
  user_id: null,
});
const signIn = (username: string, role = "viewer") => localStorage.setItem("tallylight.account", JSON.stringify({ until: Date.now() + 60_000, user: { id: "1", username, role } }));
const all = (selector: string) => [...chat.querySelectorAll<HTMLElement>(selector)];
const labels = () => all(".message-actions button").map((button) => button.getAttribute("aria-label"));

async function shown(events: LogEvent[]): Promise<void> {
  room = new ChatRoom("s");
  chat = document.createElement("tl-chat") as Chat;
  chat.room = room;
  chat.host = "maya";
  document.body.append(chat);
  room.fill(events);
  await drawn();
}

async function drawn(): Promise<void> {
  await chat.updateComplete;
  await (chat.querySelector("tl-composer") as Chat | null)?.updateComplete;
}

async function pointAt(index: number): Promise<void> {
  all(".message")[index]!.dispatchEvent(new FocusEvent("focusin", { bubbles: true }));
  await drawn();
}

beforeEach(() => localStorage.clear());
afterEach(() => {
  document.body.innerHTML = "";
  vi.unstubAllGlobals();
});

it("makes text of what is said, and links that give nothing away", async () => {
  await shown([said(1, { text: '<img src=x onerror=alert(1)> https://example.org/a "javascript:alert(1)"', display_name: "<b>Bob</b>", user: '"><script>' })]);
  expect(all("img, script, .message b")).toEqual([]);
  expect(all(".message-text")[0]!.textContent).toBe('<img src=x onerror=alert(1)> https://example.org/a "javascript:alert(1)"');
  const [link] = all(".message-text a");
  expect(["href", "target", "rel"].map((name) => link!.getAttribute(name))).toEqual(["https://example.org/a", "_blank", "nofollow ugc noopener noreferrer"]);
});

it("keeps the text in its direction and reads new messages out", async () => {
  await shown([said(1, { text: "مرحبا" })]);
  expect(all(".message-text")[0]!.getAttribute("dir")).toBe("auto");
  expect(["role", "aria-live"].map((name) => all(".chat-log")[0]!.getAttribute(name))).toEqual(["log", "polite"]);
});

it("offers nothing to strangers but to sign in", async () => {
  await shown([said(1, {})]);
  await pointAt(0);
  expect(labels()).toEqual([]);
  expect(all("textarea")).toEqual([]);
  expect(all(".chat-stranger button")[0]!.textContent).toBe("Sign in to chat");
});

it("lets people remove what they said, and nothing else", async () => {
  signIn("bob");
  await shown([said(1, {}), said(2, { user: "ada" })]);
  await pointAt(0);
  expect(labels()).toEqual(["Remove this message"]);
  await pointAt(1);
  expect(labels()).toEqual([]);
});

it.each([
  ["maya", "broadcaster"],
  ["mo", "moderator"],
])("lets %s, who may, silence viewers and nobody else", async (name, role) => {
  signIn(name, role);
  await shown([said(1, {}), said(2, { user: "root", role: "admin" })]);
  await pointAt(0);
  expect(labels()).toEqual(["Remove this message", "Time bob out for 10 minutes", "Ban bob"]);
  await pointAt(1);
  expect(labels()).toEqual(["Remove this message"]);
});

it("shows what was removed as removed", async () => {
  await shown([said(1, {}), said(2, {})]);
  room.take({ ...said(3, {}), type: "chat.deleted", data: { message_id: "m1", message_seq: 1, by: "owner" } });
  await drawn();
  expect(all(".message").map(({ className, textContent }) => [className.includes("gone"), textContent?.includes("text")])).toEqual([[true, false], [false, true]]);
});

it("counts what is left near the end, and says why nothing can be said", async () => {
  signIn("bob");
  await shown([]);
  const field = chat.querySelector("textarea")!;
  field.value = "x".repeat(501);
  field.dispatchEvent(new Event("input"));
  await drawn();
  expect(all(".composer-left")[0]!.textContent).toBe("-1");
  expect(chat.querySelector<HTMLButtonElement>(".composer-send")!.disabled).toBe(true);
  vi.stubGlobal("fetch", async () => new Response(JSON.stringify({ code: "banned", title: "Banned", detail: "No." }), { status: 403 }));
  await room.say("hello");
  await drawn();
  expect(all(".chat-banned")[0]!.textContent).toContain("You are banned from this chat");
});

it("keeps no more than its last 200 messages", async () => {
  await shown([]);
  for (let seq = 1; seq <= 250; seq += 1) room.take(said(seq, {}));
  await drawn();
  expect(all(".message")).toHaveLength(200);
});
