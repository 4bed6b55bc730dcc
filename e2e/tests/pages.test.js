import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";
import { plays, Visitor } from "../support/browser.js";
import { Encoder } from "../support/encoder.js";
import { Server } from "../support/server.js";
import { atEnd } from "../support/stage.js";
import { until } from "../support/until.js";

/** One server, one broadcaster, one broadcast; on air if asked for. */
async function stage(t, { settings, onAir = false, ...broadcast } = {}) {
  const server = await Server.start(t, settings);
  const ada = await server.register("ada");
  const show = await ada.creates("Launch day", { tags: ["rocket"], ai_intent: "tech", ...broadcast });
  if (!onAir) return { server, ada, show };
  const encoder = await Encoder.publish(t, show);
  await ada.sees(show, "live");
  return { server, ada, show, encoder };
}

/** How far behind the encoder the picture is, in seconds, by the dates in the playlist. */
const latency = (page) => page.locator(".latency").textContent();

test("from the home page to the picture and back, counted all the while", async (t) => {
  const { server, show } = await stage(t, { onAir: true });
  const visitor = await Visitor.come(t, [server.url]);
  const page = await visitor.opens(server.url);
  const card = page.locator("active-sessions:not(.stage-list) article");
  await card.getByText("Launch day").waitFor();
  await card.getByText("ada", { exact: true }).waitFor();
  await card.getByRole("img", { name: "0 viewers" }).waitFor();
  await card.locator(".badge").getByText("Live").waitFor();

  await card.getByRole("link", { name: "Watch Launch day by ada" }).click();
  await page.waitForURL(`${server.url}/watch/${show.id}`);
  await page.getByRole("heading", { name: "Launch day" }).waitFor();
  await plays(page);
  assert.equal(await page.locator("video").evaluate((video) => video.src.startsWith("blob:")), true, "hls.js plays");
  assert.ok(visitor.requests.some((url) => /_HLS_msn=\d+&_HLS_part=/.test(url)), "with low latency");
  t.diagnostic(`latency ${await until("the latency is shown", () => latency(page))}`);
  await server.anyone.counts(show, 1);
  await page.locator("dl.figures").getByText("1", { exact: true }).waitFor();

  const second = await visitor.opens(`${server.url}/watch/${show.id}`);
  await plays(second);
  await server.anyone.counts(show, 2);
  await second.close();
  await server.anyone.counts(show, 1);

  await page.goto(server.url);
  await server.anyone.counts(show, 0);
  await page.goBack();
  await plays(page);
  await server.anyone.counts(show, 1);
  await page.close();
  await server.anyone.counts(show, 0);
});

test("cards come, change and go without a reload", async (t) => {
  const { server, ada, show } = await stage(t);
  const visitor = await Visitor.come(t, [server.url]);
  const page = await visitor.opens(server.url);
  await page.getByRole("heading", { name: "Launch day" }).waitFor();
  await ada.changes(show, { title: "Launch night" });
  await page.getByRole("heading", { name: "Launch night" }).waitFor();
  await ada.creates("Cooking with Ada", { ai_intent: "food" });
  await page.getByRole("heading", { name: "Cooking with Ada" }).waitFor();
  await page.getByRole("searchbox").fill("night");
  await page.getByRole("heading", { name: "Cooking with Ada" }).waitFor({ state: "detached" });
  assert.equal(new URL(page.url()).search, "?q=night");
  await ada.ends(show);
  await page.getByText("Nothing like that is on air").waitFor();
  await page.getByRole("button", { name: "Show everything" }).click();
  await page.getByRole("heading", { name: "Cooking with Ada" }).waitFor();
});

test("an empty house says so", async (t) => {
  const server = await Server.start(t);
  const visitor = await Visitor.come(t, [server.url]);
  const page = await visitor.opens(server.url);
  await page.getByRole("heading", { name: "The lamp is off" }).waitFor();
});

