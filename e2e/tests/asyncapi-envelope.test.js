import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Description } from "../support/asyncapi.js";
import { Line } from "../support/line.js";
import { Server } from "../support/server.js";

const description = new Description();

/** A code stands in the description with the words that the server says. */
function isDescribed(schema, told, code, says) {
  description.holds(schema, told);
  const found = description.document.components.schemas[schema].properties.code.oneOf.find((known) => known.const === told.code);
  assert.deepEqual([told.code, says], [code, found.title]);
}

async function stage(t, settings) {
  const server = await Server.start(t, settings);
  const [ada, bob] = [await server.register("ada"), await server.register("bob")];
  const show = await ada.creates("Launch day");
  return { server, ada, bob, show, session: `session:${show.id}` };
}

async function connected(t, server, { token } = {}) {
  const line = await Line.open(t, server.url);
  const { connect } = await line.asks({ connect: token ? { token } : {} });
  description.holds("Connected", connect);
  assert.equal(connect.expires, token && true, "a token has its time");
  return line;
}

test("replies are as described", async (t) => {
  const { server, ada, show, session } = await stage(t);
  const line = await connected(t, server, ada);
  for (const channel of ["directory", session, `owner:${show.id}`]) {
    const { subscribe } = await line.asks({ subscribe: { channel } });
    description.holds("Subscribed", subscribe);
    assert.equal(subscribe.recoverable, channel === "directory" ? undefined : true);
  }
  await ada.post(`/api/sessions/${show.id}/events`, { type: "poll.opened" }).expect(201);
  const late = await connected(t, server);
  const { subscribe } = await late.asks({ subscribe: { channel: session, recover: true } });
  description.holds("Subscribed", subscribe);
  assert.deepEqual([subscribe.recovered, subscribe.publications.length], [true, 2], "from the first event on");
  for (const { data, offset } of subscribe.publications) {
    description.hear("session", data);
    assert.equal(offset, data.seq);
  }
  const { subscribe: gap } = await late.asks({ unsubscribe: { channel: session } })
    .then(() => late.asks({ subscribe: { channel: session, recover: true, offset: 1, epoch: "another" } }));
  description.holds("Subscribed", gap);
  assert.deepEqual([gap.was_recovering, gap.recovered, Boolean(gap.data.chat)], [true, undefined, true], "the state instead");
  description.holds("Refreshed", (await line.asks({ refresh: { token: ada.token } })).refresh);
});

test("the server takes what is described and nothing else", async (t) => {
  const { server, ada, session } = await stage(t);
  const line = await connected(t, server, ada);
  const said = (text, more) => ({ type: "chat.message", text, ...more });
  const tried = [
    said("Hello"), said("x".repeat(500)), said(""), said("x".repeat(501)), said(7), said("Hello", { user: "bob" }),
    { type: "chat.message" }, { type: "chat.deleted", text: "x" }, { text: "Hello" }, "Hello", null,
    ...["heart", "fire", "shrug", "", 7].map((reaction) => ({ type: "reaction", reaction })), { type: "reaction" },
  ];
  for (const data of tried) {
    const { publish, error } = await line.asks({ publish: { channel: session, data } });
    const isTaken = ["Say", "React"].some((schema) => description.takes(schema, data));
    if (isTaken) description.holds("Done", publish);
    else isDescribed("Error", error, 107, error.message);
  }
});

test("refusals are as described", async (t) => {
  const { server, ada, bob, show, session } = await stage(t, { chat_burst: 1, chat_interval: 60 });
  const [nobody, owner] = [await connected(t, server), await connected(t, server, ada)];
  const gone = await bob.joins(show);
  await bob.leave(show, gone).expect(204);
  await owner.asks({ subscribe: { channel: session } });
  const says = { publish: { channel: session, data: { type: "chat.message", text: "Hello" } } };
  await owner.asks(says);
  const refused = [
    [101, nobody, { subscribe: { channel: `owner:${show.id}` } }],
    [101, nobody, says],
    [101, owner, { refresh: { token: bob.token } }],
    [102, nobody, { subscribe: { channel: "news" } }],
    [103, owner, { publish: { channel: "directory", data: {} } }],
    [104, owner, { rpc: { method: "x" } }],
    [105, owner, { subscribe: { channel: session } }],
    [107, owner, { subscribe: { channel: "x".repeat(256) } }],
    [108, owner, { presence: { channel: session } }],
    [109, nobody, { subscribe: { channel: session, token: gone.viewer_token } }],
    [111, owner, says],
  ];
  for (const [code, line, command] of refused) {
    const { error } = await line.asks(command);
    isDescribed("Error", error, code, error.message);
    assert.equal(error.temporary, code === 111 ? true : undefined);
  }
  await ada.ends(show);
  const { error } = await owner.asks(says);
  isDescribed("Error", error, 108, error.message);
});

describe("closes are as described", { concurrency: 3 }, () => {
  /** Opens a line, does something, and is told why it ends. */
  const closes = (code, settings, act) => async (t) => {
    const { server } = await stage(t, settings);
    const line = await Line.open(t, server.url);
    await act(line, server);
    const told = await line.closes();
    isDescribed("Close", told, code, told.reason);
  };
  const connect = (line, token) => line.socket.send(JSON.stringify({ id: 1, connect: { token } }));

  test("for a token that is not one", closes(3500, {}, (line) => connect(line, "nonsense")));
  test("for who is silent", closes(3502, { live_connect_timeout: 1 }, () => undefined));
  test("for what is not the protocol", closes(3501, {}, (line) => line.socket.send("Hello")));
  test("for what is too long", closes(1009, { live_max_message: 1024 }, (line) => connect(line, "x".repeat(2000))));
  test("when the server stops", closes(3001, {}, async (line, server) => {
    await line.asks({ connect: {} });
    await server.process.kill("SIGTERM");
  }));
});
