/**
 * Who is signed in. All that a page knows about tokens is in this file: the access token lives in
 * memory, the refresh token in localStorage. A refresh token can be spent once, so two tabs must not
 * spend it at the same time: whoever refreshes holds a lock and reads the token again under it.
 */
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
  access_token: string;
  expires_in: number;
  refresh_token: string;
}

const KEY = "tallylight.sign-in";
const LOCK = "tallylight.refresh";
/** A token this close to its end is not worth sending. */
const MARGIN = 20_000;

let access: { token: string; until: number } | undefined;
let pending: Promise<string | undefined> | undefined;
const listeners = new Set<() => void>();

interface Kept {
  refresh_token: string;
  user: User;
}

function kept(): Kept | undefined {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? "null") ?? undefined;
  } catch {
    return undefined;
  }
}

function keep(answer: SignedIn): void {
  access = { token: answer.access_token, until: Date.now() + answer.expires_in * 1000 };
  localStorage.setItem(KEY, JSON.stringify({ refresh_token: answer.refresh_token, user: answer.user } satisfies Kept));
  changed();
}

function forget(): void {
  access = undefined;
  localStorage.removeItem(KEY);
  changed();
}

const changed = () => listeners.forEach((listener) => listener());

addEventListener("storage", (event) => {
  if (event.key !== KEY) return;
  if (!event.newValue) access = undefined;
  changed();
});

/** Who is signed in, as far as this browser remembers; the server has the last word. */
export const currentUser = (): User | undefined => kept()?.user;

/** Calls back at every sign-in and sign-out, in this tab or another; the answer ends that. */
export function onAuthChange(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** A valid access token, refreshed when needed; nothing for somebody who is not signed in. */
export async function accessToken(): Promise<string | undefined> {
  if (access && access.until - MARGIN > Date.now()) return access.token;
  if (!kept()) return undefined;
  pending ??= withLock(refresh).finally(() => (pending = undefined));
  return pending;
}

/** The server refused this token: the next call must not use it again. */
export function distrust(token: string): void {
  if (access?.token === token) access = undefined;
}

export const login = (login: string, password: string) => enter("login", { login, password });

export const register = (account: { username: string; email: string; password: string; display_name?: string }) =>
  enter("register", account);

/** Creates the administrator with the one-time token of the first start. */
export const setUp = (account: { setup_token: string; username: string; email: string; password: string; display_name?: string }) =>
  enter("setup", account);

/** Ends this sign-in, on the server too when it can be reached. */
export async function logout(): Promise<void> {
  const bearer = await accessToken().catch(() => undefined);
  // Read after the line above, which may have renewed it.
  const token = kept()?.refresh_token;
  forget();
  if (token) await post("logout", { refresh_token: token }, bearer).catch(() => undefined);
}

async function enter(path: string, body: object): Promise<User> {
  const answer = await post(path, body);
  keep(answer);
  return answer.user;
}

async function refresh(): Promise<string | undefined> {
  const stored = kept();
  if (!stored) return undefined;
  try {
    const answer = await post("refresh", { refresh_token: stored.refresh_token });
    keep(answer);
    return answer.access_token;
  } catch (error) {
    if (!(error instanceof ApiProblem) || error.status !== 401) throw error;
    // Another tab without the lock may have been quicker: its token is as good as ours.
    if (kept() && kept()?.refresh_token !== stored.refresh_token) return refresh();
    forget();
    return undefined;
  }
}

async function post(path: string, body: object, bearer?: string): Promise<SignedIn> {
  const headers: Record<string, string> = { "content-type": "application/json" };
  if (bearer) headers.authorization = `Bearer ${bearer}`;
  const response = await fetch(`/api/auth/${path}`, { method: "POST", headers, body: JSON.stringify(body) });
  if (!response.ok) throw await readProblem(response);
  return response.status === 204 ? ({} as SignedIn) : response.json();
}

/** Web Locks exist on secure origins only; over plain HTTP a lease in localStorage does. */
async function withLock<T>(work: () => Promise<T>): Promise<T> {
  if (navigator.locks) return navigator.locks.request(LOCK, work) as Promise<T>;
  const release = await lease();
  try {
    return await work();
  } finally {
    release();
  }
}

const LEASE = 8_000;

async function lease(): Promise<() => void> {
  const mine = `${Math.random()}`;
  const deadline = Date.now() + LEASE;
  for (;;) {
    const [owner, until] = (localStorage.getItem(LOCK) ?? "").split(" ");
    if (owner === mine) return () => localStorage.removeItem(LOCK);
    const free = !owner || Number(until) < Date.now() || Date.now() > deadline;
    if (free) localStorage.setItem(LOCK, `${mine} ${Date.now() + LEASE}`);
    // Whoever wrote last has it; everybody looks again after a moment.
    await new Promise((resolve) => setTimeout(resolve, 40 + Math.random() * 40));
  }
}