test("in the studio: from an account to on air to the end", async (t) => {
  const server = await Server.start(t);
  const visitor = await Visitor.come(t, [server.url]);
  const page = await visitor.opens(`${server.url}/studio`);
  await page.getByRole("button", { name: "Create an account" }).click();
  await page.getByLabel("Username").fill("ada");
  await page.getByLabel("E-mail").fill("ada@example.org");
  await page.getByLabel("Password").fill("a long password");
  await page.getByRole("button", { name: "Create account" }).click();

  await page.getByLabel("Title").fill("Launch day");
  await page.getByRole("button", { name: "Create broadcast" }).click();
  await page.getByText("Waiting for your encoder").waitFor();
  await page.getByRole("button", { name: "Show the stream key" }).click();
  const secret = async (label) => (await page.locator("tl-secret", { hasText: label }).first().locator("code").textContent()).trim();
  const publish = { rtmp_url: await secret("Server"), stream_key: await secret("Stream key") };
  assert.match(publish.stream_key, /^\S{20,}$/);

  const encoder = await Encoder.publish(t, { publish });
  await page.locator(".lamp-state").getByText("On air").waitFor();
  await page.getByRole("button", { name: "Open preview" }).click();
  await plays(page);
  const { body: list } = await server.anyone.get("/api/broadcasts/active").expect(200);
  assert.equal(list.items[0].viewer_count, 0, "a preview is no viewer");

  await page.getByRole("button", { name: "End broadcast" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "End broadcast" }).click();
  await page.getByRole("heading", { name: "That was it" }).waitFor();
  await encoder.complains();
  await page.reload();
  await page.getByText("Ended").first().waitFor();
  await page.getByRole("button", { name: "Account: ada" }).click();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("button", { name: "Sign in" }).waitFor();
});

test("the studio says what is wrong with a form, at the field", async (t) => {
  const { server } = await stage(t);
  const visitor = await Visitor.come(t, [server.url], { expects: [/status of 4(01|09|22)/] });
  const page = await visitor.opens(`${server.url}/studio`);
  await page.getByLabel("Username or e-mail").fill("ada");
  await page.getByLabel("Password").fill("not hers");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("alert").waitFor();
  await page.getByRole("button", { name: "Create an account" }).click();
  await page.getByLabel("Username").fill("ada");
  await page.getByLabel("E-mail").fill("someone@example.org");
  await page.getByLabel("Password").fill("short");
  await page.getByRole("button", { name: "Create account" }).click();
  await until("the password is marked", async () => (await page.getByLabel("Password").getAttribute("aria-invalid")) === "true");
});

test("the set-up link makes the administrator", async (t) => {
  const server = await Server.start(t);
  const visitor = await Visitor.come(t, [server.url]);
  const page = await visitor.opens(`${server.url}/setup#token=${server.setupToken}`);
  await page.getByRole("heading", { name: "Welcome to Tallylight" }).waitFor();
  assert.equal(page.url(), `${server.url}/setup`, "the token leaves the address");
  await page.getByLabel("Username").fill("root");
  await page.getByLabel("E-mail").fill("root@example.org");
  await page.getByLabel("Password").fill("a long password");
  await page.getByRole("button", { name: "Create administrator" }).click();
  await page.waitForURL(`${server.url}/studio`);
  await page.getByRole("heading", { name: "New broadcast" }).waitFor();
  const { body } = await server.anyone.post("/api/auth/login", { login: "root", password: "a long password" }).expect(200);
  assert.equal(body.user.role, "admin");
});

