/** A value of another kind. */
const otherKind = (value) => {
  if (value === null || typeof value === "boolean") return 7;
  if (typeof value === "number") return String(value);
  return typeof value === "string" ? 7 : [value];
};

const without = (object, key) => Object.fromEntries(Object.entries(object).filter(([name]) => name !== key));

/** Where fields may be missing. */
const MAY_LACK = { "broadcast.updated": ["data"], "broadcast.ended": ["data"] };

/** What can be done to an object, field by field: `[what was done, the object after it]`. */
function* alteredFields(object, { mayLack = false } = {}) {
  yield ["a field more", { ...object, extra: 1 }];
  for (const [name, value] of Object.entries(object)) {
    if (!mayLack) yield [`no ${name}`, without(object, name)];
    yield [`${name} of another kind`, { ...object, [name]: otherKind(value) }];
  }
}

/** What is wrong by its value alone, by the message's name. */
const WRONG = {
  card: [
    ["a card that has ended", { card: { status: "ended" } }],
    ["a private card", { card: { visibility: "private" } }],
    ["a card with its stream key", { card: { publish: { rtmp_url: "rtmp://live.example.org/live", stream_key: "secret", whip_url: null } } }],
    ["a card that waits for nothing", { card: { ingest: { state: "interrupted" } } }],
    ["a negative count", { card: { viewer_count: -1 } }],
  ],
  count: [["a negative count", { viewer_count: -1 }], ["half a viewer", { viewer_count: 0.5 }]],
  gone: [["no id", { id: "nobody" }]],
  "broadcast.created": [["no title", { data: { title: "" } }]],
  "broadcast.updated": [["an end", { data: { status: "ended" } }], ["metadata itself", { data: { metadata: {} } }], ["too many", { data: { max_viewers: 2 ** 31 } }]],
  "broadcast.interrupted": [["no time", { data: { until: "soon" } }], ["somebody did it", { user_id: "0198c1d2-aaaa-7bbb-8ccc-1234567890ab" }]],
  "viewer.left": [["another reason", { data: { reason: "bored" } }], ["less than nothing", { data: { watched: -1 } }]],
  "viewer.joined": [["a name", { data: { person: "bob" } }]],
  "chat.message": [["another role", { data: { role: "king" } }], ["half deleted", { data: { deleted: true, text: "x" } }], ["not deleted", { data: { deleted: false } }]],
  "chat.deleted": [["by nobody", { data: { by: "viewer" } }], ["no number", { data: { message_seq: 0 } }]],
  reaction: [["another one", { data: { reaction: "shrug" } }]],
  own: [["a type of the server's", { type: "recording.mine" }], ["a type in capitals", { type: "Poll" }], ["by nobody", { user_id: null }]],
};

/** What is wrong with any event, and what must not be told to everybody. */
const WRONG_EVENT = [
  ["a type that there is not", { type: "broadcast.exploded" }],
  ["no number", { seq: 0 }],
  ["half a number", { seq: 1.5 }],
  ["no id", { id: "first" }],
  ["no time", { created_at: "2026-05-01" }],
  ["a user's name", { user_id: "ada" }],
];
const SECRET = [["metadata", { metadata: { note: "mine" } }]];
const SECRET_UPDATE = [["where encoders publish to", { data: { rtmp_url: "rtmp://live.example.org/in" } }]];

const merged = (payload, change) =>
  Object.fromEntries([...new Set([...Object.keys(payload), ...Object.keys(change)])].map((key) => {
    const isNested = key in change && ["data", "card"].includes(key);
    return [key, isNested ? { ...payload[key], ...change[key] } : (key in change ? change[key] : payload[key])];
  }));

/** All that must not be taken for a message of this channel any more: `[what was done, the payload after it]`. */
export function* alterations(channel, name, payload) {
  yield* alteredFields(payload);
  for (const inside of ["data", "card"].filter((field) => payload[field] && name !== "own")) {
    const mayLack = MAY_LACK[name]?.includes(inside);
    for (const [what, altered] of alteredFields(payload[inside], { mayLack })) yield [`${inside}: ${what}`, { ...payload, [inside]: altered }];
  }
  const isEvent = payload.seq !== undefined;
  const isPublic = isEvent && channel === "session";
  const wrong = [...(WRONG[name] ?? []), ...(isEvent ? WRONG_EVENT : []), ...(isPublic ? SECRET : [])];
  if (isPublic && name === "broadcast.updated") wrong.push(...SECRET_UPDATE);
  for (const [what, change] of wrong) yield [what, merged(payload, change)];
}
