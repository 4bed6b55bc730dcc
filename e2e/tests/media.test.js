import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Encoder, recording } from "../support/encoder.js";
import { checkTimes, Reader, trace } from "../support/packets.js";
import { openAddress, readPlaylist, whole } from "../support/playlist.js";
import { RtmpClient } from "../support/rtmp.js";
import { Server } from "../support/server.js";
import { until } from "../support/until.js";

/** Where the clock of Flash's encoders starts anew, and where the clock of RTMP does, in seconds. */
const WRAP_31 = 2 ** 31 / 1000;
const WRAP_32 = 2 ** 32 / 1000;
/** Picture and sound further apart than this are seen to be out of step. */
const LIP_SYNC = 0.045;

/** One server, one broadcaster, one broadcast. */
async function stage(t, settings) {
  const server = await Server.start(t, settings);
  const ada = await server.register("ada");
  return { server, ada, show: await ada.creates("Launch day") };
}

/** Reads to the end what an address plays, and compares it with what was sent. */
async function compare(t, reader, file) {
  const received = await reader.packets();
  const sent = await Reader.open(t, file).packets();
  checkTimes(received.video);
  checkTimes(received.audio);
  const [video, audio] = [trace(sent.video, received.video), trace(sent.audio, received.audio)];
  assert.ok(video.most - video.least < 0.002, `pictures moved by ${video.least} to ${video.most} s`);
  assert.ok(audio.most - audio.least < 0.002, `sound moved by ${audio.least} to ${audio.most} s`);
  assert.ok(Math.abs(video.most - audio.most) < LIP_SYNC, `sound is ${audio.most - video.most} s beside the picture`);
  return { video, audio };
}

describe("what an encoder sends is what players get, whole and in step", { concurrency: 3 }, () => {
  const streams = {
    "without B-frames": { bFrames: 0 },
    "with B-frames": { bFrames: 2 },
    "over the wrap of the clock at 31 bits": { bFrames: 2, shift: WRAP_31 - 4 },
  };
  for (const [name, stream] of Object.entries(streams)) {
    test(name, async (t) => {
      const { ada, server, show } = await stage(t);
      const encoder = await Encoder.publish(t, show, { seconds: 10, ...stream });
      await ada.sees(show, "live");
      const viewer = await server.anyone.joins(show);
      await whole(server.anyone, viewer.playback.hls_url);
      const readers = [Reader.open(t, viewer.playback.hls_url), Reader.open(t, show.hls_url)];
      assert.deepEqual(await encoder.ended, { code: 0, signal: null }, encoder.stderr);
      await ada.sees(show, "interrupted");
      await ada.ends(show);
      for (const reader of readers) {
        const { video, audio } = await compare(t, reader, await recording(stream));
        assert.ok(video.count > 270, `${video.count} pictures of 300`);
        assert.ok(audio.count > 410, `${audio.count} frames of sound of 469`);
      }
    });
  }

  test("over the wrap of the clock at 32 bits", async (t) => {
    const { ada, show } = await stage(t);
    const encoder = await RtmpClient.publish(t, show, await recording(), { seconds: 10, shift: WRAP_32 - 4 });
    await ada.sees(show, "live");
    await whole(ada, (await ada.joins(show)).playback.hls_url);
    const reader = Reader.open(t, show.hls_url);
    await encoder.sent;
    encoder.close();
    await ada.sees(show, "interrupted");
    await ada.ends(show);
    const { video } = await compare(t, reader, await recording());
    assert.ok(video.count > 270, `${video.count} pictures of 300`);
  });
});

