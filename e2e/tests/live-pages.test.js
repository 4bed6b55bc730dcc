import assert from "node:assert/strict";
import { createServer } from "node:http";
import { describe, test } from "node:test";
import { plays, Visitor } from "../support/browser.js";
import { Encoder } from "../support/encoder.js";
import { Proxy } from "../support/proxy.js";
import { Server } from "../support/server.js";
import { atEnd } from "../support/stage.js";
import { until } from "../support/until.js";

const LISTING = /\/api\/broadcasts\/active/;
const CUT = /WebSocket connection to .* failed/;

/** One server, one broadcaster, one broadcast; on air if asked for. */
async function stage(t, { settings, onAir = false } = {}) {
  const server = await Server.start(t, settings);
  const ada = await server.register("ada");
  const show = await ada.creates("Launch day");
  const encoder = onAir && (await Encoder.publish(t, show));
  if (onAir) await ada.sees(show, "live");
  return { server, ada, show, encoder };
}

/** Somebody at the watch page, with a live connection. */
async function watches(t, server, show, options) {
  const visitor = await Visitor.come(t, [server.url], options);
  const page = await visitor.opens(`${server.url}/watch/${show.id}`);
  await visitor.follows();
  return { visitor, page };
}

async function says(page, text) {
  await page.getByLabel("Message", { exact: true }).fill(text);
  await page.getByRole("button", { name: "Send" }).click();
}

const message = (page, text) => page.locator(".message", { hasText: text });
const figure = (page, name) => page.locator("dl.figures > div", { hasText: name }).locator("dd");
const shows = (what, locator, text) => until(what, async () => (await locator.textContent()).trim() === text);
const reactions = (page, name) => page.getByRole("button", { name, exact: true }).locator(".reaction-count");

describe("the list of broadcasts", { concurrency: 2 }, () => {
  test("on the home page changes without a reload or a question", async (t) => {
    const { server, ada, show } = await stage(t);
    const visitor = await Visitor.come(t, [server.url]);
    const page = await visitor.opens(server.url);
    const list = page.locator("active-sessions:not(.stage-list)");
    const card = (title) => list.locator("article", { hasText: title });
    const counted = (title, words) => card(title).getByRole("img", { name: words, exact: true }).waitFor();
    const ordered = (titles) => until(`the cards are ${titles}`, async () => String(await list.getByRole("heading").allTextContents()) === titles);
    await card("Launch day").waitFor();
    await visitor.follows();
    const before = visitor.asked(LISTING).length;

    const encore = await ada.creates("Encore");
    await card("Encore").waitFor();
    const [first] = [await server.anyone.joins(show), await server.anyone.joins(show)];
    await counted("Launch day", "2 viewers");
    await ordered("Launch day,Encore");
    await server.anyone.joins(encore);
    await counted("Encore", "1 viewer");
    await server.anyone.leave(show, first).expect(204);
    await counted("Launch day", "1 viewer");
    await server.anyone.joins(encore);
    await ordered("Encore,Launch day");
    await page.getByText("3 watching").waitFor();
    await ada.ends(encore);
    await card("Encore").waitFor({ state: "detached" });
    await ordered("Launch day");
    assert.equal(visitor.asked(LISTING).length, before, "nothing was asked for");
    assert.equal(visitor.lines.length, 1, "the lists share one connection");
  });

  test("on another site is as live, and polls for as long as the connection is away", async (t) => {
    const { server, ada, show } = await stage(t);
    const network = await Proxy.start(t, server);
    const origin = await site(t, network.url);
    const visitor = await Visitor.come(t, [network.url, origin], { expects: [CUT] });
    const page = await visitor.opens(origin);
    const counted = (words) => page.locator("article", { hasText: "Launch day" }).getByRole("img", { name: words, exact: true }).waitFor();
    const comesAndGoes = async () => {
      const viewer = await server.anyone.joins(show);
      await counted("1 viewer");
      await server.anyone.leave(show, viewer).expect(204);
      await counted("0 viewers");
    };
    await counted("0 viewers");
    const line = await visitor.follows();
    const before = visitor.asked(LISTING).length;
    for (let round = 0; round < 2; round += 1) await comesAndGoes();
    assert.equal(visitor.asked(LISTING).length, before, "nothing is asked for while it is live");

    network.interruptLive();
    await until("the connection is lost", () => line.socket.isClosed());
    await until("it polls", () => visitor.asked(LISTING).length >= before + 2);
    await comesAndGoes();
    await ada.creates("Encore");
    await page.getByRole("heading", { name: "Encore" }).waitFor();

    network.restore();
    await visitor.follows();
    const after = visitor.asked(LISTING).length;
    for (let round = 0; round < 2; round += 1) await comesAndGoes();
    assert.equal(visitor.asked(LISTING).length, after, "polling has stopped");
  });
});

