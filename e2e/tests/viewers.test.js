import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Encoder, play } from "../support/encoder.js";
import { openAddress, readPlaylist, whole } from "../support/playlist.js";
import { Server } from "../support/server.js";
import { CUT_WITHIN, until } from "../support/until.js";

/** Signs of life every second, and gone after three. */
const QUICK = { heartbeat_interval: 1, viewer_timeout: 3 };

/** One server, one broadcaster, one broadcast; on air if asked for. */
async function stage(t, { settings = QUICK, onAir = false, ...broadcast } = {}) {
  const server = await Server.start(t, settings);
  const ada = await server.register("ada");
  const show = await ada.creates("Launch day", broadcast);
  const stage = { server, ada, show, anyone: server.anyone };
  if (!onAir) return stage;
  const encoder = await Encoder.publish(t, show);
  await ada.sees(show, "live");
  await whole(ada, (await ada.joins(show)).playback.hls_url);
  return { ...stage, encoder };
}

/** Keeps a viewer alive until the test ends or `stop` is called. */
function keepAlive(t, api, show, viewer) {
  const timer = setInterval(() => void api.heartbeat(show, viewer).then(() => undefined, () => undefined), 500);
  const stop = () => clearInterval(timer);
  t.after(stop);
  return stop;
}

describe("counts are exact", { concurrency: 3 }, () => {
  test("at each join and leave", async (t) => {
    const { anyone, show } = await stage(t, { settings: {} });
    assert.equal(await anyone.count(show), "0");
    const first = await anyone.joins(show);
    assert.equal(first.heartbeat_interval, 5);
    assert.equal(first.session.id, show.id);
    assert.equal(await anyone.count(show), "1");
    const second = await anyone.joins(show);
    assert.notEqual(second.viewer_id, first.viewer_id, "two tabs are two viewers");
    assert.equal(await anyone.count(show), "2");
    const again = await anyone.joins(show, { viewer_token: first.viewer_token });
    assert.equal(again.viewer_id, first.viewer_id, "the same viewer is there once");
    assert.equal(await anyone.count(show), "2");
    await anyone.leave(show, first).expect(204);
    assert.equal(await anyone.count(show), "1");
    await anyone.leave(show, first).expect(204);
    assert.equal(await anyone.count(show), "1");
    await anyone.heartbeat(show, first).expect(410, "viewer-gone");
    await anyone.join(show, { viewer_token: first.viewer_token }).expect(410, "viewer-gone");
    await anyone.leave(show, second).expect(204);
    assert.equal(await anyone.count(show), "0");
  });

  test("when viewers fall silent", async (t) => {
    const { anyone, show } = await stage(t);
    const [silent, alive] = [await anyone.joins(show), await anyone.joins(show)];
    keepAlive(t, anyone, show, alive);
    assert.equal(await anyone.count(show), "2");
    await anyone.counts(show, 1);
    await anyone.heartbeat(show, silent).expect(410, "viewer-gone");
    const back = await anyone.joins(show, { viewer_token: silent.viewer_token });
    assert.equal(back.viewer_id, silent.viewer_id, "who timed out may come back");
    assert.equal(await anyone.count(show), "2");
  });

  test("for many at once", async (t) => {
    const { anyone, show } = await stage(t, { settings: {} });
    const viewers = await Promise.all(Array.from({ length: 40 }, () => anyone.joins(show)));
    assert.equal(await anyone.count(show), "40");
    await Promise.all(viewers.slice(0, 15).map((viewer) => anyone.leave(show, viewer).expect(204)));
    assert.equal(await anyone.count(show), "25");
    const { body: session } = await anyone.get(`/api/sessions/${show.id}`).expect(200);
    assert.equal(session.peak_viewers, 40);
  });

  test("after the end", async (t) => {
    const { ada, anyone, show } = await stage(t, { settings: {} });
    const viewer = await anyone.joins(show);
    const ended = await ada.ends(show);
    assert.equal(ended.viewer_count, 0);
    assert.equal(await anyone.count(show), "0");
    await anyone.heartbeat(show, viewer).expect(410);
    await anyone.join(show).expect(410, "broadcast-ended");
    await anyone.leave(show, viewer).expect(204);
    assert.equal(await anyone.count(show), "0");
  });

  test("with those that the owner reports", async (t) => {
    const { ada, anyone, show } = await stage(t, { settings: {}, max_viewers: 2 });
    await anyone.joins(show);
    const reported = await ada.changes(show, { viewer_count: 150 });
    assert.deepEqual([reported.viewer_count, reported.reported_viewers], [151, 150]);
    await anyone.joins(show);
    assert.equal(await anyone.count(show), "152");
    await anyone.join(show).expect(409, "broadcast-full");
  });
});

