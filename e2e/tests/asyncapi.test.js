import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { promisify } from "node:util";
import { EventSource } from "eventsource";
import { alterations } from "../support/alter.js";
import { codes, Description, eventTypes, FILE } from "../support/asyncapi.js";
import { Encoder } from "../support/encoder.js";
import { Client } from "../support/live.js";
import { Server } from "../support/server.js";
import { atEnd } from "../support/stage.js";
import { until } from "../support/until.js";

const FEEDS = ["directory", "session", "owner"];
const FOLDER = new URL("..", import.meta.url);

test("the description is good AsyncAPI", async () => {
  const lint = ["lint", "--ruleset", "asyncapi.spectral.yaml", "--fail-severity", "hint", FILE];
  const { stdout } = await promisify(execFile)("node_modules/.bin/spectral", lint, { cwd: FOLDER }).catch((failure) => failure);
  assert.match(stdout, /^No results/, stdout);
});

test("every type of event is described, and every example is right", () => {
  const description = new Description();
  const [inPublic, toOwner] = ["session", "owner"].map((channel) => description.published(channel));
  const types = eventTypes();
  assert.deepEqual(types.filter((type) => !toOwner.includes(type)), [], "the owner is told of all");
  assert.deepEqual(types.filter((type) => !type.startsWith("viewer.") && !inPublic.includes(type)), []);
  assert.deepEqual(toOwner.filter((name) => !types.includes(name)), ["own", "count"], "and of nothing else");
  assert.ok(description.holdsExamples() > 10, "the examples are what the schemas say");
});

test("every code of the server is described", () => {
  const { schemas } = new Description().document.components;
  for (const [schema, ofServer] of Object.entries(codes())) {
    const described = Object.fromEntries(schemas[schema].properties.code.oneOf.map((code) => [code.const, code.title]));
    for (const [code, says] of Object.entries(ofServer)) assert.equal(described[code], says, `${schema} ${code}`);
  }
});

/** Everybody who listens to something, and whether all of it is as described. */
class Audience {
  followers = [];
  streams = [];

  constructor(t, server) {
    Object.assign(this, { t, server });
  }

  /** Follows with a client of its own, in JSON and in Protobuf by turns. */
  async follow(kind, channel, { by, form = this.followers.length % 2 ? "protobuf" : "json", ...options } = {}) {
    const follower = Client.open(this.t, this.server.url, { form, token: by?.token }).follow(channel, options);
    this.followers.push({ kind, follower });
    await follower.opened();
    return follower;
  }

  /** Listens to Server-Sent Events. */
  async listen(channels, { by, query = "" } = {}) {
    const withToken = (url, init) => fetch(url, { ...init, headers: { ...init.headers, authorization: `Bearer ${by.token}` } });
    const source = new EventSource(`${this.server.url}/api/live/sse?channels=${channels}${query}`, by && { fetch: withToken });
    atEnd(this.t, async () => source.close());
    const told = [];
    source.onmessage = ({ data, lastEventId }) => told.push({ ...JSON.parse(data), at: lastEventId });
    this.streams.push(told);
    await until("the stream stands", () => told.some(({ subscribe }) => subscribe));
    return told;
  }

  /** What was published so far, over both ways: `[kind of channel, payload]`. */
  publications() {
    const overSocket = this.followers.flatMap(({ kind, follower }) => [...follower.events, ...follower.others].map((data) => [kind, data]));
    const overStream = this.streams.flat().flatMap(({ channel, pub }) => (pub ? [[channel.split(":")[0], pub.data]] : []));
    return { overSocket, overStream };
  }

  /** Holds everything against the description. */
  judge(description) {
    for (const { kind, follower } of this.followers) {
      for (const { data, wasRecovering, recovered } of follower.subscriptions) {
        description.holds(kind === "directory" ? "DirectoryState" : "SessionState", data);
        if (kind !== "directory") assert.equal(Boolean(data.chat), !(wasRecovering && recovered), "messages unless all is recovered");
      }
    }
    for (const { at, ...event } of this.streams.flat()) {
      description.holds("StreamEvent", event);
      if (event.pub?.offset) assert.equal(at, String(event.pub.offset), "the event's id is the offset");
    }
    return Object.values(this.publications()).map((publications) => {
      description.heard = new Map();
      for (const [kind, data] of publications) description.hear(kind, data);
      return description.heard;
    });
  }
}

