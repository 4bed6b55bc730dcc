// The live feed of the mock server: as much of the Centrifuge protocol, in JSON, as the official client needs.
import { WebSocketServer } from "ws";

const PING = 10;
const EPOCH = "mock";
const KEPT = 500;

/** A channel's numbered publications, and who listens. */
class Channel {
  top = 0;
  log = [];
  listeners = new Set();

  constructor(name, opening) {
    this.name = name;
    this.opening = opening;
  }

  /** Events have a number, which is their offset; counts and cards have none. */
  publish(data) {
    const pub = data.seq ? { data, offset: data.seq } : { data };
    if (data.seq) {
      this.top = data.seq;
      this.log = [...this.log, pub].slice(-KEPT);
    }
    for (const send of this.listeners) send({ push: { channel: this.name, pub } });
  }
}

/** `openings(name, token)` says what a channel's subscribe reply holds, or nothing where there is none. */
export class Live {
  channels = new Map();

  constructor(openings) {
    this.openings = openings;
  }

  channel(name) {
    if (!this.channels.has(name)) this.channels.set(name, new Channel(name));
    return this.channels.get(name);
  }

  publish(name, data) {
    this.channel(name).publish(data);
  }

  /** Ends every connection; clients come back by themselves. */
  cut(code = 3001) {
    for (const socket of this.server?.clients ?? []) socket.close(code, "shutdown");
  }

  attach(http, path) {
    this.server = new WebSocketServer({ noServer: true });
    http.on("upgrade", (request, socket, head) => {
      const isOurs = new URL(request.url, "http://x").pathname === path && process.env.MOCK_LIVE !== "off";
      if (!isOurs) return socket.end("HTTP/1.1 404 Not Found\r\n\r\n");
      this.server.handleUpgrade(request, socket, head, (connection) => this.serve(connection));
    });
  }

  serve(socket) {
    const subscribed = new Map();
    const send = (message) => socket.readyState === 1 && socket.send(JSON.stringify(message));
    const beat = setInterval(() => send({}), PING * 1000);
    socket.on("close", () => {
      clearInterval(beat);
      for (const [channel, listener] of subscribed) channel.listeners.delete(listener);
    });
    socket.on("message", (frame) => {
      for (const line of String(frame).split("\n")) if (line.trim()) this.answer(JSON.parse(line), send, subscribed);
    });
  }

  answer({ id, connect, subscribe, unsubscribe, refresh }, send, subscribed) {
    if (!id) return;
    const life = (token) => (token ? { expires: true, ttl: 900 } : {});
    if (connect) return send({ id, connect: { client: `c${Date.now()}`, version: "mock", ping: PING, pong: true, ...life(connect.token) } });
    if (refresh) return send({ id, refresh: life(true) });
    if (unsubscribe) {
      subscribed.delete(this.channel(unsubscribe.channel));
      return send({ id, unsubscribe: {} });
    }
    if (!subscribe) return send({ id, error: { code: 108, message: "not available" } });
    const opening = this.openings(subscribe.channel, subscribe.token);
    if (!opening) return send({ id, error: { code: 102, message: "unknown channel" } });
    const channel = this.channel(subscribe.channel);
    send({ id, subscribe: reply(channel, subscribe, opening) });
    channel.listeners.add(send);
    subscribed.set(channel, send);
  }
}

function reply(channel, { recover, offset = 0, epoch }, { data, recoverable }) {
  if (!recoverable) return { data };
  const base = { recoverable: true, positioned: true, epoch: EPOCH };
  const missed = channel.log.filter((pub) => pub.offset > offset);
  const isWhole = recover && epoch === EPOCH && (missed.length < KEPT || channel.log[0].offset === offset + 1);
  if (!isWhole) return { ...base, offset: channel.top, data, ...(recover && { was_recovering: true }) };
  const { chat: _, ...rest } = data;
  return { ...base, offset, was_recovering: true, recovered: true, publications: missed, data: rest };
}
