import assert from "node:assert/strict";
import { test } from "node:test";
import { Api } from "../support/api.js";
import { Visitor } from "../support/browser.js";
import { Server } from "../support/server.js";
import { until } from "../support/until.js";

const REFRESH = /\/api\/auth\/refresh/;
/** What the browser says of each answer that refuses. */
const REFUSED = /status of 40[134]/;
const MINUTES = 60_000;

/** A server, ada, and ada at her browser, signed in. */
async function stage(t, settings) {
  const server = await Server.start(t, settings);
  const ada = await server.register("ada");
  const visitor = await Visitor.come(t, [server.url], { as: ada, expects: [REFUSED] });
  const show = await ada.creates("Launch day");
  return { server, ada, visitor, show };
}

const isInStudio = (page) => page.getByRole("heading", { name: "New broadcast" }).waitFor();
const isAtDoor = (page) => page.getByRole("heading", { name: "Your studio" }).waitFor();
const remembered = (page) => page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage, cookies: document.cookie }));

/** As if the page had been left alone until its access cookie ran out. */
async function outlives(page) {
  await page.context().clearCookies({ name: "tl_access" });
  await page.evaluate(() => {
    const known = JSON.parse(localStorage.getItem("tallylight.account"));
    localStorage.setItem("tallylight.account", JSON.stringify({ ...known, until: Date.now() - 1 }));
  });
}

async function signsOut(page) {
  await page.getByRole("button", { name: /^Account/ }).click();
  await page.getByRole("button", { name: "Sign out" }).click();
}

test("nothing that a script can read signs anybody in", async (t) => {
  const { visitor, server } = await stage(t);
  const page = await visitor.opens(`${server.url}/studio`);
  await isInStudio(page);
  const cookies = await visitor.context.cookies(`${server.url}/api/auth/refresh`);
  const names = cookies.filter(({ name }) => name !== "tl_device").map(({ name, httpOnly, sameSite }) => `${name} ${httpOnly} ${sameSite}`);
  assert.deepEqual(names.sort(), ["tl_access true Strict", "tl_refresh true Strict"]);
  const kept = await remembered(page);
  for (const { name, value } of cookies) assert.ok(!kept.includes(value), `${name} can be read`);
});

test("two tabs whose access cookie ran out refresh it once", async (t) => {
  const { visitor, server, show } = await stage(t);
  const [one, two] = [await visitor.opens(`${server.url}/studio`), await visitor.opens(`${server.url}/studio`)];
  await Promise.all([isInStudio(one), isInStudio(two)]);
  await outlives(one);
  const before = visitor.asked(REFRESH).length;
  await Promise.all([one, two].map((page) => page.reload()));
  await Promise.all([one, two].map((page) => page.getByText(show.title).first().waitFor()));
  assert.equal(visitor.asked(REFRESH).length, before + 1);
});

test("an access cookie that is refused too early is renewed unseen", async (t) => {
  const { visitor, server, show } = await stage(t);
  const page = await visitor.opens(`${server.url}/studio#${show.id}`);
  await page.getByText("Waiting for your encoder").waitFor();
  await visitor.context.clearCookies({ name: "tl_access" });
  await page.getByRole("button", { name: "End broadcast" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "End broadcast" }).click();
  await page.getByRole("heading", { name: "That was it" }).waitFor();
  assert.equal(visitor.asked(REFRESH).length, 1);
});

test("who signs out in one tab is signed out in the others, and is a stranger to the server", async (t) => {
  const { server, show } = await stage(t);
  const bob = await server.register("bob");
  const visitor = await Visitor.come(t, [server.url], { as: bob, expects: [REFUSED] });
  const studio = await visitor.opens(`${server.url}/studio`);
  await isInStudio(studio);
  const watch = await visitor.opens(`${server.url}/watch/${show.id}`);
  await watch.getByRole("textbox", { name: "Message" }).waitFor();
  await visitor.follows();
  await signsOut(studio);
  await isAtDoor(studio);
  await watch.getByRole("button", { name: "Sign in to chat" }).waitFor();
  assert.deepEqual((await visitor.context.cookies(`${server.url}/api/auth`)).map(({ name }) => name), ["tl_device"]);
  await visitor.follows();
  await server.anyone.counts(show, 1);

  await watch.getByRole("button", { name: "Sign in to chat" }).click();
  await watch.getByLabel("Username or e-mail").fill("bob");
  await watch.getByLabel("Password").fill(bob.password);
  await watch.getByRole("dialog").getByRole("button", { name: "Sign in" }).click();
  await watch.getByRole("textbox", { name: "Message" }).waitFor();
  await isInStudio(studio);
  await server.anyone.counts(show, 1);
});

test("a sign-out that does not reach the server is none, and says so", async (t) => {
  const { visitor, server } = await stage(t);
  visitor.expects.push(/ERR_INTERNET_DISCONNECTED/);
  const page = await visitor.opens(`${server.url}/studio`);
  await isInStudio(page);
  await visitor.context.setOffline(true);
  await signsOut(page);
  await page.getByText("You are still signed in").waitFor();
  await visitor.context.setOffline(false);
  await page.getByRole("button", { name: "Sign out" }).click();
  await isAtDoor(page);
});