test("who watches sees the encoder go and come back, a pause, and the end", async (t) => {
  const { server, ada, show, encoder } = await stage(t, { settings: { reconnect_window: 30 }, onAir: true });
  const visitor = await Visitor.come(t, [server.url], { expects: [/status of 410/] });
  const page = await visitor.opens(`${server.url}/watch/${show.id}`);
  await plays(page);
  await encoder.kill();
  await page.getByText("Reconnecting to the broadcaster").waitFor();
  await Encoder.publish(t, show);
  await page.locator(".stage[data-screen=live]").waitFor();
  await plays(page);
  await server.anyone.counts(show, 1);
  await ada.changes(show, { status: "paused" });
  await page.getByText("The broadcaster is taking a break").waitFor();
  await ada.changes(show, { status: "active" });
  await plays(page);
  await ada.ends(show);
  await page.getByText("This broadcast has ended").waitFor();
});

test("who comes too late, uninvited or to a full house is told so", async (t) => {
  const { server, ada, show } = await stage(t, { onAir: true, max_viewers: 1 });
  const expects = [/status of 4(04|09|10)/];
  const visitor = await Visitor.come(t, [server.url], { expects });
  const says = async (path, text) => {
    const page = await visitor.opens(`${server.url}${path}`);
    await page.getByText(text).first().waitFor();
    return page;
  };
  const first = await server.anyone.joins(show);
  const full = await says(`/watch/${show.id}`, "This broadcast is full");
  await server.anyone.leave(show, first).expect(204);
  await plays(full);
  await full.close();
  await ada.changes(show, { visibility: "private" });
  await says(`/watch/${show.id}`, "This broadcast is not here");
  await ada.changes(show, { visibility: "public" });
  await ada.ends(show);
  await says(`/watch/${show.id}`, "This broadcast has ended");
  await says("/watch/01900000-0000-7000-8000-000000000000", "This broadcast is not here");
  await says("/watch/nonsense", "This broadcast is not here");
  await says("/nowhere", "Nothing is on this channel");
});

test("a broadcast without its encoder is announced", async (t) => {
  const { server, show } = await stage(t);
  const visitor = await Visitor.come(t, [server.url]);
  const page = await visitor.opens(`${server.url}/watch/${show.id}`);
  await page.getByText("Starting soon").waitFor();
  await Encoder.publish(t, show);
  await plays(page);
});

test("the element works on another site, under a strict policy", async (t) => {
  const { server, show } = await stage(t, { onAir: true });
  const policy = `default-src 'none'; script-src ${server.url}; connect-src ${server.url} ${server.url.replace("http", "ws")}; img-src ${server.url}`;
  const body = `<!doctype html><html lang="en"><title>Elsewhere</title><link rel="icon" href="${server.url}/favicon.svg">
    <script type="module" src="${server.url}/elements/active-sessions.js"></script>
    <active-sessions refresh-interval="1000" show-duration="false"></active-sessions></html>`;
  const site = createServer((_, response) => {
    response.setHeader("content-type", "text/html; charset=utf-8").setHeader("content-security-policy", policy).end(body);
  }).listen(0, "127.0.0.1");
  atEnd(t, async () => site.close() && site.closeAllConnections());
  await until("the other site is up", () => site.listening);
  const origin = `http://127.0.0.1:${site.address().port}`;

  const visitor = await Visitor.come(t, [server.url, origin]);
  const page = await visitor.opens(origin);
  const card = page.locator("active-sessions article");
  await card.getByRole("heading", { name: "Launch day" }).waitFor();
  await until("its picture is shown", () => card.locator("img").evaluate((image) => image.naturalWidth > 0));
  await server.anyone.joins(show);
  await card.getByRole("img", { name: "1 viewer" }).waitFor();
  await card.getByRole("link").click();
  await page.waitForURL(`${server.url}/watch/${show.id}`);
});

test("the API is documented by the server itself", async (t) => {
  const server = await Server.start(t);
  // The reference tries whether it may make code of text, and goes without; and it warns of our `oneOf` with `null`.
  const expects = [/^CSP: script-src eval/, /^document validation errors/, /^\[Object(, Object)*\]/];
  const visitor = await Visitor.come(t, [server.url], { expects });
  const page = await visitor.opens(`${server.url}/api/docs`);
  await page.getByText("/api/broadcasts/active").first().waitFor();
});