/** Changes of each field there is, and back. */
const CHANGES = [
  { title: "Launch day, part two" },
  { description: "Live from the pad" },
  { description: null },
  { tags: ["space", "live"] },
  { ai_intent: "science" },
  { ai_intent: null },
  { max_viewers: 100 },
  { viewer_count: 150 },
  { metadata: { rocket: { stages: 3 } } },
];
const ADDRESSES = [
  { rtmp_url: "rtmp://media.example.org/in" },
  { hls_url: "https://media.example.org/a.m3u8" },
  { webrtc_endpoint: "https://media.example.org/whep" },
  { webrtc_endpoint: null },
  { rtmp_url: null },
];

async function changes(owner, show, patches) {
  for (const patch of patches) await owner.changes(show, patch);
}

async function comesOnAir(t, owner, show) {
  const encoder = await Encoder.publish(t, show);
  await owner.sees(show, "live");
  return encoder;
}

/** An encoder comes, goes and comes back. */
async function encodes(t, audience, owner, show) {
  const first = await comesOnAir(t, owner, show);
  await first.kill();
  await owner.sees(show, "interrupted");
  await audience.follow("directory", "directory");
  await audience.follow("session", `session:${show.id}`);
  await comesOnAir(t, owner, show);
}

/** People come, speak, react, go, and stay away. */
async function meet({ audience, directory, ada, bob, root, anyone, show }) {
  const id = `/api/sessions/${show.id}`;
  // What comes together with a change of the card is in the card.
  await until("the card is told", () => directory.others.some(({ card }) => card?.is_featured));
  await bob.leave(show, await bob.joins(show)).expect(204);
  await anyone.joins(show);
  await until("the count is told", () => directory.others.some(({ type, id: of }) => type === "count" && of === show.id));
  const bound = await anyone.joins(show);
  const watching = await audience.follow("session", `session:${show.id}`, { form: "json", token: bound.viewer_token });
  await watching.subscription.publish({ type: "reaction", reaction: "party" });
  const speaking = await audience.follow("session", `session:${show.id}`, { form: "json" });
  await assert.rejects(speaking.subscription.publish({ type: "chat.message", text: "Hello" }), { code: 101 });
  await bob.post(`${id}/reactions`, { reaction: "heart" }).expect(201);
  for (const [author, deletes] of [[bob, bob], [bob, ada], [ada, root], [root, undefined], [bob, undefined]]) {
    const { body } = await author.post(`${id}/chat`, { text: "Hello\nthere" }).expect(201);
    if (deletes) await deletes.send("DELETE", `${id}/chat/${body.id}`).expect(204);
  }
  await ada.post(`${id}/events`, { type: "poll.opened", data: { choices: [1, 2] }, metadata: { note: "mine" } }).expect(201);
  const log = () => ada.events(show);
  await until("who shows no sign of life goes", async () => (await log()).some(({ data }) => data.reason === "timed_out"), { within: 30_000 });
}

/** It is paused, goes on, is private in both ways, and ends. */
async function changesHands({ ada, bob, show, uninvited }) {
  await changes(ada, show, [{ status: "paused" }, { status: "active" }]);
  await bob.joins(show);
  await ada.changes(show, { status: "private" });
  assert.equal(await uninvited.refused(), "2000");
  await changes(ada, show, [{ status: "active" }, { visibility: "private" }, { visibility: "public" }]);
  await bob.joins(show);
  await ada.ends(show);
}

/** Whoever hears a session, as its owner hears it and as everybody does, and over both ways. */
async function hears(audience, owner, show) {
  const [session, all] = [`session:${show.id}`, `owner:${show.id}`];
  await audience.follow("session", session, { by: owner });
  await audience.follow("owner", all, { by: owner, since: { offset: 0, epoch: "" } });
  await audience.listen(session, { by: owner, query: "&last_event_id=0" });
  const { body } = await owner.post("/api/live/tickets").expect(201);
  await audience.listen(all, { query: `&ticket=${body.ticket}` });
}