test("a live connection whose time is over goes on with new cookies, and misses nothing", async (t) => {
  const { visitor, server, ada, show } = await stage(t);
  const page = await visitor.context.newPage();
  await page.clock.install();
  await page.goto(`${server.url}/studio#${show.id}`);
  const line = await visitor.follows();
  await page.clock.fastForward(16 * MINUTES);
  await until("the connection is another", async () => (await visitor.follows()) !== line);
  assert.equal(visitor.asked(REFRESH).length, 1);
  await server.anyone.joins(show);
  await ada.post(`/api/sessions/${show.id}/chat`, { text: "still here" }).expect(201);
  await page.getByText("still here").waitFor();
});

test("a sign-in that was ended elsewhere ends here, and the page says so", async (t) => {
  const { visitor, server } = await stage(t);
  const page = await visitor.opens(`${server.url}/studio`);
  await isInStudio(page);
  const [{ value: spent }] = (await visitor.context.cookies(`${server.url}/api/auth`)).filter(({ name }) => name === "tl_refresh");
  await outlives(page);
  await page.reload();
  await isInStudio(page);
  // A refresh token that is used twice was stolen once.
  await server.anyone.post("/api/auth/refresh", { refresh_token: spent }).expect(401);
  await page.reload();
  await isAtDoor(page);
  await page.getByText("You have been signed out. Sign in again.").waitFor();
});

test("tokens of the kind that scripts could read are given back", async (t) => {
  const { server, ada } = await stage(t);
  const { body } = await server.anyone.post("/api/auth/login", { login: "ada", password: ada.password }).expect(200);
  const visitor = await Visitor.come(t, [server.url]);
  const page = await visitor.opens(server.url);
  await page.evaluate((token) => localStorage.setItem("tallylight.sign-in", JSON.stringify({ refresh_token: token })), body.refresh_token);
  await page.goto(`${server.url}/studio`);
  await isAtDoor(page);
  await until("it is worth nothing", async () => (await server.anyone.post("/api/auth/refresh", { refresh_token: body.refresh_token })).status === 401);
  assert.ok(!(await remembered(page)).includes(body.refresh_token));
});

/** The administrator, made by the link of the first start. */
async function administrator(server) {
  const account = { setup_token: server.setupToken, username: "root", email: "root@example.org", password: "root's long password" };
  const { body } = await server.anyone.post("/api/auth/setup", account).expect(201);
  return new Api(server.url, { token: body.access_token });
}

test("who is suspended while watching is told so and signed out, and may go on as a stranger", async (t) => {
  const { server, show } = await stage(t);
  const root = await administrator(server);
  const bob = await server.register("bob");
  // The connection may be cut while it is being made.
  const cut = /WebSocket is closed before the connection is established/;
  const visitor = await Visitor.come(t, [server.url], { as: bob, expects: [REFUSED, cut] });
  const page = await visitor.opens(`${server.url}/watch/${show.id}`);
  const studio = await visitor.opens(`${server.url}/studio`);
  await isInStudio(studio);
  await visitor.follows();
  await server.anyone.counts(show, 1);
  await root.post("/api/admin/bans", { user_id: bob.id }).expect(201);
  await page.getByRole("heading", { name: "You cannot watch this" }).waitFor();
  await page.getByText("This account is suspended.").waitFor();
  await isAtDoor(studio);
  await server.anyone.counts(show, 0);
  await studio.getByLabel("Username or e-mail").fill("bob");
  await studio.getByLabel("Password").fill(bob.password);
  await studio.getByRole("button", { name: "Sign in" }).click();
  await studio.getByRole("alert").getByText("This account is suspended.").waitFor();
  await page.getByRole("button", { name: "Try again" }).click();
  await page.getByText("Starting soon").waitFor();
  await server.anyone.counts(show, 1);
});

test("whose device is shut out sees why there is nothing to watch", async (t) => {
  const { server, show } = await stage(t);
  const root = await administrator(server);
  const visitor = await Visitor.come(t, [server.url], { expects: [/status of (403|410)/] });
  const page = await visitor.opens(`${server.url}/watch/${show.id}`);
  await visitor.follows();
  await server.anyone.counts(show, 1);
  const device = (await visitor.context.cookies()).find(({ name }) => name === "tl_device").value;
  await root.post("/api/admin/bans", { device_id: device, until: new Date(Date.now() + 60 * MINUTES).toISOString() }).expect(201);
  await page.getByText(/This device or network is shut out of this server until .+/).waitFor();
  await server.anyone.counts(show, 0);
});

test("the pages around a password open for anybody", async (t) => {
  const server = await Server.start(t);
  const visitor = await Visitor.come(t, [server.url]);
  const page = await visitor.opens(`${server.url}/account`);
  await page.getByRole("link", { name: "Forgot your password?" }).click();
  await page.getByRole("heading", { name: "Forgot your password?" }).waitFor();
  await page.getByRole("button", { name: "Send the link" }).click();
  await page.getByText("This is needed.").waitFor();
  await page.goto(`${server.url}/reset#token=not-told-to-anybody`);
  await page.getByRole("heading", { name: "Choose a new password" }).waitFor();
  assert.equal(page.url(), `${server.url}/reset`, "the token leaves the address");
  await page.goto("about:blank");
  await page.goto(`${server.url}/reset`);
  await page.getByRole("link", { name: "Ask for another" }).waitFor();
});
