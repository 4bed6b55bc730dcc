import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { test } from "node:test";
import { plays, Visitor } from "../support/browser.js";
import { Encoder } from "../support/encoder.js";
import { whole } from "../support/playlist.js";
import { quality } from "../support/quality.js";
import { Server } from "../support/server.js";
import { atEnd } from "../support/stage.js";
import { until } from "../support/until.js";

const HLS = new URL("../../web/node_modules/hls.js/dist/hls.min.js", import.meta.url);

/** One server, one broadcaster, one broadcast on air. */
async function stage(t, settings = {}) {
  const server = await Server.start(t, { heartbeat_interval: 1, ...settings });
  const ada = await server.register("ada");
  const show = await ada.creates("Launch day");
  const encoder = await Encoder.publish(t, show);
  await ada.sees(show, "live");
  await whole(ada, (await ada.joins(show)).playback.hls_url);
  return { server, ada, show, encoder };
}

/** A site of somebody else's, whose page plays an address with nothing but hls.js. */
async function site(t, address, cmcd) {
  const script = `window.hls = new Hls({ cmcd: ${JSON.stringify(cmcd)} });
    hls.attachMedia(document.querySelector("video")); hls.loadSource(${JSON.stringify(address)});`;
  const page = `<!doctype html><html lang="en"><title>Elsewhere</title><link rel="icon" href="data:,">
    <video muted autoplay playsinline></video><script src="/hls.js"></script><script>${script}</script></html>`;
  const files = { "/": ["text/html; charset=utf-8", page], "/hls.js": ["text/javascript", await readFile(HLS)] };
  const elsewhere = createServer(({ url }, response) => {
    const [type, body] = files[url];
    response.setHeader("content-type", type).end(body);
  }).listen(0, "127.0.0.1");
  atEnd(t, async () => elsewhere.close() && elsewhere.closeAllConnections());
  await until("the other site is up", () => elsewhere.listening);
  return `http://127.0.0.1:${elsewhere.address().port}`;
}

/** Waits until what was told satisfies; what it was. */
const told = (owner, show, satisfies) =>
  until("it is told", async () => {
    const sums = await quality(owner, show);
    return satisfies(sums) && sums;
  });

test("the watch page tells how it started and how it plays", async (t) => {
  const { server, ada, show } = await stage(t);
  const visitor = await Visitor.come(t, [server.url]);
  const page = await visitor.opens(`${server.url}/watch/${show.id}`);
  await plays(page, 2);
  const sums = await told(ada, show, ({ played }) => played > 2);
  t.diagnostic(JSON.stringify(sums));
  assert.equal(sums.viewers, 1);
  assert.ok(sums.startup > 0 && sums.startup < 10, `${sums.startup}`);
  const before = (await quality(ada, show)).played;
  await page.goto(server.url);
  await told(ada, show, ({ played }) => played > before);
});

test("a plain hls.js tells its stalls", async (t) => {
  const { server, ada, show, encoder } = await stage(t, { reconnect_window: 60 });
  const origin = await site(t, show.hls_url, {});
  const visitor = await Visitor.come(t, [server.url, origin]);
  const page = await visitor.opens(origin);
  await plays(page, 2);
  await page.locator("video").evaluate((video) => video.addEventListener("waiting", () => (window.hasStalled = true)));
  await encoder.kill();
  await until("it runs out of media", () => page.evaluate(() => window.hasStalled));
  await Encoder.publish(t, show);
  await plays(page, 2);
  const sums = await told(ada, show, ({ stalls }) => stalls > 0);
  t.diagnostic(JSON.stringify(sums));
  assert.deepEqual([sums.viewers, sums.startup, sums.played], [0, 0, 0], "nothing is made up");
});

test("an hls.js that reports events tells all", async (t) => {
  const { server, ada, show } = await stage(t);
  const { playback } = await server.anyone.joins(show);
  const target = { url: new URL("cmcd", playback.hls_url).href, events: ["ps", "t", "e"], interval: 1 };
  const origin = await site(t, playback.hls_url, { version: 2, eventTargets: [target] });
  const visitor = await Visitor.come(t, [server.url, origin]);
  await plays(await visitor.opens(origin));
  const sums = await told(ada, show, ({ played }) => played > 2);
  t.diagnostic(JSON.stringify(sums));
  assert.equal(sums.viewers, 1);
  assert.ok(sums.startup > 0 && sums.startup < 10, `${sums.startup}`);
});
