import { connect, createServer } from "node:net";
import { atEnd } from "./stage.js";

/** Random numbers from 0 to 1 out of a seed (mulberry32), so that a run can be had again. */
export function random(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), seed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A network between a client and the server that can be as bad as networks are. */
export class Proxy {
  #links = new Set();
  #budget = () => Infinity;
  #refuses = false;
  #refusesLive = false;
  /** Connections cut by `cutAtRandom`. */
  cuts = 0;

  static async start(t, server) {
    const proxy = new Proxy(server);
    await new Promise((resolve, reject) => proxy.listener.once("error", reject).listen(0, "127.0.0.1", resolve));
    atEnd(t, () => proxy.close());
    return proxy;
  }

  constructor({ url }) {
    const { hostname, port } = new URL(url);
    this.target = { host: hostname, port: Number(port) };
    this.listener = createServer((client) => this.#link(client));
  }

  get url() {
    return `http://127.0.0.1:${this.listener.address().port}`;
  }

  /**
   * Cuts so many connections, each after bytes out of a seed: some in the handshake, most in the midst of a frame. Then
   * all is well.
   */
  cutAtRandom({ seed, times }) {
    const next = random(seed);
    let left = times;
    this.#budget = () => {
      if (left === 0) return Infinity;
      left -= 1;
      return next() < 0.2 ? next() * 600 : next() * 150_000;
    };
    for (const link of this.#links) link.budget = this.#budget();
  }

  /** Cuts all connections, and takes none until `restore`. */
  interrupt() {
    this.#refuses = true;
    for (const link of this.#links) link.cut();
  }

  /** Cuts live connections, and takes none until `restore`; everything else goes through. */
  interruptLive() {
    this.#refusesLive = true;
    for (const link of this.#links) if (link.isLive) link.cut();
  }

  restore() {
    this.#refuses = this.#refusesLive = false;
  }

  /** From now on nothing goes through the connections there are, and neither side is told. */
  swallow() {
    for (const link of this.#links) link.swallows = true;
  }

  #link(client) {
    const server = connect(this.target);
    const link = { budget: this.#budget(), swallows: false, cut };
    this.#links.add(link);
    client.on("data", (bytes) => {
      link.isLive ??= bytes.toString("latin1").startsWith("GET /api/live");
      if (link.isLive && this.#refusesLive) cut();
      else if (!link.swallows) server.write(bytes);
    });
    server.on("data", (bytes) => {
      if (link.swallows) return;
      client.write(bytes.subarray(0, link.budget));
      link.budget -= bytes.length;
      if (link.budget <= 0 && !client.destroyed) {
        this.cuts += 1;
        cut();
      }
    });
    for (const socket of [client, server]) socket.setNoDelay().on("error", () => undefined).on("close", () => link.swallows || cut());
    const links = this.#links;
    if (this.#refuses) cut();
    // With a reset, as from a network that is gone: nobody says goodbye.
    function cut() {
      links.delete(link);
      for (const socket of [client, server]) if (!socket.destroyed) socket.resetAndDestroy();
    }
  }

  close() {
    for (const link of this.#links) link.cut();
    return new Promise((resolve) => this.listener.close(resolve));
  }
}
