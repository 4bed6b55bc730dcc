import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { plays, Visitor } from "../support/browser.js";
import { Encoder, play } from "../support/encoder.js";
import { whole } from "../support/playlist.js";
import { runBinary, Server } from "../support/server.js";
import { until } from "../support/until.js";

/** The log, analytics and the audit after real people watched: a player that knows nothing of us, and two tabs. */
test("whoever watches is in the log, in the figures and in the audit", async (t) => {
  const server = await Server.start(t, { heartbeat_interval: 1, viewer_timeout: 3 });
  const ada = await server.register("ada");
  const show = await ada.creates("Launch day");
  await Encoder.publish(t, show);
  await ada.sees(show, "live");
  await whole(ada, (await ada.joins(show)).playback.hls_url);
  await ada.counts(show, 0);

  const player = play(t, show.hls_url);
  await ada.counts(show, 1);
  const visitor = await Visitor.come(t, [server.url]);
  const [first, second] = [await visitor.opens(`${server.url}/watch/${show.id}`), await visitor.opens(`${server.url}/watch/${show.id}`)];
  await ada.counts(show, 3);
  // Who knows that it came in can say goodbye.
  await plays(first);
  await plays(second);
  await first.close();
  await second.close();
  await player.kill();
  await ada.counts(show, 0);

  const log = await ada.events(show);
  assert.deepEqual(log.map(({ seq }) => seq), log.map((_, index) => index + 1), "no gap");
  const left = log.filter(({ type }) => type === "viewer.left");
  assert.equal(left.length, 3);
  assert.equal(left.filter(({ data }) => data.reason === "timed_out").length, 1, "the player was cut off");
  assert.equal(new Set(left.map(({ data }) => data.person)).size, 2, "two tabs are one person");
  const watched = left.reduce((sum, { data }) => sum + data.watched, 0);

  const { metrics } = await ada.analytics(show);
  const { current, peak } = metrics.viewer_count.total;
  assert.deepEqual([current, peak, metrics.unique_viewers.total.value, metrics.joins.total.value], [0, 3, 2, 3]);
  assert.ok(Math.abs(metrics.watch_time.total.value - watched) < 1e-5, `${metrics.watch_time.total.value} and ${watched}`);

  const audit = runBinary(["doctor", "audit", "--data-dir", join(server.folder, "data")]);
  const { code } = await audit.ended;
  assert.equal(code, 0, audit.stdout + audit.stderr);
  assert.match(audit.stdout, /agrees with the log/);
  await ada.ends(show);
  await until("it has ended", async () => (await ada.events(show)).at(-1).type === "broadcast.ended");
});
