import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { connect } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { atEnd } from "./stage.js";
import { until } from "./until.js";

const HANDSHAKE = 1536;
/** Larger than any message, so that each is one chunk. */
const CHUNK_SIZE = 1 << 20;
const kind = { setChunkSize: 1, audio: 8, video: 9, command: 20 };

/** AMF0: numbers, strings, null and objects are all that publishing takes. */
function amf(value) {
  if (value === null) return Buffer.from([5]);
  if (typeof value === "number") {
    const bytes = Buffer.alloc(9);
    bytes.writeDoubleBE(value, 1);
    return bytes;
  }
  if (typeof value === "string") return Buffer.concat([Buffer.from([2]), name(value)]);
  const pairs = Object.entries(value).flatMap(([key, entry]) => [name(key), amf(entry)]);
  return Buffer.concat([Buffer.from([3]), ...pairs, Buffer.from([0, 0, 9])]);
}

function name(text) {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(Buffer.byteLength(text));
  return Buffer.concat([length, Buffer.from(text)]);
}

/** The tags of an FLV file. */
function* tags(flv) {
  for (let at = 13; at + 11 <= flv.length; ) {
    const length = flv.readUIntBE(at + 1, 3);
    const time = flv.readUIntBE(at + 4, 3) + flv[at + 7] * 2 ** 24;
    yield { kind: flv[at], time, payload: flv.subarray(at + 11, at + 11 + length) };
    at += 11 + length + 4;
  }
}

/** An RTMP connection by hand, for what no encoder at hand does: odd clocks, and bad manners. */
export class RtmpClient {
  received = Buffer.alloc(0);

  static async connect(t, url) {
    const { hostname, port } = new URL(url);
    const client = new RtmpClient(connect({ host: hostname, port: Number(port) }));
    atEnd(t, async () => client.close());
    await client.opened;
    return client;
  }

  constructor(socket) {
    this.socket = socket;
    this.opened = new Promise((resolve, reject) => socket.once("connect", resolve).once("error", reject));
    this.closed = new Promise((resolve) => socket.once("close", resolve));
    socket.on("error", () => undefined);
    socket.on("data", (bytes) => (this.received = Buffer.concat([this.received, bytes])));
  }

  close() {
    this.socket.destroy();
  }

  hears(text) {
    return until(`the server says ${text}`, () => this.received.includes(text));
  }

  write(bytes) {
    this.socket.write(bytes);
  }

  /** RTMP 1.0 §5.2. */
  async shakeHands() {
    this.write(Buffer.concat([Buffer.from([3]), Buffer.alloc(HANDSHAKE)]));
    await until("the server shakes hands", () => this.received.length >= 1 + 2 * HANDSHAKE);
    this.write(this.received.subarray(1, 1 + HANDSHAKE));
  }

  /** One message in one chunk, with its whole header (RTMP 1.0 §5.3.1.2.1). */
  message(type, payload, { time = 0, stream = 0 } = {}) {
    const extended = time >= 0xff_ff_ff;
    const header = Buffer.alloc(extended ? 16 : 12);
    header[0] = 4;
    header.writeUIntBE(extended ? 0xff_ff_ff : time, 1, 3);
    header.writeUIntBE(payload.length, 4, 3);
    header[7] = type;
    header.writeUInt32LE(stream, 8);
    if (extended) header.writeUInt32BE(time, 12);
    this.write(Buffer.concat([header, payload]));
  }

  command(values, stream) {
    this.message(kind.command, Buffer.concat(values.map(amf)), { stream });
  }

  /** From the handshake to the answer to `publish`. */
  async announce({ rtmp_url, stream_key }) {
    await this.shakeHands();
    const size = Buffer.alloc(4);
    size.writeUInt32BE(CHUNK_SIZE);
    this.message(kind.setChunkSize, size);
    this.command(["connect", 1, { app: new URL(rtmp_url).pathname.slice(1), type: "nonprivate", tcUrl: rtmp_url }]);
    await this.hears("NetConnection.Connect.Success");
    this.command(["createStream", 2, null]);
    this.command(["publish", 3, null, stream_key, "live"], 1);
  }

  /** Publishes a recording in real time, its clock moved by `shift` seconds and cut to 32 bits. */
  static async publish(t, { publish }, file, { seconds, shift }) {
    const client = await RtmpClient.connect(t, publish.rtmp_url);
    await client.announce(publish);
    await client.hears("NetStream.Publish.Start");
    client.sent = client.send(await readFile(file), seconds, Math.round(shift * 1000));
    return client;
  }

  async send(flv, seconds, shift) {
    const start = performance.now();
    for (const { kind: type, time, payload } of tags(flv)) {
      if (type !== kind.audio && type !== kind.video) continue;
      if (time > seconds * 1000) return;
      const early = start + time - performance.now();
      if (early > 1) await pause(early);
      if (this.socket.destroyed) return;
      this.message(type, payload, { time: (time + shift) % 2 ** 32, stream: 1 });
    }
    assert.fail("the recording is shorter than that");
  }
}
