import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { describe, test } from "node:test";
import { Encoder, recording } from "../support/encoder.js";
import { openAddress, readPlaylist } from "../support/playlist.js";
import { RtmpClient } from "../support/rtmp.js";
import { runBinary, Server } from "../support/server.js";
import { atEnd, temporaryFolder } from "../support/stage.js";
import { until } from "../support/until.js";

/** Sends bytes to a port and waits until the other side hangs up; what it said. */
async function throwAt(t, host, bytes) {
  const { hostname, port } = new URL(`tcp://${host}`);
  const socket = connect({ host: hostname, port: Number(port) });
  atEnd(t, async () => socket.destroy());
  let answer = "";
  let closed = false;
  socket.on("data", (data) => (answer += data.toString("latin1")));
  socket.on("error", () => undefined);
  socket.on("close", () => (closed = true));
  socket.write(bytes);
  await until("the server hangs up", () => closed);
  return answer;
}

describe("a server under attack", { concurrency: 4 }, () => {
  const fine = async (server) => assert.equal((await server.anyone.get("/readyz")).status, 200);

  test("hangs up on what is not HTTP", async (t) => {
    const server = await Server.start(t, { http_header_timeout: 1 });
    const { http } = server.ports;
    const nonsense = [randomBytes(4096), Buffer.from("\x16\x03\x01\x02\x00\x01\x00"), Buffer.from("GET / HTTP/9.9\r\n\r\n"), Buffer.from(`GET /${"a".repeat(1 << 20)}`)];
    for (const bytes of nonsense) assert.doesNotMatch(await throwAt(t, http, bytes), /^HTTP\/1.1 [235]/);
    assert.equal(await throwAt(t, http, "GET / HTTP/1.1\r\nHost: a"), "", "half a head is waited for, and no longer");
    await fine(server);
  });

  test("answers odd requests with problems", async (t) => {
    const server = await Server.start(t);
    const { anyone, url } = server;
    const ask = async (init, path = "/api/auth/login") => (await fetch(`${url}${path}`, { method: "POST", ...init })).status;
    const json = { "content-type": "application/json" };
    assert.equal(await ask({ headers: json, body: "{" }), 400);
    assert.equal(await ask({ headers: json, body: `{"login":${"[".repeat(60_000)}` }), 400, "never closed, so no JSON");
    assert.equal(await ask({ headers: json, body: '["ada","ada\'s long password"]' }), 422, "a list is no object");
    assert.equal(await ask({ headers: json, body: JSON.stringify({ login: "a".repeat(100_000), password: "b" }) }), 413);
    assert.equal(await ask({ body: "login=a" }), 415);
    assert.equal(await ask({ headers: json, body: '{"login":"a","password":"b","role":"admin"}' }), 422);
    assert.equal(await ask({ method: "PUT" }), 405);
    await anyone.get("/api/broadcasts/active?limit=0").expect(400, "invalid-query");
    await anyone.get("/api/broadcasts/active?limit=many").expect(400, "invalid-query");
    await anyone.get("/api/broadcasts/active?colour=red").expect(400, "invalid-query");
    for (const path of ["/api/broadcasts/1", "/live/1/index.m3u8", "/live/%00/%ff/seg/..%2f..%2fsecret.key", "/assets/../../etc/passwd"]) {
      assert.equal((await anyone.get(path)).status, 404, path);
    }
    await fine(server);
  });

  test("hangs up on what is not RTMP", async (t) => {
    const server = await Server.start(t);
    const { rtmp } = server.ports;
    for (const bytes of [Buffer.from("GET / HTTP/1.1\r\n\r\n"), Buffer.alloc(1, 6)]) await throwAt(t, rtmp, bytes);
    for (const after of [randomBytes(1 << 16), Buffer.alloc(1 << 16, 0xff), Buffer.alloc(1 << 20)]) {
      const client = await RtmpClient.connect(t, server.rtmpUrl);
      await client.shakeHands();
      client.write(after);
      await client.closed;
    }
    await fine(server);
  });

  test("hangs up on those who do not finish their handshake", async (t) => {
    const server = await Server.start(t);
    const halves = [Buffer.alloc(0), Buffer.from([3]), Buffer.concat([Buffer.from([3]), Buffer.alloc(700)]), Buffer.concat([Buffer.from([3]), Buffer.alloc(1536)])];
    await Promise.all(halves.map((half) => throwAt(t, server.ports.rtmp, half)));
    await fine(server);
  });

  test("hangs up on those who shake hands and then say nothing", async (t) => {
    const server = await Server.start(t, { rtmp_publish_timeout: 1 });
    const client = await RtmpClient.connect(t, server.rtmpUrl);
    await client.shakeHands();
    await client.closed;
    await fine(server);
  });

  test("ends a stream of broken pictures, and no other one", async (t) => {
    const server = await Server.start(t);
    const [ada, bob] = [await server.register("ada"), await server.register("bob")];
    const [good, bad] = [await ada.creates("Good"), await bob.creates("Bad")];
    await Encoder.publish(t, good);
    const client = await RtmpClient.publish(t, bad, await recording(), { seconds: 30, shift: 0 });
    await ada.sees(good, "live");
    await bob.sees(bad, "live");
    const notUnits = Buffer.concat([Buffer.from([0x17, 1, 0, 0, 0]), Buffer.alloc(64, 0xff)]);
    client.message(9, notUnits, { time: 1000, stream: 1 });
    await client.hears("broken H.264 picture");
    await client.closed;
    await bob.sees(bad, "interrupted");
    assert.equal((await ada.reads(good)).ingest.state, "live");
  });
});