describe("players that know nothing of us count too", { concurrency: 3 }, () => {
  test("from the first media on, until they are silent", async (t) => {
    const { anyone, show } = await stage(t, { onAir: true });
    await openAddress(anyone, show.hls_url);
    assert.equal(await anyone.count(show), "0", "an address that is only looked at is nobody");
    const players = [play(t, show.hls_url), play(t, show.hls_url)];
    await anyone.counts(show, 2);
    await players[0].kill();
    await anyone.counts(show, 1);
    assert.ok(players[1].runs, players[1].stderr);
    await players[1].kill();
    await anyone.counts(show, 0);
  });

  test("and find a full house closed", async (t) => {
    const { anyone, show } = await stage(t, { onAir: true, max_viewers: 1 });
    const { variant: first } = await openAddress(anyone, show.hls_url);
    const { variant: second } = await openAddress(anyone, show.hls_url);
    await anyone.get(first.url).expect(200);
    assert.equal(await anyone.count(show), "1");
    await anyone.get(second.url).expect(409, "broadcast-full");
    await anyone.join(show).expect(409, "broadcast-full");
    await anyone.counts(show, 0);
    await anyone.get(second.url).expect(200);
    assert.equal(await anyone.count(show), "1");
  });
});

test("no more than max_viewers get in, however many knock at once", async (t) => {
  const { ada, anyone, show } = await stage(t, { settings: {}, max_viewers: 5 });
  const answers = await Promise.all(Array.from({ length: 30 }, () => anyone.join(show)));
  const admitted = answers.filter(({ status }) => status === 200);
  assert.equal(admitted.length, 5);
  assert.ok(answers.every(({ status, body }) => status === 200 || (status === 409 && body.code === "broadcast-full")));
  assert.equal(await anyone.count(show), "5");
  await ada.changes(show, { max_viewers: 2 });
  assert.equal(await anyone.count(show), "5", "nobody is sent away");
  await anyone.leave(show, admitted[0].body).expect(204);
  await anyone.join(show).expect(409, "broadcast-full");
});

test("the owner's preview plays and does not count", async (t) => {
  const { ada, anyone, show } = await stage(t, { onAir: true });
  const preview = await ada.joins(show);
  const player = play(t, preview.playback.hls_url);
  const { variant } = await openAddress(anyone, preview.playback.hls_url);
  const before = await readPlaylist(anyone, variant.url);
  await readPlaylist(anyone, `${variant.url}?_HLS_msn=${before.nextMsn + 1}`);
  assert.ok(player.runs, player.stderr);
  await ada.heartbeat(show, preview).expect(204);
  assert.equal(await anyone.count(show), "0");
});

