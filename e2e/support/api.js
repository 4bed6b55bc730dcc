import assert from "node:assert/strict";
import { until } from "./until.js";

/** An answer that is still to come; `expect` says which status it must have. */
class Answer {
  constructor(request, promise) {
    this.request = request;
    this.promise = promise;
  }

  then(resolve, reject) {
    return this.promise.then(resolve, reject);
  }

  async expect(status, code) {
    const answer = await this.promise;
    assert.equal(answer.status, status, `${this.request} answered ${answer.status} ${answer.text}`);
    if (code) {
      assert.equal(answer.headers.get("content-type"), "application/problem+json");
      assert.equal(answer.body.code, code);
    }
    return answer;
  }
}

async function ask(url, init) {
  const response = await fetch(url, init);
  const bytes = Buffer.from(await response.arrayBuffer());
  const text = bytes.toString("utf8");
  const isJson = /json/.test(response.headers.get("content-type") ?? "");
  return { status: response.status, headers: response.headers, bytes, text, body: isJson ? JSON.parse(text) : undefined };
}

/** The API as one person uses it, or nobody in particular. */
export class Api {
  constructor(url, account = {}) {
    this.url = url;
    Object.assign(this, account);
  }

  send(method, path, body) {
    const url = new URL(path, this.url);
    const headers = { ...(this.token && { authorization: `Bearer ${this.token}` }), ...(body && { "content-type": "application/json" }) };
    return new Answer(`${method} ${url.pathname}`, ask(url, { method, headers, body: body && JSON.stringify(body) }));
  }

  get = (path) => this.send("GET", path);
  post = (path, body) => this.send("POST", path, body);
  patch = (path, body) => this.send("PATCH", path, body);

  /** Makes a broadcast. */
  async creates(title, more = {}) {
    const { body } = await this.post("/api/broadcasts", { title, ...more }).expect(201);
    return body;
  }

  async changes({ id }, patch) {
    return (await this.patch(`/api/broadcasts/${id}`, patch).expect(200)).body;
  }

  ends = (broadcast) => this.changes(broadcast, { status: "ended" });

  async reads({ id }) {
    return (await this.get(`/api/broadcasts/${id}`).expect(200)).body;
  }

  /** Waits for the ingest to be in a state. */
  sees(broadcast, state, options) {
    return until(`the ingest is ${state}`, async () => {
      const now = await this.reads(broadcast);
      return now.ingest.state === state && now;
    }, options);
  }

  join = ({ id }, body) => this.post(`/api/broadcasts/${id}/join`, body);
  heartbeat = ({ id }, { viewer_token }) => this.post(`/api/broadcasts/${id}/heartbeat`, { viewer_token });
  leave = ({ id }, { viewer_token }) => this.post(`/api/broadcasts/${id}/leave`, { viewer_token });

  async events({ id }) {
    return (await this.get(`/api/sessions/${id}/events?limit=1000`).expect(200)).body.items;
  }

  async analytics({ id }, query = "period=all") {
    return (await this.get(`/api/sessions/${id}/analytics?${query}`).expect(200)).body;
  }

  async joins(broadcast, body) {
    return (await this.join(broadcast, body).expect(200)).body;
  }

  /** The count, read in each place that shows it; they must agree. */
  async count({ id }) {
    const [one, list, session] = await Promise.all([
      this.get(`/api/broadcasts/${id}`).expect(200),
      this.get("/api/broadcasts/active?limit=100").expect(200),
      this.get(`/api/sessions/${id}`).expect(200),
    ]);
    const listed = list.body.items.find((item) => item.id === id)?.viewer_count ?? (one.body.status === "ended" ? 0 : "not listed");
    return [...new Set([one.body.viewer_count, listed, session.body.viewer_count])].join(" or ");
  }

  /** Waits for all places to show this count. */
  counts(broadcast, count, options) {
    return until(`${count} viewers`, async () => (await this.count(broadcast)) === String(count) || assert.fail(await this.count(broadcast)), options);
  }
}