/** Another site that has the element on its page; its address. */
async function site(t, server) {
  const body = `<!doctype html><html lang="en"><title>Elsewhere</title><link rel="icon" href="${server}/favicon.svg">
    <script type="module" src="${server}/elements/active-sessions.js"></script>
    <active-sessions refresh-interval="1000"></active-sessions></html>`;
  const listener = createServer((_, response) => response.setHeader("content-type", "text/html; charset=utf-8").end(body)).listen(0, "127.0.0.1");
  atEnd(t, async () => listener.close() && listener.closeAllConnections());
  await until("the other site is up", () => listener.listening);
  return `http://127.0.0.1:${listener.address().port}`;
}

describe("at the watch page", { concurrency: 2 }, () => {
  test("what one says and feels, the other sees at once", async (t) => {
    const { server, show } = await stage(t);
    const { page: bob } = await watches(t, server, show, { as: await server.register("bob") });
    await shows("bob watches", figure(bob, "Watching"), "1");
    const { page: eve } = await watches(t, server, show, { as: await server.register("eve") });
    await shows("two watch", figure(bob, "Watching"), "2");

    await says(bob, "Hello there");
    await message(eve, "Hello there").waitFor();
    await says(eve, "See https://example.org/a?b=1. <img src=x onerror=alert(1)>");
    const told = message(bob, "onerror=alert(1)>");
    await told.waitFor();
    const link = told.getByRole("link");
    assert.equal(await link.getAttribute("href"), "https://example.org/a?b=1");
    assert.match(await link.getAttribute("rel"), /nofollow.*noopener/);
    assert.equal(await told.locator("img").count(), 0, "what one writes is text");
    await says(bob, "Welcome");
    await message(eve, "Welcome").waitFor();
    for (const page of [bob, eve]) assert.equal(await page.locator(".message").count(), 3, "each message once");

    await eve.getByRole("button", { name: "Heart" }).click();
    await shows("bob sees a heart", reactions(bob, "Heart"), "1");
    await bob.getByRole("button", { name: "Fire" }).click();
    await shows("eve sees fire", reactions(eve, "Fire"), "1");
    for (const page of [bob, eve]) assert.equal(await reactions(page, "Heart").textContent(), "1", "each reaction once");

    await eve.close();
    await shows("one watches", figure(bob, "Watching"), "1");
  });

  test("a pause, a lost encoder and the end show without polling", async (t) => {
    const { server, ada, show, encoder } = await stage(t, { settings: { reconnect_window: 30 }, onAir: true });
    const { visitor, page } = await watches(t, server, show);
    await plays(page);
    const state = new RegExp(`/api/broadcasts/${show.id}$`);
    const before = visitor.asked(state).length;
    await ada.changes(show, { status: "paused" });
    await page.getByText("The broadcaster is taking a break").waitFor();
    await ada.changes(show, { status: "active" });
    await page.locator(".stage[data-screen=live]").waitFor();
    await encoder.kill();
    await page.getByText("Reconnecting to the broadcaster").waitFor();
    await Encoder.publish(t, show);
    await page.locator(".stage[data-screen=live]").waitFor();
    await plays(page);
    await ada.ends(show);
    await page.getByText("This broadcast has ended").waitFor();
    await page.getByText("The broadcast is over, and so is its chat.").waitFor();
    const told = (await ada.events(show)).filter(({ type }) => type.startsWith("broadcast.")).length;
    assert.ok(visitor.asked(state).length - before <= told, "it is asked for only when something happened");
  });

  test("the owner removes a message, silences and bans, and the banned sees why", async (t) => {
    const { server, ada, show } = await stage(t);
    const { page: bob } = await watches(t, server, show, { as: await server.register("bob"), expects: [/status of 403/] });
    const { page: owner } = await watches(t, server, show, { as: ada });
    const acts = async (text, action) => {
      await message(owner, text).hover();
      await message(owner, text).getByRole("button", { name: action }).click();
    };
    await says(bob, "Buy pearls");
    await message(owner, "Buy pearls").waitFor();
    await acts("Buy pearls", "Remove this message");
    await message(bob, "Message removed").waitFor();

    await says(bob, "Buy gold");
    await message(owner, "Buy gold").waitFor();
    await acts("Buy gold", "Time bob out");
    await owner.getByText("bob cannot write for 10 minutes.").waitFor();
    await says(bob, "Buy silver");
    await bob.getByText("You cannot write until").waitFor();
    await owner.getByRole("button", { name: "Undo" }).click();
    await owner.getByText("bob may write again.").waitFor();

    await bob.reload();
    await message(bob, "Buy gold").waitFor();
    await says(bob, "Sorry about that");
    await message(owner, "Sorry about that").waitFor();
    assert.deepEqual(await owner.locator(".message:not(.gone) .message-text").allTextContents(), ["Buy gold", "Sorry about that"]);
    assert.equal(await bob.locator(".message").count(), 2, "what was removed before leaves no trace");
    await acts("Sorry about that", "Ban bob");
    await owner.getByRole("dialog").getByRole("button", { name: "Ban" }).click();
    await owner.getByText("bob is banned from your chat.").waitFor();
    await says(bob, "Buy tin");
    await bob.getByText("You are banned from this chat. You can still watch.").waitFor();
  });

  test("a stranger reads what was said, may react, and may sign in to write", async (t) => {
    const { server, ada, show } = await stage(t);
    const bob = await server.register("bob");
    for (const text of ["First", "Second", "Third"]) await bob.post(`/api/sessions/${show.id}/chat`, { text }).expect(201);
    const { page: owner } = await watches(t, server, show, { as: ada });
    const { page } = await watches(t, server, show);
    await message(page, "Third").waitFor();
    assert.deepEqual(await page.locator(".message-text").allTextContents(), ["First", "Second", "Third"]);
    assert.equal(await page.getByLabel("Message", { exact: true }).count(), 0);
    await page.getByRole("button", { name: "Party" }).click();
    await shows("the owner sees it", reactions(owner, "Party"), "1");

    await page.getByRole("button", { name: "Sign in to chat" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Username or e-mail").fill("bob");
    await dialog.getByLabel("Password").fill(bob.password);
    await dialog.getByRole("button", { name: "Sign in" }).click();
    await says(page, "It is me");
    await message(owner, "It is me").waitFor();
    assert.equal(await server.anyone.count(show), "1", "it is still the same viewer, and an owner is none");
  });

  test("a viewer lives by the connection alone, and leaves with the page", async (t) => {
    const { server, show } = await stage(t);
    const { visitor, page } = await watches(t, server, show);
    // Whoever shows no sign of life tells when that time has passed.
    const silent = await server.anyone.joins(show);
    await server.anyone.counts(show, 2);
    await server.anyone.counts(show, 1, { within: 30_000 });
    await server.anyone.heartbeat(show, silent).expect(410);
    await shows("the page tells", figure(page, "Watching"), "1");
    assert.deepEqual(visitor.asked(/\/heartbeat$/), [], "nothing plays, so there is nothing to report");
    await page.close();
    await server.anyone.counts(show, 0);
  });
});

test("on a phone the picture and the place to write share the screen, with the keyboard up as well", async (t) => {
  const { server, show } = await stage(t);
  const phone = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };
  const { page } = await watches(t, server, show, { as: await server.register("bob"), ...phone });
  const field = page.getByLabel("Message", { exact: true });
  const isInView = (locator) => locator.evaluate((element) => {
    const { top, bottom, left, right } = element.getBoundingClientRect();
    return top >= 0 && bottom <= innerHeight && left >= 0 && right <= innerWidth;
  });
  const fits = async () => (await isInView(page.locator(".stage"))) && (await isInView(field));
  await field.waitFor();
  assert.equal(await page.evaluate(() => innerWidth), 390, "nothing is wider than the phone");
  await until("all is in view", fits);
  await field.tap();
  await page.setViewportSize({ width: 390, height: 500 });
  await until("all is in view above the keyboard", fits);
  await field.fill("I write with my thumbs");
  await page.getByRole("button", { name: "Send" }).tap();
  await message(page, "I write with my thumbs").waitFor();
});

test("in the studio figures, chat and events move by themselves", async (t) => {
  const { server, ada, show } = await stage(t, { onAir: true });
  const visitor = await Visitor.come(t, [server.url], { as: ada });
  const page = await visitor.opens(`${server.url}/studio#${show.id}`);
  await page.locator(".lamp-state").getByText("On air").waitFor();
  await visitor.follows();
  const bob = await server.register("bob");
  const happens = (text) => page.locator("tl-happenings").getByText(text, { exact: true }).first().waitFor();
  const viewer = await server.anyone.joins(show);
  await shows("one watches", figure(page, "Watching"), "1");
  await shows("one came", figure(page, "Joins/min"), "1");
  await happens("1 viewer joined");
  const before = visitor.asked(/order=desc/).length;
  await server.anyone.leave(show, viewer).expect(204);
  await shows("nobody watches", figure(page, "Watching"), "0");
  await shows("the most stays", figure(page, "Peak"), "1");
  await happens("1 viewer left");

  const { page: watching } = await watches(t, server, show, { as: bob });
  await says(watching, "Is this thing on?");
  await message(page, "Is this thing on?").waitFor();
  await says(page, "It is!");
  await message(watching, "It is!").locator(".message-badge").getByText("Host").waitFor();
  await watching.getByRole("button", { name: "Clap" }).click();
  await happens("👏");

  await page.getByRole("button", { name: "Pause", exact: true }).click();
  await happens("Paused");
  await watching.getByText("The broadcaster is taking a break").waitFor();
  await page.getByRole("button", { name: "Resume" }).click();
  await happens("Goes on");
  await plays(watching);
  assert.equal(visitor.asked(/order=desc/).length, before, "the events are told, and not asked for");
});