describe("a broadcast that turns private", { concurrency: 2 }, () => {
  test("sends the uninvited away", async (t) => {
    const { ada, anyone, server, show } = await stage(t, { onAir: true });
    const bob = await server.register("bob");
    const viewer = await anyone.joins(show);
    keepAlive(t, anyone, show, viewer);
    const { variant } = await openAddress(anyone, viewer.playback.hls_url);
    const playlist = await readPlaylist(anyone, variant.url);
    const [segment] = playlist.parts;
    await anyone.get(segment.url).expect(200);
    const blocked = anyone.get(`${variant.url}?_HLS_msn=${playlist.nextMsn + 1}`);

    await ada.changes(show, { visibility: "private" });
    const begun = performance.now();
    await until("the playlist is gone", async () => (await anyone.get(variant.url)).status === 404, { within: CUT_WITHIN });
    await until("the media is gone", async () => (await anyone.get(segment.url)).status === 404, { within: CUT_WITHIN - (performance.now() - begun) });
    assert.equal((await blocked).status, 404, "who waits for more gets no more");
    for (const who of [anyone, bob]) {
      for (const path of [`/api/broadcasts/${show.id}`, `/api/sessions/${show.id}`, `/live/${show.id}/thumbnail.jpg`, show.hls_url]) {
        assert.equal((await who.get(path)).status, 404, path);
      }
      await who.join(show).expect(404, "not-found");
    }
    await bob.patch(`/api/broadcasts/${show.id}`, { title: "Mine" }).expect(404, "not-found");
    await anyone.join(show, { viewer_token: viewer.viewer_token }).expect(404);
    const { body: list } = await anyone.get("/api/broadcasts/active").expect(200);
    assert.equal(list.total, 0);
    assert.equal((await ada.reads(show)).viewer_count, 0);
    const { body: own } = await ada.get("/api/broadcasts/active?visibility=private").expect(200);
    assert.deepEqual(own.items.map(({ id }) => id), [show.id]);
  });

  test("is played by its owner, with its media inside the owner's folder", async (t) => {
    const { ada, anyone, show } = await stage(t, { onAir: true, visibility: "private" });
    const { playback } = await ada.joins(show);
    const player = play(t, playback.hls_url);
    const { variant } = await openAddress(anyone, playback.hls_url);
    const playlist = await until("a segment is complete", async () => {
      const now = await readPlaylist(anyone, variant.url);
      return now.segments.length > 0 && now;
    });
    const folder = new URL(".", variant.url).href;
    for (const { url } of [...playlist.segments, ...playlist.parts, { url: playlist.maps[0] }]) {
      assert.ok(url.startsWith(folder), url);
      const outside = url.replace(folder, new URL("../", folder).href);
      assert.equal((await anyone.get(outside)).status, 404, outside);
    }
    const { headers } = await anyone.get(playlist.segments[0].url).expect(200);
    assert.equal(headers.get("cache-control"), "no-store");
    assert.ok(player.runs, player.stderr);

    await ada.changes(show, { visibility: "public" });
    await anyone.joins(show);
    const now = await readPlaylist(anyone, variant.url);
    assert.ok(now.parts.every(({ url }) => !url.startsWith(folder)), "now all share one copy");
  });
});

test("a crash of the server loses no broadcast, no viewer and no count", async (t) => {
  const { ada, anyone, encoder, server, show } = await stage(t, { settings: { ...QUICK, reconnect_window: 30 }, onAir: true });
  const [silent, alive] = [await anyone.joins(show), await anyone.joins(show)];
  const gone = await anyone.joins(show);
  await anyone.leave(show, gone).expect(204);
  const before = await ada.reads(show);

  await server.crashAndRestart();
  await encoder.ended;
  const after = await ada.reads(show);
  assert.equal(after.ingest.state, "interrupted");
  assert.ok(Date.parse(after.ingest.interrupted_until) > Date.now() + 20_000, "the wait begins anew");
  const kept = ({ id, title, started_at, status, hls_url, publish }) => ({ id, title, started_at, status, hls_url, publish });
  assert.deepEqual(kept(after), kept(before));
  assert.equal(await anyone.count(show), "2");
  keepAlive(t, anyone, show, alive);
  await anyone.heartbeat(show, silent).expect(204);

  await Encoder.publish(t, show);
  await ada.sees(show, "live");
  await anyone.counts(show, 1);
  await anyone.heartbeat(show, gone).expect(410, "viewer-gone");
  const { variant } = await until("it plays on", () => openAddress(anyone, alive.playback.hls_url));
  await readPlaylist(anyone, variant.url);
});
