import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { connect } from "node:tls";
import { EventSource } from "eventsource";
import { Api } from "../support/api.js";
import { assertFollowed, Client, logUntil } from "../support/live.js";
import { runBinary, Server } from "../support/server.js";
import { atEnd, temporaryFolder } from "../support/stage.js";
import { until } from "../support/until.js";

/** A certificate for this machine, and its key. */
async function certificate(t) {
  const folder = await temporaryFolder(t);
  const files = { tls_certificate: join(folder, "certificate.pem"), tls_key: join(folder, "key.pem") };
  const options = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 2 -subj /CN=localhost";
  execFileSync("openssl", [...options.split(" "), "-out", files.tls_certificate, "-keyout", files.tls_key], { stdio: "ignore" });
  return files;
}

/** A plain door to a server under TLS, so that clients need not know of its certificate. */
async function door(t, address) {
  const sockets = new Set();
  const server = createServer((inside) => {
    const outside = connect({ ...address, rejectUnauthorized: false });
    for (const socket of [inside, outside]) sockets.add(socket.on("error", () => undefined));
    inside.pipe(outside).pipe(inside);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  atEnd(t, async () => {
    sockets.forEach((socket) => socket.destroy());
    server.close();
  });
  return `http://127.0.0.1:${server.address().port}`;
}

test("under TLS everything works as without, the live feed too", async (t) => {
  const server = await Server.start(t, await certificate(t));
  assert.match(server.url, /^https:/);
  const { hostname: host, port } = new URL(server.url);
  server.anyone = new Api(await door(t, { host, port: Number(port) }));
  const { url } = server.anyone;
  const ada = await server.register("ada");
  const api = new Api(url, { token: ada.token });
  const show = await api.creates("Launch day");
  assert.match(show.hls_url, /^https:/, "addresses are those of the page");

  const followers = ["json", "protobuf"].map((form) => Client.open(t, url, { form, token: ada.token }).follow(`owner:${show.id}`));
  for (const follower of followers) await follower.opened();
  const told = [];
  const stream = new EventSource(`${url}/api/live/sse?channels=session:${show.id}`);
  atEnd(t, async () => stream.close());
  stream.addEventListener("message", ({ data }) => told.push(JSON.parse(data)));
  await until("the stream begins", () => told.some(({ subscribe }) => subscribe));
  let rounds = 0;
  await logUntil(api, show, followers, () => (rounds += 1) > 100);
  const log = await assertFollowed(followers, show, api);
  await until("the stream tells it too", () => told.filter(({ pub }) => pub?.offset > 0).length === log.length - 1);
});

test("a certificate that cannot be used is refused by name", async (t) => {
  const { tls_certificate } = await certificate(t);
  const folder = await temporaryFolder(t);
  const starts = async (settings) => {
    const args = ["--listen", "127.0.0.1:0", "--rtmp-listen", "127.0.0.1:0", "--data-dir", join(folder, "data")];
    const binary = runBinary(args, { settings, cwd: folder });
    const { code } = await binary.ended;
    assert.notEqual(code, 0);
    return binary.stderr;
  };
  assert.match(await starts({ tls_certificate }), /tls_certificate and tls_key: one needs the other/);
  assert.match(await starts({ tls_certificate, tls_key: join(folder, "none.pem") }), /setting tls_key: .*none\.pem/);
  assert.match(await starts({ tls_certificate, tls_key: tls_certificate }), /setting tls_key/);
});
