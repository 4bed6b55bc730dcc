import { afterEach, beforeEach, expect, it, vi } from "vitest";
import "./tl-api-keys.js";
import "./tl-email-form.js";
import "./tl-profile-form.js";
import "./tl-reset-form.js";
import "./tl-sign-ins.js";
import type { Account, ApiKey, SignIn } from "./account-api.js";

type Answer = [status: number, body?: unknown];
type Asked = { method: string; path: string; body?: Record<string, unknown> };

const maya: Account = { id: "1", username: "maya", display_name: "Maya", email: "m@example.org", role: "broadcaster", default_title: null };
const signIn = (id: string, more: Partial<SignIn> = {}): SignIn => ({
  id, created_at: "2026-11-01T10:00:00Z", used_at: "2026-11-20T10:00:00Z", expires_at: "2026-12-20T10:00:00Z", ip: "203.0.113.7", user_agent: "curl/8.5.0", current: false, ...more,
});
const apiKey = (id: string, name: string): ApiKey => ({ id, name, scopes: ["chat:write"], created_at: "2026-11-01T10:00:00Z", expires_at: null, last_used_at: null });

let asked: Asked[];
let answer: (asked: Asked) => Answer;

beforeEach(() => {
  localStorage.clear();
  localStorage.setItem("tallylight.account", JSON.stringify({ user: maya, until: Date.now() + 60_000 }));
  asked = [];
  vi.stubGlobal("navigator", { onLine: true, locks: { request: (_name: string, work: () => Promise<unknown>) => work() } });
  vi.stubGlobal("fetch", async (path: string, { method = "GET", body }: { method?: string; body?: string } = {}) => {
    const request = { method, path, ...(body && { body: JSON.parse(body) }) };
    asked.push(request);
    const [status, reply] = answer(request);
    return new Response(reply === undefined ? null : JSON.stringify(reply), { status });
  });
});

afterEach(() => {
  document.body.replaceChildren();
  vi.unstubAllGlobals();
});

/** An element on the page, with what it was told about in the order of telling. */
async function shown(name: string, properties: object, events: string[] = []) {
  const element = Object.assign(document.createElement(name), properties) as HTMLElement & { updateComplete: Promise<unknown> };
  const told: [string, unknown][] = [];
  for (const event of events) element.addEventListener(event, (e) => told.push([event, (e as CustomEvent).detail]));
  document.body.append(element);
  await settled(element);
  return { element, told };
}

/** Nothing is under way any more. */
async function settled(element: { updateComplete: Promise<unknown> }) {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
  await new Promise((resolve) => setTimeout(resolve));
  await element.updateComplete;
}

const buttons = (element: HTMLElement) => [...element.querySelectorAll("button")];
const nameOf = (found: HTMLElement) => (found.getAttribute("aria-label") ?? found.textContent!).trim();
const button = (element: HTMLElement, name: string) => buttons(element).find((found) => nameOf(found) === name)!;

async function fills(element: HTMLElement & { updateComplete: Promise<unknown> }, values: Record<string, string>) {
  for (const [name, value] of Object.entries(values)) element.querySelector<HTMLInputElement>(`[name=${name}]`)!.value = value;
  element.querySelector("form")!.dispatchEvent(new Event("submit", { cancelable: true }));
  await settled(element);
}

const complaints = (element: HTMLElement) => [...element.querySelectorAll(".wrong .note")].map((note) => note.textContent!.trim());

it("changes of the profile what was changed, and nothing else", async () => {
  answer = ({ body }) => [200, { ...maya, ...body }];
  const { element, told } = await shown("tl-profile-form", { account: maya }, ["account"]);
  await fills(element, { display_name: "Maya O.", default_title: "" });
  expect(asked).toEqual([{ method: "PATCH", path: "/api/users/me", body: { display_name: "Maya O." } }]);
  expect(told).toEqual([["account", { ...maya, display_name: "Maya O." }]]);
  expect(element.querySelector(".form-done")!.textContent).toBe("Saved.");
  await fills(element, { display_name: "Maya", default_title: "Late night" });
  expect(asked.at(-1)!.body).toEqual({ default_title: "Late night" });
});

