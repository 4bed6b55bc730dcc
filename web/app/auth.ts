/**
 * Who is signed in. The tokens are in cookies that no script can read: all that a page knows is who it is, and until when the access
 * cookie is good. A refresh token can be spent once, so two tabs must not spend it at the same time: whoever refreshes
 * holds a lock, and looks under it whether that is still to do.
 */
import { withLock } from "./lock.js";
import { ApiProblem, readProblem } from "./problem.js";

export interface User {
  id: string;
  username: string;
  display_name: string | null;
  email: string;
  role: "viewer" | "broadcaster" | "moderator" | "admin";
}

interface SignedIn {
  user: User;
  expires_in: number;
}

interface Known {
  user: User;
  /** Until when the access cookie is worth sending. */
  until: number;
}

const KEY = "tallylight.account";
const LOCK = "tallylight.refresh";
/** Since when a page refreshes. */
const MARK = "tallylight.refreshing";
/** A refresh outlives its page; after so many milliseconds it is over. */
const SETTLED = 3_000;
/** A token this close to its end is not worth sending. */
const MARGIN = 20_000;
/** Tokens that scripts can read are given back. */
const READABLE = "tallylight.sign-in";

let pending: Promise<number> | undefined;
let farewell = "";
const listeners = new Set<() => void>();

const changed = () => listeners.forEach((listener) => listener());

addEventListener("storage", ({ key, newValue }) => {
  if (key !== KEY) return;
  if (newValue) farewell = "";
  changed();
});
giveBack();

/** Who is signed in, as far as this browser remembers; the server has the last word. */
export const currentUser = (): User | undefined => known()?.user;

/** Why somebody was signed out without asking for it; empty when nobody was. */
export const whySignedOut = (): string => farewell;

/** Calls back at every sign-in and sign-out, in this tab or another; the answer ends that. */
export function onAuthChange(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Sees to it that the access cookie is good. Until when it is, and 0 for somebody who is not signed in. */
export async function fresh(): Promise<number> {
  const { until } = known() ?? { until: 0 };
  if (!until || until > Date.now()) return until;
  pending ??= withLock(LOCK, refresh).finally(() => (pending = undefined));
  return pending;
}

/** The server refused the cookies that were good until then: they are renewed, or gone, before the next call. */
export async function distrust(until: number): Promise<void> {
  const now = known();
  if (now?.until === until) remember({ ...now, until: 1 });
  else if (!now) await dropCookies();
}

export const login = (login: string, password: string) => enter("login", { login, password });

export const register = (account: { username: string; email: string; password: string; display_name?: string }) =>
  enter("register", account);

/** Creates the administrator with the one-time token of the first start. */
export const setUp = (account: { setup_token: string; username: string; email: string; password: string; display_name?: string }) =>
  enter("setup", account);

/** Has a link sent by which a new password can be chosen; the answer is the same whether there is such an account. */
export const askForReset = async (login: string): Promise<void> => void (await post("password-reset", { login }));

/** Chooses a new password with the token out of that link, which ends every sign-in, this browser's as well. */
export async function resetPassword(token: string, password: string): Promise<void> {
  await post("password-reset/confirm", { token, password });
  if (known()) await dismissed("");
}

/** Ends this sign-in. Only the server can: no script reaches the cookies. */
export async function logout(): Promise<void> {
  await withLock(LOCK, async () => {
    await post("logout", {});
    forget();
  });
}

/** The server has no place for this sign-in any more. */
export async function dismissed(reason: string): Promise<void> {
  await withLock(LOCK, dropCookies);
  forget(reason);
}

/** Takes note of what changed in one's account. */
export function renamed(user: User): void {
  const now = known();
  if (now) remember({ ...now, user });
  changed();
}

function known(): Known | undefined {
  return parsed(KEY) as Known | undefined;
}

function parsed(key: string): unknown {
  try {
    return JSON.parse(localStorage.getItem(key) ?? "null") ?? undefined;
  } catch {
    return undefined;
  }
}

const remember = (now: Known) => localStorage.setItem(KEY, JSON.stringify(now));

function keep({ user, expires_in }: SignedIn): number {
  const life = expires_in * 1000;
  const until = Date.now() + life - Math.min(MARGIN, life / 4);
  remember({ user: pick(user), until });
  farewell = "";
  changed();
  return until;
}

/** What pages show, and nothing else that the server may tell. */
const pick = ({ id, username, display_name, email, role }: User): User => ({ id, username, display_name, email, role });

function forget(reason = ""): void {
  localStorage.removeItem(KEY);
  farewell = reason;
  changed();
}

async function enter(path: string, body: object): Promise<User> {
  return withLock(LOCK, async () => {
    const answer = await post(path, { ...body, cookies: true });
    keep(answer);
    return answer.user;
  });
}

async function refresh(): Promise<number> {
  await settled();
  const { until } = known() ?? { until: 0 };
  if (!until || until > Date.now()) return until;
  try {
    localStorage.setItem(MARK, String(Date.now()));
    return keep(await post("refresh", {}));
  } catch (error) {
    if (!(error instanceof ApiProblem)) throw error;
    if (error.status !== 401 && error.code !== "suspended") throw error;
    await dropCookies();
    forget(error.code === "suspended" ? error.sentence : "You have been signed out. Sign in again.");
    return 0;
  } finally {
    localStorage.removeItem(MARK);
  }
}

/** A page may go away in the middle of a refresh, whose answer still changes the cookies. */
async function settled(): Promise<void> {
  const left = Number(localStorage.getItem(MARK)) + SETTLED - Date.now();
  if (left > 0) await new Promise((resolve) => setTimeout(resolve, Math.min(left, SETTLED)));
}

/** Cookies that are worth nothing would be in the way: the server refuses whoever comes with them. */
const dropCookies = () => post("logout", {}).catch(() => undefined);

function giveBack(): void {
  const old = parsed(READABLE) as { refresh_token?: string } | undefined;
  localStorage.removeItem(READABLE);
  if (old?.refresh_token) void post("logout", { refresh_token: old.refresh_token }).catch(() => undefined);
}

async function post(path: string, body: object): Promise<SignedIn> {
  const headers = { "content-type": "application/json" };
  // The answer has cookies, so it must arrive also where the page goes away meanwhile.
  const response = await fetch(`/api/auth/${path}`, { method: "POST", headers, body: JSON.stringify(body), keepalive: true });
  if (!response.ok) throw await readProblem(response);
  return response.status === 204 ? ({} as SignedIn) : response.json();
}