describe("a start that cannot work says why in one line and fails", { concurrency: 4 }, () => {
  /** The ports are free ones, so that only what is wrong is wrong. */
  const free = ["--listen", "127.0.0.1:0", "--rtmp-listen", "127.0.0.1:0"];

  async function fails(t, args, settings, expected) {
    const cwd = await temporaryFolder(t);
    const server = runBinary([...args, "--data-dir", join(cwd, "data")], { settings, cwd });
    atEnd(t, () => server.kill());
    assert.deepEqual(await server.ended, { code: 1, signal: null }, server.stderr);
    const lines = server.stderr.trimEnd().split("\n");
    assert.equal(lines.length, 1, server.stderr);
    assert.match(lines[0], expected);
    assert.match(lines[0], /^tallylight: /);
  }

  test("for a setting that is not known", (t) =>
    fails(t, free, { reconnect_windw: 5 }, /TALLYLIGHT_RECONNECT_WINDW is not a setting; did you mean TALLYLIGHT_RECONNECT_WINDOW\?/));
  test("for a setting out of its range", (t) => fails(t, free, { reconnect_window: 1801 }, /reconnect_window: 1801 is out of range; 0 to 1800/));
  test("for a setting of the wrong kind", (t) => fails(t, free, { viewer_timeout: "soon" }, /viewer_timeout/i));
  test("for a secret that is none", (t) => fails(t, free, { secret: "hunter2" }, /setting secret.*32 random bytes/));
  test("for an address of its own that is none", (t) => fails(t, free, { public_url: "live.example" }, /public_url/));
  test("for a settings file that is not there", (t) => fails(t, [...free, "--config", "nowhere.toml"], {}, /nowhere\.toml cannot be read/));

  test("for a settings file with a line that is not known", async (t) => {
    const folder = await temporaryFolder(t);
    const file = join(folder, "own.toml");
    await writeFile(file, "viewer_timout = 3\n");
    await fails(t, [...free, "--config", file], {}, /own\.toml: viewer_timout is not a setting; did you mean viewer_timeout\?/);
  });

  test("for a flag that is not known", async (t) => {
    const cwd = await temporaryFolder(t);
    const server = runBinary(["--listne", "127.0.0.1:0"], { cwd });
    // The usage follows, and the status is that of every wrong command line.
    assert.deepEqual(await server.ended, { code: 2, signal: null });
    assert.match(server.stderr, /^error: unexpected argument '--listne' found\n/);
  });

  for (const flag of ["--listen", "--rtmp-listen"]) {
    test(`for a port of ${flag} that is taken`, async (t) => {
      const other = createServer().listen(0, "127.0.0.1");
      atEnd(t, async () => other.close());
      await until("the port is taken", () => other.listening);
      const address = `127.0.0.1:${other.address().port}`;
      await fails(t, [...free.filter((_, at) => free[at - (at % 2)] !== flag), flag, address], {}, new RegExp(`${address} cannot be listened on`));
    });
  }

  test("for a data folder that cannot be made", async (t) => {
    const cwd = await temporaryFolder(t);
    await writeFile(join(cwd, "data"), "a file, not a folder");
    const server = runBinary([...free, "--data-dir", join(cwd, "data", "deeper")], { cwd });
    assert.deepEqual(await server.ended, { code: 1, signal: null });
    assert.match(server.stderr, /^tallylight: the data folder .*data\/deeper cannot be made: .+\n$/);
  });
});

