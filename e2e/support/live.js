import assert from "node:assert/strict";
import { Centrifuge } from "centrifuge";
import { Centrifuge as CentrifugeProtobuf } from "centrifuge/build/protobuf";
import WebSocket from "ws";
import { atEnd } from "./stage.js";
import { until } from "./until.js";

/** How far the log may run ahead of who follows it: far less than what can be recovered. */
const AHEAD = 150;
const WRITERS = 8;
const PUBLIC = /^(?!viewer\.|ingest\.warning$)/;

const decode = (data) => (data instanceof Uint8Array ? JSON.parse(new TextDecoder().decode(data)) : data);

/** The official client, and what it is told. */
export class Client {
  /** Where it went: "connected", "connecting 3001", "disconnected 3500". */
  states = [];

  static open(t, url, { form = "json", ...options } = {}) {
    const Kind = form === "protobuf" ? CentrifugeProtobuf : Centrifuge;
    const client = new Client(new Kind(`${url.replace("http", "ws")}/api/live`, {
      websocket: WebSocket,
      minReconnectDelay: 10,
      maxReconnectDelay: 100,
      ...options,
    }));
    atEnd(t, async () => client.centrifuge.disconnect());
    client.centrifuge.connect();
    return client;
  }

  constructor(centrifuge) {
    this.centrifuge = centrifuge;
    centrifuge.on("connected", () => this.states.push("connected"));
    centrifuge.on("connecting", ({ code }) => this.states.push(`connecting ${code}`));
    centrifuge.on("disconnected", ({ code }) => this.states.push(`disconnected ${code}`));
    centrifuge.on("error", () => undefined);
  }

  /** Subscribes, and notes what comes. */
  follow(channel, options = {}) {
    return new Channel(this.centrifuge.newSubscription(channel, { minResubscribeDelay: 10, maxResubscribeDelay: 100, ...options }));
  }
}

/** What came of one channel. */
export class Channel {
  /** Publications that are of the log. */
  events = [];
  /** All others. */
  others = [];
  /** The answers to each subscribe. */
  subscriptions = [];

  constructor(subscription) {
    this.subscription = subscription;
    subscription.on("publication", ({ data, offset }) => this.#take(decode(data), offset));
    subscription.on("subscribed", ({ data, ...more }) => this.subscriptions.push({ ...more, data: decode(data) }));
    subscription.on("unsubscribed", ({ code }) => (this.ended = code));
    subscription.on("error", () => undefined);
    subscription.subscribe();
  }

  #take(data, offset) {
    if (data.seq === undefined) {
      assert.equal(offset, undefined, "a count has no offset");
      return this.others.push(data);
    }
    assert.equal(Number(offset), data.seq, "the offset is the event's number");
    return this.events.push(data);
  }

  /** The number that it stands at. */
  get at() {
    return this.events.at(-1)?.seq ?? this.subscriptions.at(-1)?.streamPosition?.offset ?? 0;
  }

  /** The first subscription stands; its answer's data. */
  async opened() {
    const [first] = await until("it is subscribed", () => {
      assert.equal(this.ended, undefined, `refused with ${this.ended}`);
      return this.subscriptions.length > 0 && this.subscriptions;
    });
    this.from = Number(first.streamPosition?.offset ?? 0);
    return first.data;
  }

  /** The server refuses it, or sends it away, with a code. */
  refused = (options) => until("it is sent away", () => this.ended !== undefined && String(this.ended), options);
}

/**
 * Logs events with several writers, as fast as the server takes them, until `isDone`. It never runs so far ahead of its
 * followers that they could not catch up.
 */
export async function logUntil(owner, session, followers, isDone) {
  let last = 0;
  let count = 0;
  const write = async () => {
    while (!isDone()) {
      const { body } = await owner.post(`/api/sessions/${session.id}/events`, { type: "test.tick", data: { n: (count += 1) } }).expect(201);
      last = Math.max(last, body.seq);
      await until("the followers catch up", () => followers.every(({ at }) => at + AHEAD > last), { within: 60_000, every: 5 });
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, write));
}

/** The whole log, as its owner reads it. */
export async function wholeLog(owner, { id }) {
  const log = [];
  for (;;) {
    const { body } = await owner.get(`/api/sessions/${id}/events?limit=1000&after=${log.at(-1)?.seq ?? 0}`).expect(200);
    log.push(...body.items);
    if (body.items.length < 1000) return log;
  }
}

/** How strangers are told of an event. */
const inPublic = (owner) => (event) => ({ ...event, user_id: event.user_id === owner.id ? owner.id : null, metadata: {} });

/** Of the log, what who follows a channel is told. */
const toldOf = (channel, log, owner) =>
  channel.startsWith("owner:") ? log : log.filter(({ type }) => PUBLIC.test(type)).map(inPublic(owner));

/** The followers have every event of the log from where they began, once, in order and as it is, and were told of no gap. */
export async function assertFollowed(followers, session, owner) {
  const log = await wholeLog(owner, session);
  for (const { subscription: { channel }, ...follower } of followers) {
    const wanted = toldOf(channel, log, owner).filter(({ seq }) => seq > follower.from);
    await until(`${channel} is at the end`, () => follower.events.at(-1)?.seq === wanted.at(-1).seq);
    assert.deepEqual(follower.subscriptions.slice(1).filter(({ recovered }) => !recovered), [], `${channel}: all was recovered`);
    assert.deepEqual(follower.events.map(({ seq }) => seq), wanted.map(({ seq }) => seq), `${channel}: the numbers`);
    assert.deepEqual(follower.events, wanted, `${channel}: the events`);
  }
  return log;
}
