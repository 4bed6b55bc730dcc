import assert from "node:assert/strict";
import { after } from "node:test";
import { chromium } from "playwright-core";
import { atEnd } from "./stage.js";
import { until } from "./until.js";

const ARGUMENTS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--autoplay-policy=no-user-gesture-required",
];

let launched;

/** One browser for a file of tests; each visitor has a profile of its own in it. */
function browser() {
  launched ??= chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ARGUMENTS });
  return launched;
}

after(async () => (await launched)?.close());

/** What the browser says when somebody leaves a page, which hangs up then, while it still connects. */
const LEFT_EARLY = /WebSocket is closed before the connection is established/;

/** A person at a browser. What goes wrong on any page of theirs fails the test. */
export class Visitor {
  problems = [];
  requests = [];
  /** Live connections, and what was heard over each. */
  lines = [];

  /** `expects` are the complaints of the browser that belong to the story, such as an answer 409; `as` is who has signed in. */
  static async come(t, origins, { expects = [], as, ...options } = {}) {
    const storageState = as && (await signedIn(as, origins[0]));
    const context = await (await browser()).newContext({ viewport: { width: 1280, height: 800 }, storageState, ...options });
    context.setDefaultTimeout(30_000);
    const visitor = new Visitor(context, origins, expects);
    await context.addInitScript(reportViolations);
    context.on("page", (page) => visitor.watch(page));
    atEnd(t, () => visitor.goes());
    return visitor;
  }

  constructor(context, origins, expects) {
    this.context = context;
    this.origins = origins;
    this.expects = expects;
  }

  watch(page) {
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) this.complain(`${message.text()} (${message.location().url})`);
    });
    page.on("pageerror", (error) => this.complain(error.stack));
    page.on("request", (request) => {
      const url = request.url();
      this.requests.push(url);
      if (/^(data|blob):/.test(url)) return;
      if (!this.origins.includes(new URL(url).origin)) this.complain(`a request to ${url}`);
    });
    page.on("websocket", (socket) => {
      const line = { socket, heard: "" };
      this.lines.push(line);
      socket.on("framereceived", ({ payload }) => (line.heard += payload));
    });
  }

  /** A page of theirs follows a channel, over a connection that stands. */
  follows() {
    return until("a live connection stands", () => this.lines.find(({ socket, heard }) => !socket.isClosed() && heard.includes('"subscribe"')));
  }

  /** The addresses that their pages asked for, of this kind. */
  asked = (pattern) => this.requests.filter((url) => pattern.test(url));

  complain(text) {
    if (![LEFT_EARLY, ...this.expects].some((pattern) => pattern.test(text))) this.problems.push(text);
  }

  async opens(url) {
    const page = await this.context.newPage();
    await page.goto(url);
    return page;
  }

  /** Nothing went wrong so far. */
  isContent() {
    assert.deepEqual(this.problems, []);
  }

  async goes() {
    await this.context.close();
    this.isContent();
  }
}

/** What a browser keeps of somebody who signed in before: cookies, and who it is. */
async function signedIn({ username, password }, origin) {
  const headers = { "content-type": "application/json", origin };
  const body = JSON.stringify({ login: username, password, cookies: true });
  const response = await fetch(`${origin}/api/auth/login`, { method: "POST", headers, body });
  assert.equal(response.status, 200);
  const { user, expires_in } = await response.json();
  const cookies = response.headers.getSetCookie().map((line) => cookie(line, new URL(origin).hostname));
  const value = JSON.stringify({ user, until: Date.now() + expires_in * 900 });
  return { cookies, origins: [{ origin, localStorage: [{ name: "tallylight.account", value }] }] };
}

function cookie(line, domain) {
  const [, name, value] = line.match(/^([^=]+)=([^;]*)/);
  const says = (attribute) => line.match(new RegExp(`; ${attribute}=([^;]*)`))?.[1];
  assert.match(line, /; HttpOnly/);
  return { name, value, domain, path: says("Path"), expires: Math.floor(Date.now() / 1000) + Number(says("Max-Age")), httpOnly: true, secure: /; Secure/.test(line), sameSite: says("SameSite") };
}

/** Waits until the video has moved on by so many seconds. A player that starts anew may begin at an earlier time. */
export async function plays(page, seconds = 1) {
  const video = page.locator("video");
  const time = () => video.evaluate((element) => (element.readyState >= 2 ? element.currentTime : 0));
  let begun = await until("the video begins", time);
  await until("the video moves on", async () => {
    const now = await time();
    if (now > 0) begun = Math.min(begun, now);
    return now > begun + seconds;
  });
}

/** Runs in each page: violations of the content security policy go to the console, as what they are. */
function reportViolations() {
  addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) => console.error(`CSP: ${violatedDirective} ${blockedURI}`));
}