test("asked to stop, a server with streams on air and players waiting goes at once", async (t) => {
  // Whoever held it up would do so for far longer than is waited here.
  const server = await Server.start(t, { http_drain_timeout: 120 });
  const ada = await server.register("ada");
  const show = await ada.creates("Launch day");
  const encoder = await Encoder.publish(t, show);
  await ada.sees(show, "live");
  const { variant } = await until("there is something to play", () => openAddress(server.anyone, show.hls_url));
  const { nextMsn } = await readPlaylist(server.anyone, variant.url);
  const waiting = server.anyone.get(`${variant.url}?_HLS_msn=${nextMsn + 1}`).then(({ status }) => status, () => "cut");
  server.process.child.kill("SIGTERM");
  await until("the server has stopped", () => !server.process.runs);
  assert.deepEqual(server.process.exit, { code: 0, signal: null }, server.log);
  assert.match(String(await waiting), /^(200|503|cut)$/);
  await encoder.ended;

  await server.launch(server.ports);
  assert.equal((await ada.reads(show)).ingest.state, "interrupted", "and is there again as it was");
});

test("the first start trusts nobody", async (t) => {
  const server = await Server.start(t);
  const { anyone } = server;
  const id = "01900000-0000-7000-8000-000000000000";
  const closed = [
    ["POST", "/api/broadcasts", { title: "Mine" }],
    ["PATCH", `/api/broadcasts/${id}`, { title: "Mine" }],
    ["DELETE", `/api/broadcasts/${id}`],
    ["POST", `/api/broadcasts/${id}/stream-key/reset`],
    ["GET", "/api/users/me"],
    ["GET", "/api/users/me/stream-key"],
    ["POST", "/api/users/me/stream-key/reset"],
    ["GET", "/api/broadcasts/active?visibility=private"],
  ];
  for (const [method, path, body] of closed) await anyone.send(method, path, body).expect(401, "unauthenticated");
  for (const password of ["", "admin", "password", "tallylight", "changeme"]) {
    const { status } = await anyone.post("/api/auth/login", { login: "admin", password });
    assert.ok([401, 422].includes(status), `${status}`);
  }
  // Whom a proxy on this machine brings is not from this machine.
  const { status } = await fetch(`${server.url}/metrics`, { headers: { "x-forwarded-for": "198.51.100.7" } });
  assert.equal(status, 404, "figures are not for strangers");
  for (const stream_key of ["", "live", "test"]) {
    const encoder = await Encoder.publish(t, { publish: { rtmp_url: server.rtmpUrl, stream_key } });
    await encoder.complains();
  }
  const { body } = await anyone.get("/api/broadcasts/active").expect(200);
  assert.equal(body.total, 0);
});

test("the set-up link makes one administrator, once", async (t) => {
  const server = await Server.start(t);
  const { anyone, setupToken } = server;
  const account = (username) => ({ username, email: `${username}@example.org`, password: "a long password" });
  const setUp = (token, username) => anyone.post("/api/auth/setup", { setup_token: token, ...account(username) });
  assert.ok(setupToken.length >= 22, "it cannot be guessed");
  const mallory = await server.register("mallory");
  assert.equal((await mallory.get("/api/users/me").expect(200)).body.role, "broadcaster", "whoever comes first is nobody special");
  const wrong = await setUp(`${setupToken.slice(0, -1)}${setupToken.endsWith("A") ? "B" : "A"}`, "eve");
  assert.ok(wrong.status >= 400 && wrong.status < 500, wrong.text);

  const both = await Promise.all([setUp(setupToken, "root"), setUp(setupToken, "toor")]);
  const made = both.filter(({ status }) => status === 201);
  assert.equal(made.length, 1, both.map(({ text }) => text).join("\n"));
  assert.equal(made[0].body.user.role, "admin");
  const again = await setUp(setupToken, "late");
  assert.ok(again.status >= 400 && again.status < 500, again.text);

  await server.crashAndRestart();
  assert.equal(server.setupToken, undefined, "no further link is printed");
  const late = await setUp(setupToken, "late");
  assert.ok(late.status >= 400 && late.status < 500, late.text);
});