it("says at the field that the password is wrong, and keeps no password once it was right", async () => {
  answer = ({ body }) => (body!.current_password === "right" ? [200, { ...maya, email: "new@example.org" }] : [403, { code: "forbidden", detail: "the current password is not right" }]);
  const { element, told } = await shown("tl-email-form", { account: maya }, ["account"]);
  await fills(element, { email: "new@example.org", current_password: "wrong" });
  expect([complaints(element), told]).toEqual([["This is not your password."], []]);
  await fills(element, { current_password: "right" });
  expect([complaints(element), told.length]).toEqual([[], 1]);
  expect(element.querySelector<HTMLInputElement>("[name=current_password]")!.value).toBe("");
});

it("asks for nothing while something is missing", async () => {
  const { element } = await shown("tl-email-form", { account: maya });
  await fills(element, { current_password: " " });
  expect([complaints(element), asked]).toEqual([["This is needed."], []]);
});

it("chooses a new password only when it was written twice, and knows a link that is void", async () => {
  answer = ({ body }) => (body!.token === "good" ? [204] : [401, { code: "unauthenticated" }]);
  const { element, told } = await shown("tl-reset-form", { token: "void" }, ["chosen", "void"]);
  await fills(element, { password: "a long password", again: "another" });
  expect([complaints(element), asked]).toEqual([["This is not the same."], []]);
  await fills(element, { again: "a long password" });
  Object.assign(element, { token: "good" });
  await fills(element, {});
  expect(told.map(([name]) => name)).toEqual(["void", "chosen"]);
  expect(asked.map(({ path }) => path)).toEqual(["/api/auth/password-reset/confirm", "/api/auth/password-reset/confirm", "/api/auth/logout"]);
  expect(localStorage.getItem("tallylight.account"), "whoever was signed in is not").toBeNull();
});

it("says which rule a new password breaks", async () => {
  answer = () => [422, { code: "invalid-fields", errors: [{ field: "password", message: "must be 8 to 256 characters" }] }];
  const { element } = await shown("tl-reset-form", { token: "good" });
  await fills(element, { password: "short", again: "short" });
  expect(complaints(element)).toEqual(["must be 8 to 256 characters"]);
});

it("lists sign-ins, and ends one of them", async () => {
  answer = ({ method }) => (method === "DELETE" ? [204] : [200, { items: [signIn("a", { current: true }), signIn("b")] }]);
  const { element } = await shown("tl-sign-ins", {});
  expect(element.querySelectorAll(".row-item").length).toBe(2);
  button(element, "Sign out curl").click();
  await settled(element);
  expect(asked.at(-1)).toEqual({ method: "DELETE", path: "/api/auth/sessions/b" });
  expect(buttons(element).map(nameOf)).toEqual(["Sign out here"]);
  button(element, "Sign out here").click();
  await settled(element);
  expect(asked.at(-1)!.path).toBe("/api/auth/logout");
});

it("shows a new key once, and never keeps it", async () => {
  answer = ({ method, body }) => (method === "POST" ? [201, { ...apiKey("k2", "Bot"), ...body, key: "tl_secret" }] : [200, { items: [apiKey("k1", "Deck")] }]);
  const { element } = await shown("tl-api-keys", { account: maya });
  button(element, "New key").click();
  await settled(element);
  const form = element.querySelector("tl-key-form") as HTMLElement & { updateComplete: Promise<unknown> };
  expect(form.querySelectorAll("[name=scopes]").length, "none of those who run the server").toBe(10);
  await fills(form, { name: "Bot" });
  expect(complaints(form)).toEqual(["Choose at least one."]);
  form.querySelector<HTMLInputElement>("[value='chat:write']")!.checked = true;
  await fills(form, { expires_in: "2592000" });
  expect(asked.at(-1)).toEqual({ method: "POST", path: "/api/keys", body: { name: "Bot", scopes: ["chat:write"], expires_in: 2_592_000 } });
  await settled(element);
  expect(element.textContent).toContain("tl_secret");
  button(element, "I have it").click();
  await settled(element);
  expect(element.textContent).not.toContain("tl_secret");
  expect([...element.querySelectorAll(".row-words b")].map((name) => name.textContent!.trim())).toEqual(["Bot", "Deck"]);
  expect(JSON.stringify({ ...localStorage, ...sessionStorage })).not.toContain("tl_secret");
});