test("players are served low-latency HLS", async (t) => {
  const { server, ada, show } = await stage(t);
  assert.equal((await server.anyone.get(show.hls_url)).status, 404, "nothing plays before an encoder is there");
  await Encoder.publish(t, show);
  await ada.sees(show, "live");
  const viewer = await server.anyone.joins(show);
  const { variant, audio } = await until("both renditions are announced", () => openAddress(server.anyone, viewer.playback.hls_url));
  assert.match(variant.CODECS, /^avc1\.[0-9a-f]{6},mp4a\.40\.2$/i);
  assert.equal(variant.RESOLUTION, "320x180");
  assert.equal(variant.AUDIO, audio["GROUP-ID"]);

  const first = await until("a segment is complete", async () => {
    const playlist = await readPlaylist(server.anyone, variant.url);
    return playlist.segments.length > 0 && playlist;
  });
  assert.equal(first.control["CAN-BLOCK-RELOAD"], "YES");
  assert.ok(first.parts.length > 3 && first.parts[0].independent, first.text);
  assert.ok(first.parts.every(({ duration }) => duration <= first.partTarget + 1e-5), first.text);
  assert.ok(first.segments.every(({ duration }) => Math.round(duration) <= first.targetDuration), first.text);
  assert.ok(Number(first.control["PART-HOLD-BACK"]) >= 3 * first.partTarget, first.text);
  const { date } = first.segments[0];
  assert.ok(Math.abs(date - Date.now()) < 30_000, `${first.text}\nit is ${new Date().toISOString()}`);
  assert.equal(first.report.URI, audio.url.split("/").at(-1));

  await t.test("the hinted part comes as soon as it is there", async () => {
    const { hint } = await readPlaylist(server.anyone, variant.url);
    const { bytes, headers } = await server.anyone.get(hint).expect(200);
    assert.equal(headers.get("content-type"), "video/mp4");
    assert.match(bytes.subarray(4, 8).toString(), /^(styp|moof)$/);
    const after = await readPlaylist(server.anyone, variant.url);
    assert.ok(after.text.includes(hint.split("/").at(-1)), "the part is in the playlist");
  });

  for (const [kind, { url }] of Object.entries({ picture: variant, sound: audio })) {
    await t.test(`a reload of the ${kind} blocks until it has what it asks for`, async () => {
      const { nextMsn, openParts } = await readPlaylist(server.anyone, url);
      const asked = { msn: nextMsn, part: openParts.length + 1 };
      const reloaded = await readPlaylist(server.anyone, `${url}?_HLS_msn=${asked.msn}&_HLS_part=${asked.part}`);
      const reached = reloaded.nextMsn > asked.msn || (reloaded.nextMsn === asked.msn && reloaded.openParts.length > asked.part);
      assert.ok(reached, `asked for ${JSON.stringify(asked)}:\n${reloaded.text}`);
      const whole = await readPlaylist(server.anyone, `${url}?_HLS_msn=${reloaded.nextMsn}`);
      assert.ok(whole.nextMsn > reloaded.nextMsn, whole.text);
    });
  }

  await t.test("directives that make no sense are refused", async () => {
    const { nextMsn } = await readPlaylist(server.anyone, variant.url);
    for (const query of [`_HLS_msn=${nextMsn + 3}`, "_HLS_part=1", "_HLS_msn=soon", `_HLS_msn=${2 ** 60}`]) {
      const { status } = await server.anyone.get(`${variant.url}?${query}`);
      assert.equal(status, 400, query);
    }
  });

  await t.test("media may be kept for ever, playlists not at all", async () => {
    const { segments, maps } = await readPlaylist(server.anyone, audio.url);
    for (const url of [segments[0].url, maps[0]]) {
      const { headers } = await server.anyone.get(url).expect(200);
      assert.match(headers.get("cache-control"), /public.*immutable/);
      assert.equal(headers.get("content-type"), "audio/mp4");
    }
    const { headers } = await server.anyone.get(audio.url).expect(200);
    assert.equal(headers.get("cache-control"), "no-store");
  });
});