/** Everything happens that can. */
async function everything(t, audience) {
  const { server } = audience;
  const { anyone } = server;
  const [ada, bob, root] = [await server.register("ada"), await server.register("bob"), await server.administrator()];
  const directory = await audience.follow("directory", "directory");
  await audience.listen("directory");
  const show = await ada.creates("Launch day", { tags: ["space"] });
  const elsewhere = await ada.creates("Elsewhere", { hls_url: "https://media.example.org/live.m3u8" });
  await hears(audience, ada, show);
  await hears(audience, ada, elsewhere);
  const uninvited = await audience.follow("session", `session:${show.id}`);
  const sentAway = await audience.listen(`directory,session:${show.id}`);

  await encodes(t, audience, ada, show);
  await changes(ada, show, CHANGES);
  await root.changes(show, { is_featured: true });
  await changes(ada, elsewhere, ADDRESSES);
  await meet({ audience, directory, ada, bob, root, anyone, show });
  await changesHands({ ada, bob, show, uninvited });
  await until("the stream is told too", () => sentAway.some(({ unsubscribe }) => unsubscribe?.code === 2000));
  // Whoever comes late hears it from the beginning; what was deleted meanwhile says so.
  for (const [kind, options] of [["session", {}], ["owner", { by: ada }]]) {
    await audience.follow(kind, `${kind}:${show.id}`, { ...options, since: { offset: 0, epoch: "" } });
    await audience.listen(`${kind}:${show.id}`, { ...options, query: "&last_event_id=0" });
  }
  return { ada, show };
}

/** A broadcast that waits for nobody ends when its encoder goes. */
async function abandoned(t) {
  const server = await Server.start(t, { reconnect_window: 0 });
  const audience = new Audience(t, server);
  const ada = await server.register("ada");
  const show = await ada.creates("Launch day");
  await hears(audience, ada, show);
  const encoder = await comesOnAir(t, ada, show);
  await encoder.kill();
  await ada.sees(show, "ended");
  const isTold = (publications) => publications.filter(([, { type, data }]) => type === "broadcast.ended" && data.reason).length === 2;
  await until("its end is told", () => Object.values(audience.publications()).every(isTold));
  return audience;
}

test("whatever is told is as described, on every channel and over both ways", async (t) => {
  const server = await Server.start(t, { heartbeat_interval: 1, viewer_timeout: 5 });
  const audience = new Audience(t, server);
  const { ada, show } = await everything(t, audience);
  const description = new Description();
  const missing = () =>
    Object.values(audience.publications()).flatMap((publications) => {
      const names = new Set(publications.map(([kind, { type }]) => `${kind} ${type === "poll.opened" ? "own" : type}`));
      return FEEDS.flatMap((kind) => description.published(kind).map((name) => `${kind} ${name}`)).filter((name) => !names.has(name));
    });
  await until("everything that is described was told", () => missing().length === 0 || assert.fail(`never heard: ${missing()}`));
  const last = (await ada.events(show)).at(-1).seq;
  const ends = (publications) => publications.filter(([, { session_id, seq }]) => session_id === show.id && seq === last).length >= 4;
  await until("all of it was", () => Object.values(audience.publications()).every(ends));
  const heard = audience.judge(description);
  const inPublic = Object.values(audience.publications()).flat().filter(([kind, { seq }]) => kind === "session" && seq);
  for (const [, { user_id }] of inPublic) assert.ok(user_id === null || user_id === ada.id, "nobody is named but the owner");

  await t.test("and so is how it ends without its encoder", async (t) => void (await abandoned(t)).judge(new Description()));

  await t.test("what is altered is not", (t) => {
    let count = 0;
    for (const [name, payloads] of heard.flatMap((map) => [...map])) {
      const [channel, message] = name.split(" ");
      for (const payload of payloads) {
        for (const [what, altered] of alterations(channel, message, payload)) {
          assert.deepEqual(description.kinds(channel, altered), [], `${name}, ${what}: ${JSON.stringify(altered)}`);
          count += 1;
        }
      }
    }
    t.diagnostic(`${count} alterations`);
  });
});
