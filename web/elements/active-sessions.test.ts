import { afterEach, beforeEach, expect, it, vi } from "vitest";
import "./active-sessions.js";
// What the element loads later is at hand: how long a loader takes is nothing to test.
import "./live-source.js";
import type { ActiveSessions } from "./active-sessions-element.js";
import type { Session } from "./session.js";

const session = (id: string, change: Partial<Session> = {}): Session => ({
  id,
  title: `Show ${id}`,
  user: "maya",
  status: "active",
  started_at: new Date(Date.now() - 65_000).toISOString(),
  created_at: new Date().toISOString(),
  viewer_count: 1234,
  thumbnail_url: null,
  hls_url: null,
  ai_intent: "music",
  tags: ["live"],
  is_featured: false,
  ingest: { state: "live" },
  ...change,
});

/** A socket that says what the test says, for the server that is asked. */
class Socket {
  static last: Socket | undefined;
  onmessage?: (event: { data: string }) => void;
  constructor(readonly address: string) {
    Socket.last = this;
  }
  close(): void {}
  send(): void {}
  say(message: object): void {
    this.onmessage?.({ data: JSON.stringify(message) });
  }
}

let live: Session[] = [];
const fetched = vi.fn<(url: URL) => void>();

beforeEach(() => {
  live = [session("1"), session("2")];
  fetched.mockClear();
  vi.stubGlobal("WebSocket", Socket);
  vi.stubGlobal("fetch", async (url: URL) => {
    fetched(url);
    return new Response(JSON.stringify({ items: live, total: live.length }));
  });
});

afterEach(() => {
  document.body.innerHTML = "";
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

async function shown(attributes = ""): Promise<ActiveSessions> {
  document.body.innerHTML = `<active-sessions api-base="https://live.example.org/" ${attributes}></active-sessions>`;
  const element = document.querySelector("active-sessions")!;
  await vi.waitFor(() => expect(element.shadowRoot!.querySelector(".status + *:not(.hidden)")).toBeTruthy());
  await vi.waitFor(() => expect(element.shadowRoot!.querySelector(".join, slot, .retry")).toBeTruthy());
  return element;
}

const all = (element: ActiveSessions, selector: string) => [...element.shadowRoot!.querySelectorAll<HTMLElement>(selector)];

it("shows a card for each live broadcast", async () => {
  const element = await shown();
  expect(all(element, "h3").map((title) => title.textContent)).toEqual(["Show 1", "Show 2"]);
  expect(all(element, ".duration")[0]!.textContent).toBe("1:05");
  expect(all(element, ".viewers")[0]!.textContent).toContain("1.2K");
  expect(all(element, ".join")[0]!.getAttribute("href")).toBe("https://live.example.org/watch/1");
  expect(fetched.mock.calls[0]![0].href).toBe("https://live.example.org/api/broadcasts/active?visibility=public&limit=20");
});

it("hides what show-… says is false", async () => {
  const element = await shown('show-viewer-count="false" show-duration="false"');
  expect(all(element, ".viewers, .duration")).toEqual([]);
});

it("asks anew when an attribute changes", async () => {
  const element = await shown();
  element.setAttribute("filter", "category:gaming");
  await vi.waitFor(() => expect(fetched.mock.lastCall![0].searchParams.get("category")).toBe("gaming"));
});

it("keeps a card's element, and so its focus, when the order changes", async () => {
  const element = await shown();
  const second = all(element, ".join")[1]!;
  live = [session("2"), session("1")];
  element.refresh();
  await vi.waitFor(() => expect(all(element, "h3")[0]!.textContent).toBe("Show 2"));
  expect(all(element, ".join")[0]).toBe(second);
});

it("goes live once a list is shown, and keeps the focus in a card that moves", async () => {
  const element = await shown();
  await vi.waitFor(() => expect(Socket.last).toBeTruthy());
  expect(Socket.last!.address).toBe("wss://live.example.org/api/live");
  const join = all(element, ".join")[0]!;
  join.focus();
  const cards = [session("1", { viewer_count: 1 }), session("2", { viewer_count: 2 }), session("3", { viewer_count: 3 })];
  Socket.last!.say({ id: 2, subscribe: { data: { cards, total: 3 } } });
  await vi.waitFor(() => expect(all(element, "h3").map((title) => title.textContent)).toEqual(["Show 3", "Show 2", "Show 1"]));
  expect(all(element, ".join")[2]).toBe(join);
  expect(element.shadowRoot!.activeElement).toBe(join);
});

it("lets a page handle the join itself", async () => {
  const element = await shown();
  const joined: Session[] = [];
  document.addEventListener("session-join", (event) => {
    joined.push((event as CustomEvent<Session>).detail);
    event.preventDefault();
  });
  const click = new MouseEvent("click", { bubbles: true, cancelable: true, composed: true });
  all(element, ".join")[0]!.dispatchEvent(click);
  expect(joined.map(({ id }) => id)).toEqual(["1"]);
  expect(click.defaultPrevented).toBe(true);
});

it("shows nothing live, and a failure, each in its own way", async () => {
  live = [];
  expect(all(await shown(), "slot[name=empty]")).toHaveLength(1);
  vi.stubGlobal("fetch", async () => new Response("no", { status: 503 }));
  expect(all(await shown(), ".retry")).toHaveLength(1);
});

it("keeps what it has when an update fails, and says so", async () => {
  const element = await shown();
  vi.stubGlobal("fetch", async () => new Response("no", { status: 503 }));
  element.refresh();
  await vi.waitFor(() => expect(all(element, ".stale")).toHaveLength(1));
  expect(all(element, ".join")).toHaveLength(2);
});

it("never makes markup of a title", async () => {
  live = [session("1", { title: "<img src=x onerror=alert(1)>", user: '"><script>', tags: ["<b>"] })];
  const element = await shown();
  expect(all(element, "img, script, .labels b")).toEqual([]);
});
