import WebSocket from "ws";
import { atEnd } from "./stage.js";
import { until } from "./until.js";

/** A bare connection to the live feed in JSON: what stands on the wire, without a client's help. */
export class Line {
  #replies = [];
  #id = 0;

  static async open(t, url) {
    const socket = new WebSocket(`${url.replace("http", "ws")}/api/live`);
    atEnd(t, async () => socket.terminate());
    const line = new Line(socket);
    await until("it is open", () => socket.readyState === WebSocket.OPEN);
    return line;
  }

  constructor(socket) {
    this.socket = socket;
    socket.on("message", (text) => this.#replies.push(...String(text).split("\n").map((line) => JSON.parse(line))));
    socket.on("close", (code, reason) => (this.closed = { code, reason: String(reason) }));
    socket.on("error", () => undefined);
  }

  /** Sends a command; the reply to it. */
  async asks(command) {
    const id = (this.#id += 1);
    this.socket.send(JSON.stringify({ id, ...command }));
    return until(`${Object.keys(command)} is answered`, () => this.#replies.find((reply) => reply.id === id), { every: 5 });
  }

  /** How the server closes it. */
  closes = () => until("it is closed", () => this.closed);
}
