import { afterEach, beforeEach, expect, it, vi } from "vitest";

const KEY = "tallylight.account";
const maya = { id: "1", username: "maya", display_name: null, email: "m@example.org", role: "broadcaster" };
const PAST = 1;

const remembers = (until: number, user = maya) => localStorage.setItem(KEY, JSON.stringify({ user, until }));
const problem = (status: number, code: string, detail = "") => new Response(JSON.stringify({ status, code, detail }), { status });

/** A browser with cookies that no script can read, and a server whose refresh tokens can be spent once. */
function server({ signedIn = true, life = 900 } = {}) {
  const cookies = { refresh: signedIn ? 1 : 0 };
  let current = cookies.refresh;
  const asked: string[] = [];
  const bodies: Record<string, unknown>[] = [];
  const fetch = vi.fn(async (path: string, init: { body: string }) => {
    const noun = path.split("/").at(-1)!;
    asked.push(noun);
    bodies.push(JSON.parse(init.body));
    const sent = cookies.refresh;
    await new Promise((resolve) => setTimeout(resolve, 5));
    if (noun === "logout") {
      if (!("refresh_token" in bodies.at(-1)!)) cookies.refresh = 0;
      return new Response(null, { status: 204 });
    }
    if (noun === "refresh" && (!sent || sent !== current)) return problem(401, "unauthenticated");
    cookies.refresh = current += 1;
    return new Response(JSON.stringify({ user: maya, expires_in: life }));
  });
  vi.stubGlobal("fetch", fetch);
  return { cookies, asked, bodies, fetch, revoke: () => (current = -1) };
}

/** Each import is a tab of its own over the same localStorage. */
async function tab(): Promise<typeof import("./auth.js")> {
  vi.resetModules();
  return import("./auth.js");
}

/** As the browser has it: one holder at a time. */
function locks() {
  let last: Promise<unknown> = Promise.resolve();
  return { request: (_name: string, work: () => Promise<unknown>) => (last = last.then(work, work)) };
}

beforeEach(() => localStorage.clear());
afterEach(() => vi.unstubAllGlobals());

it("asks nobody when nobody is signed in", async () => {
  const { fetch } = server();
  expect(await (await tab()).fresh()).toBe(0);
  expect(fetch).not.toHaveBeenCalled();
});

it("signs in by cookies and remembers nothing but who it is, and until when they are good", async () => {
  const { bodies } = server({ signedIn: false });
  const { login, currentUser, fresh } = await tab();
  await login("maya", "a long password");
  expect(bodies).toEqual([{ login: "maya", password: "a long password", cookies: true }]);
  expect(currentUser()?.username).toBe("maya");
  expect(await fresh()).toBeGreaterThan(Date.now());
  expect(Object.keys(localStorage)).toEqual([KEY]);
  expect(Object.keys(JSON.parse(localStorage.getItem(KEY)!))).toEqual(["user", "until"]);
});

it("refreshes once for many calls", async () => {
  const { asked } = server();
  remembers(PAST);
  const { fresh } = await tab();
  const ends = await Promise.all([fresh(), fresh(), fresh()]);
  expect(new Set(ends).size).toBe(1);
  await fresh();
  expect(asked).toEqual(["refresh"]);
});

it.each([
  ["with Web Locks", true],
  ["without, over plain HTTP", false],
])("two tabs refresh once between them, %s", async (_name, secure) => {
  vi.stubGlobal("navigator", { onLine: true, locks: secure ? locks() : undefined });
  const { asked } = server();
  remembers(PAST);
  const [one, two] = [await tab(), await tab()];
  const [first, second] = await Promise.all([one.fresh(), two.fresh()]);
  expect(first).toBe(second);
  expect(asked).toEqual(["refresh"]);
});

it("renews what the server refused, once for all who were refused", async () => {
  const { asked } = server();
  const until = Date.now() + 60_000;
  remembers(until);
  const { fresh, distrust } = await tab();
  await Promise.all([distrust(until), distrust(until)]);
  const renewed = await fresh();
  await distrust(until);
  expect(await fresh()).toBe(renewed);
  expect(asked).toEqual(["refresh"]);
});

it("signs out, and says why, when the sign-in has ended elsewhere", async () => {
  const { revoke, cookies, asked } = server();
  revoke();
  remembers(PAST);
  const { fresh, currentUser, whySignedOut } = await tab();
  expect(await fresh()).toBe(0);
  expect(currentUser()).toBeUndefined();
  expect(whySignedOut()).toBe("You have been signed out. Sign in again.");
  expect(cookies.refresh, "cookies that are worth nothing go").toBe(0);
  expect(asked).toEqual(["refresh", "logout"]);
});

it("tells who is suspended that they are", async () => {
  vi.stubGlobal("fetch", async (path: string) => (path.endsWith("refresh") ? problem(403, "suspended", "this account is suspended") : new Response(null, { status: 204 })));
  remembers(PAST);
  const { fresh, currentUser, whySignedOut } = await tab();
  expect(await fresh()).toBe(0);
  expect([currentUser(), whySignedOut()]).toEqual([undefined, "This account is suspended."]);
});

it("stays signed in while the server is away or refuses for now", async () => {
  remembers(PAST);
  for (const away of [() => Promise.reject(new TypeError("Failed to fetch")), () => problem(429, "too-many-requests"), () => problem(403, "shut-out")]) {
    vi.stubGlobal("fetch", async () => away());
    const { fresh, logout, currentUser } = await tab();
    await expect(fresh()).rejects.toThrow();
    await expect(logout(), "nobody else can take the cookies away").rejects.toThrow();
    expect(currentUser()?.username).toBe("maya");
  }
});

it("waits for the refresh of a page that went away, whose cookies may be on their way", async () => {
  const { asked } = server();
  remembers(PAST);
  localStorage.setItem("tallylight.refreshing", String(Date.now() - 2_900));
  const { fresh } = await tab();
  const ready = fresh();
  expect(asked).toEqual([]);
  expect(await ready).toBeGreaterThan(0);
  expect(asked).toEqual(["refresh"]);
  expect(localStorage.getItem("tallylight.refreshing")).toBeNull();
});

it("gives back the tokens that scripts could read", async () => {
  const { bodies, asked } = server({ signedIn: false });
  localStorage.setItem("tallylight.sign-in", JSON.stringify({ refresh_token: "r1", user: maya }));
  const { currentUser } = await tab();
  expect([currentUser(), localStorage.getItem("tallylight.sign-in")]).toEqual([undefined, null]);
  expect([asked, bodies]).toEqual([["logout"], [{ refresh_token: "r1" }]]);
});

it("hears of a sign-out in another tab", async () => {
  server();
  remembers(Date.now() + 60_000);
  const { onAuthChange, currentUser } = await tab();
  const seen: (string | undefined)[] = [];
  const silence = onAuthChange(() => seen.push(currentUser()?.username));
  localStorage.removeItem(KEY);
  dispatchEvent(new StorageEvent("storage", { key: KEY, newValue: null }));
  silence();
  dispatchEvent(new StorageEvent("storage", { key: KEY, newValue: null }));
  expect(seen).toEqual([undefined]);
});
