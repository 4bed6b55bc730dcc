import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { parse } from "yaml";

const root = (path) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
export const FILE = root("crates/api/asyncapi.yaml");
const ID = "asyncapi:";
/** What AsyncAPI has beside JSON Schema's words. */
const OTHER_WORDS = ["components"];

/** The description of the live feed, and what its schemas say of what is heard. */
export class Description {
  /** What was heard: `session broadcast.created` → the payloads. */
  heard = new Map();

  constructor() {
    this.document = parse(readFileSync(FILE, "utf8"), { strict: true, uniqueKeys: true });
    this.ajv = new Ajv2020({ strict: true, strictRequired: false, allErrors: true, allowUnionTypes: true, keywords: OTHER_WORDS });
    addFormats.default(this.ajv);
    this.ajv.addSchema({ $id: ID, components: this.document.components });
  }

  get channels() {
    return this.document.channels;
  }

  /** The key of the message that a channel calls so. */
  #key(channel, name) {
    return this.channels[channel].messages[name].$ref.split("/").at(-1);
  }

  #validator(path) {
    return this.ajv.getSchema(`${ID}#/components/${path}`) ?? assert.fail(`there is no ${path}`);
  }

  /** Whether a schema of the components takes a value. */
  takes = (schema, value) => this.#validator(`schemas/${schema}`)(value);

  /** A value is what a schema of the components says. */
  holds(schema, value) {
    const validate = this.#validator(`schemas/${schema}`);
    assert.ok(validate(value), `not ${schema}: ${this.ajv.errorsText(validate.errors)}\n${JSON.stringify(value)}`);
  }

  /** Every example is what the schema says beside which it stands; how many there are. */
  holdsExamples(schema = this.document.components.schemas, path = "schemas") {
    let count = 0;
    for (const example of Array.isArray(schema.examples) ? schema.examples : []) {
      assert.ok(this.#validator(path)(example), `an example of ${path}: ${this.ajv.errorsText(this.#validator(path).errors)}`);
      count += 1;
    }
    for (const [name, inside] of Object.entries(schema)) {
      if (inside && typeof inside === "object" && name !== "examples") count += this.holdsExamples(inside, `${path}/${name}`);
    }
    return count;
  }

  /** The names of the messages of a channel that the server sends by publishing. */
  published(channel) {
    const operations = Object.values(this.document.operations);
    const hears = operations.find(({ action, channel: of }) => action === "send" && of.$ref === `#/channels/${channel}`);
    return hears.messages.map(({ $ref }) => $ref.split("/").at(-1)).filter((name) => name !== "unsubscribe");
  }

  /** Which of the messages of a channel a publication is, by their schemas alone. */
  kinds(channel, payload) {
    return this.published(channel).filter((name) => this.#validator(`messages/${this.#key(channel, name)}/payload`)(payload));
  }

  /** A publication is exactly one of the channel's messages, and of its type the one that is named so. */
  hear(channel, payload) {
    const kinds = this.kinds(channel, payload);
    assert.equal(kinds.length, 1, `${channel}: ${kinds.length > 1 ? `all of ${kinds}` : this.#why(channel, payload)}: ${JSON.stringify(payload)}`);
    const [kind] = kinds;
    assert.ok(kind === payload.type || kind === "own", `${payload.type} is taken for ${kind}`);
    const name = `${channel} ${kind}`;
    this.heard.set(name, [...(this.heard.get(name) ?? []), payload]);
  }

  #why(channel, payload) {
    const name = this.published(channel).find((name) => name === payload.type) ?? "own";
    if (!this.channels[channel].messages[name]) return "no message of this type";
    const validate = this.#validator(`messages/${this.#key(channel, name)}/payload`);
    validate(payload);
    return this.ajv.errorsText(validate.errors);
  }
}

const source = (path) => readFileSync(root(path), "utf8");

/** The names of all types that the server logs, as its source has them. */
export function eventTypes() {
  const body = source("crates/core/src/event.rs").match(/impl EventType \{.*?\n\}\n/s)[0];
  const names = [...body.matchAll(/Self::\w+ => "([a-z._]+)"/g)].map(([, name]) => name);
  const declared = source("crates/core/src/event.rs").match(/pub enum EventType \{(.*?)\n\}/s)[1].match(/^ {4}\w+,$/gm);
  assert.equal(names.length, declared.length, "each type has a name");
  return names;
}

/** The server's codes as its source has them: `{ Close: { 3001: "shutdown" … }, Error: …, Unsubscribe: … }`. */
export function codes() {
  const text = source("crates/realtime/src/codes.rs");
  const of = (name, pattern) => {
    const [block] = text.match(new RegExp(`impl ${name} \\{.*?\\n\\}\\n`, "s"));
    const found = [...block.matchAll(pattern)].map(([, code, says]) => [code, says]);
    assert.equal(found.length, block.match(/pub const [A-Z_]+: Self/g).length, `all of ${name} are read`);
    return Object.fromEntries(found);
  };
  const fields = /code: (\d+), reason: "([^"]+)"/g;
  const calls = /= Self::(?:passing|lasting)\((\d+), "([^"]+)"\)/g;
  return { Close: of("Close", fields), Error: of("Refusal", calls), Unsubscribe: of("Unsubscribe", fields) };
}