describe("an encoder that goes", { concurrency: 3 }, () => {
  test("and comes back continues its broadcast", async (t) => {
    const { server, ada, show } = await stage(t, { reconnect_window: 30 });
    const first = await Encoder.publish(t, show);
    await ada.sees(show, "live");
    const viewer = await server.anyone.joins(show);
    const { variant } = await whole(server.anyone, viewer.playback.hls_url);
    const reader = Reader.open(t, viewer.playback.hls_url);
    const before = await until("two segments are complete", async () => {
      const playlist = await readPlaylist(server.anyone, variant.url);
      return playlist.segments.length >= 2 && playlist;
    });

    await first.kill("SIGKILL");
    const lost = await ada.sees(show, "interrupted");
    const left = Date.parse(lost.ingest.interrupted_until) - Date.now();
    assert.ok(left > 20_000 && left <= 30_000, `it waits for ${left} ms`);
    assert.equal(lost.status, "active");
    await server.anyone.counts(show, 1);

    const second = await Encoder.publish(t, show, { seconds: 5 });
    const back = await ada.sees(show, "live");
    assert.deepEqual([back.id, back.hls_url, back.started_at], [lost.id, lost.hls_url, lost.started_at]);
    assert.equal(back.ingest.interrupted_until, undefined);
    await server.anyone.heartbeat(show, viewer).expect(204);
    await second.ended;
    const after = await readPlaylist(server.anyone, variant.url);
    assert.equal(after.discontinuities, 1, after.text);
    assert.equal(after.maps.length, 2, after.text);
    assert.ok(after.nextMsn > before.nextMsn && after.firstMsn >= before.firstMsn);
    const dates = after.segments.map(({ date }) => date);
    assert.deepEqual(dates, dates.toSorted((a, b) => a - b), after.text);
    await server.anyone.counts(show, 1);

    await ada.ends(show);
    const { video, audio } = await reader.packets();
    checkTimes(video);
    checkTimes(audio);
    assert.ok(video.length > 270, `${video.length} pictures over both`);
  });

  test("and does not come back ends its broadcast", async (t) => {
    const { server, ada, show } = await stage(t, { reconnect_window: 2 });
    const encoder = await Encoder.publish(t, show);
    await ada.sees(show, "live");
    const viewer = await server.anyone.joins(show);
    const { variant } = await until("there is something to play", () => openAddress(server.anyone, viewer.playback.hls_url));
    await encoder.kill("SIGKILL");
    const ended = await ada.sees(show, "ended");
    assert.equal(ended.status, "ended");
    assert.ok(Date.parse(ended.ended_at) > Date.parse(ended.started_at));
    await until("the playlist is closed", async () => (await readPlaylist(server.anyone, variant.url)).ended);
    await server.anyone.join(show).expect(410, "broadcast-ended");
    await server.anyone.heartbeat(show, viewer).expect(410);
    await server.anyone.counts(show, 0);
    await ada.patch(`/api/broadcasts/${show.id}`, { status: "active" }).expect(409, "invalid-transition");
  });

  test("properly is waited for as well", async (t) => {
    const { ada, show } = await stage(t);
    const encoder = await Encoder.publish(t, show, { seconds: 2 });
    await ada.sees(show, "live");
    assert.equal((await encoder.ended).code, 0);
    const { ingest } = await ada.sees(show, "interrupted");
    assert.ok(Date.parse(ingest.interrupted_until) > Date.now());
  });
});

describe("an encoder that may not publish is told why", { concurrency: 3 }, () => {
  test("with a wrong key", async (t) => {
    const { ada, show } = await stage(t);
    const encoder = await Encoder.publish(t, show, { key: "not-a-key" });
    assert.match(await encoder.complains(), /the stream key is not known: copy it again from the studio/);
    assert.equal((await ada.reads(show)).ingest.state, "idle");
  });

  test("after its broadcast has ended", async (t) => {
    const { ada, show } = await stage(t);
    await ada.ends(show);
    const encoder = await Encoder.publish(t, show);
    assert.match(await encoder.complains(), /the broadcast of this stream key has ended: create a new one/);
  });

  test("when its key is replaced", async (t) => {
    const { ada, show } = await stage(t);
    const old = await Encoder.publish(t, show);
    await ada.sees(show, "live");
    const { body } = await ada.post(`/api/broadcasts/${show.id}/stream-key/reset`).expect(200);
    assert.notEqual(body.publish.stream_key, show.publish.stream_key);
    await old.complains();
    await ada.sees(show, "interrupted");
    const late = await Encoder.publish(t, show);
    assert.match(await late.complains(), /the stream key is not known/);
    await Encoder.publish(t, body);
    await ada.sees(show, "live");
  });

  test("when its broadcast ends", async (t) => {
    const { ada, show } = await stage(t);
    const encoder = await Encoder.publish(t, show);
    await ada.sees(show, "live");
    await ada.ends(show);
    await encoder.complains();
  });
});

test("a lasting key feeds the newest broadcast, or makes one", async (t) => {
  const server = await Server.start(t);
  const ada = await server.register("ada");
  const { body: publish } = await ada.get("/api/users/me/stream-key").expect(200);
  const first = await Encoder.publish(t, { publish });
  const made = await until("a broadcast appears", async () => {
    const { body } = await server.anyone.get("/api/broadcasts/active").expect(200);
    return body.items.find(({ ingest }) => ingest.state === "live");
  });
  assert.equal(made.title, "ada is live");
  await first.kill();
  await ada.ends(made);
  const show = await ada.creates("Launch day");
  await Encoder.publish(t, { publish });
  await ada.sees(show, "live");
});
