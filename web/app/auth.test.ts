import { afterEach, beforeEach, expect, it, vi } from "vitest";

const KEY = "tallylight.sign-in";
const user = { id: "1", username: "maya", display_name: null, email: "m@example.org", role: "broadcaster" };
const signedIn = (number: number) => ({ user, access_token: `access-${number}`, expires_in: 900, refresh_token: `refresh-${number}` });
const keepRefresh = (token: string) => localStorage.setItem(KEY, JSON.stringify({ refresh_token: token, user }));

/** A server whose refresh tokens can be spent once. */
function server() {
  let number = 1;
  const spent: string[] = [];
  const fetch = vi.fn(async (_path: string, { body }: { body: string }) => {
    const { refresh_token } = JSON.parse(body);
    await new Promise((resolve) => setTimeout(resolve, 5));
    if (refresh_token !== `refresh-${number}`) return new Response(JSON.stringify({ code: "token-invalid" }), { status: 401 });
    spent.push(refresh_token);
    number += 1;
    return new Response(JSON.stringify(signedIn(number)));
  });
  vi.stubGlobal("fetch", fetch);
  return { fetch, spent };
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
  expect(await (await tab()).accessToken()).toBeUndefined();
  expect(fetch).not.toHaveBeenCalled();
});

it("refreshes once for many calls", async () => {
  const { spent } = server();
  keepRefresh("refresh-1");
  const { accessToken } = await tab();
  const tokens = await Promise.all([accessToken(), accessToken(), accessToken()]);
  expect(tokens).toEqual(["access-2", "access-2", "access-2"]);
  expect(spent).toEqual(["refresh-1"]);
  expect(await accessToken()).toBe("access-2");
});

it.each([
  ["with Web Locks", true],
  ["without, over plain HTTP", false],
])("two tabs never spend the same token, %s", async (_name, secure) => {
  vi.stubGlobal("navigator", { onLine: true, locks: secure ? locks() : undefined });
  const { spent, fetch } = server();
  keepRefresh("refresh-1");
  const [one, two] = [await tab(), await tab()];
  const tokens = await Promise.all([one.accessToken(), two.accessToken()]);
  expect(tokens.toSorted()).toEqual(["access-2", "access-3"]);
  expect(spent).toEqual(["refresh-1", "refresh-2"]);
  expect(fetch).toHaveBeenCalledTimes(2);
});

it("signs out when the refresh token is worth nothing", async () => {
  server();
  keepRefresh("stolen");
  const { accessToken, currentUser } = await tab();
  expect(await accessToken()).toBeUndefined();
  expect(currentUser()).toBeUndefined();
});

it("stays signed in when the server is away", async () => {
  vi.stubGlobal("fetch", async () => Promise.reject(new TypeError("Failed to fetch")));
  keepRefresh("refresh-1");
  const { accessToken, currentUser } = await tab();
  await expect(accessToken()).rejects.toThrow();
  expect(currentUser()?.username).toBe("maya");
});
