// The built pages over an API that makes everything up: for working on looks without a server.
// node dev/mock-server.mjs [port]; every state of the watch page has its own broadcast, see SCENES.
// The live feed speaks with the official client: MOCK_LIVE=off leaves the pages to poll, POST /mock/cut breaks connections,
// MOCK_QUIET=1 keeps everybody from talking. In a chat "/slow" is answered with 429, "/ban" and "/timeout" with 403.
import { createServer } from "node:http";
import { createReadStream, existsSync, statSync } from "node:fs";
import { extname, join, normalize } from "node:path";
import { account } from "./mock-account.mjs";
import { history, message, somebody, something } from "./mock-chat.mjs";
import { Live } from "./mock-live.mjs";

const port = Number(process.argv[2] ?? 8080);
const root = new URL("../dist/", import.meta.url).pathname;
/** A folder with live.m3u8 in it, for a real picture. */
const media = process.env.MOCK_HLS ?? "/tmp/mock-hls";
const CSP =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: http: https:; media-src 'self' blob: http: https:; " +
  "connect-src 'self' http: https:; worker-src 'self'; font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
const DOCS_CSP = CSP.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'");

const ago = (seconds) => new Date(Date.now() - seconds * 1000).toISOString();
const people = ["maya", "northwind-fm", "kenji_plays", "ada", "studio-brandt", "lofi-garden", "the_long_run", "chef.ines", "orbit", "juniper"];
const shows = [
  ["Building a synth from scratch, part 4", "music", ["modular", "diy", "eurorack"], 2841],
  ["Any% practice before the marathon", "gaming", ["speedrun", "any%"], 1290],
  ["Rainy night radio — beats to write to", "relax", ["lofi"], 963],
  ["Lighthouse watch: storm over the coast", "travel", ["nature", "storm", "weather", "sea"], 412],
  ["We read the RFC so that you need not", "tech", ["http", "networking"], 187],
  ["Sourdough clinic: bring your starters", "food", ["baking", "live q&a"], 96],
  ["Chess: blitz until I lose", "gaming", ["chess"], 74],
  ["Morning briefing", "news", [], 51],
  ["Figure drawing with a model — two hour poses and a great many questions about light, line and patience", "art", ["drawing"], 18],
  ["Library hour", null, [], 3],
];
const id = (n) => `019a0000-0000-7000-8000-${String(n).padStart(12, "0")}`;

function broadcast(n, over = {}) {
  const [title, ai_intent, tags, viewer_count] = shows[n % shows.length];
  return {
    id: id(n), title, description: "An evening with solder, patience and an oscilloscope.\nToday: the filter, and why it sings.",
    user_id: id(900 + (n % 10)), user: people[n % people.length], status: "active", visibility: "public",
    created_at: ago(4000 + n * 700), started_at: ago(1500 + n * 1733), ended_at: null, viewer_count: viewer_count + Math.floor(Math.random() * 5),
    max_viewers: 0, hls_url: `http://127.0.0.1:${port}/hls/live.m3u8`, webrtc_endpoint: null,
    thumbnail_url: n % 3 === 2 ? null : `/thumbnails/${n}.svg`, metadata: {}, ai_intent, tags, is_featured: n < 2 || n === 3, reported_viewers: 0,
    ingest: { state: "live" }, ...over,
  };
}

/** Ids 1xx are scenes of the watch page. */
const SCENES = {
  101: () => broadcast(0, { id: id(101), started_at: null, ingest: { state: "idle" } }),
  102: () => broadcast(0, { id: id(102), status: "paused" }),
  103: () => broadcast(0, { id: id(103), ingest: { state: "interrupted", interrupted_until: new Date(Date.now() + 47_000).toISOString() } }),
  104: () => broadcast(0, { id: id(104), max_viewers: 50, viewer_count: 50 }),
  105: () => broadcast(0, { id: id(105), status: "ended", ended_at: ago(60), viewer_count: 0, ingest: { state: "ended" } }),
  107: () => broadcast(1, { id: id(107), title: "A quiet room" }),
  106: () => broadcast(0, { id: id(106), hls_url: null, ingest: { state: "live" } }),
};
const own = [
  broadcast(20, { id: id(20), user: "maya", title: "Building a synth from scratch, part 4", ingest: { state: "live" } }),
  broadcast(21, { id: id(21), user: "maya", title: "Rehearsal for Friday", visibility: "private", started_at: null, viewer_count: 0, ingest: { state: "idle" }, max_viewers: 12 }),
];
const publish = { rtmp_url: "rtmp://live.example.org/live", stream_key: "sk_7mZ1vQw93kTfYb2RcXn8", whip_url: null };
const find = (wanted) => {
  const n = Number(wanted.slice(-12));
  if (SCENES[n]) return SCENES[n]();
  const mine = own.find((b) => b.id === wanted);
  if (mine) return { ...mine, publish };
  return n < shows.length ? broadcast(n) : undefined;
};
const session = (b) => ({ ...b, duration: b.started_at ? Math.floor((Date.now() - Date.parse(b.started_at)) / 1000) : 0, peak_viewers: b.viewer_count + 210 });

function listing(params) {
  if (params.get("visibility") === "private") return own.filter((b) => b.visibility === "private");
  if (params.get("user") === "maya") return own.filter((b) => b.visibility === "public");
  const q = params.get("q")?.toLowerCase();
  const scene = process.env.MOCK_LIST;
  let items = scene === "empty" ? [] : shows.map((_, n) => broadcast(n));
  if (items.length) {
    items[3].status = "paused";
    items[6].ingest = { state: "interrupted", interrupted_until: ago(-40) };
    items[9].ingest = { state: "idle" };
    items[9].started_at = null;
  }
  if (params.get("featured")) items = items.filter((b) => b.is_featured);
  for (const [name, of] of [["category", (b) => [b.ai_intent]], ["tag", (b) => b.tags], ["user", (b) => [b.user]]]) {
    const wanted = params.get(name);
    if (wanted) items = items.filter((b) => of(b).includes(wanted));
  }
  if (q) items = items.filter((b) => `${b.title} ${b.user}`.toLowerCase().includes(q));
  if (params.get("sort") === "title") items.sort((a, b) => a.title.localeCompare(b.title));
  return items;
}

const problem = (status, code, title, more = {}) => [status, { type: `/docs/${code}`, title, status, code, ...more }, "application/problem+json"];

/** What happened in each session, as its log has it. */
const logs = new Map();
function logOf(of) {
  if (!logs.has(of)) logs.set(of, history(of, of === id(107)));
  return logs.get(of);
}
const chatOf = (of) => logOf(of).filter(({ type }) => type === "chat.message").slice(-50);

const live = new Live((name) => {
  if (name === "directory") {
    const cards = listing(new URLSearchParams());
    return { data: { cards, total: cards.length } };
  }
  const [kind, of] = name.split(":");
  const found = find(of ?? "");
  if (!found || (kind !== "session" && kind !== "owner")) return undefined;
  live.channel(name).top = logOf(of).at(-1)?.seq ?? 0;
  return { recoverable: true, data: { session: session(found), chat: chatOf(of) } };
});

/** Adds to a log and tells whoever listens. */
function happens(of, type, data, isPublic = true) {
  const event = { ...message(of, (logOf(of).at(-1)?.seq ?? 0) + 1, "", ""), type, data };
  logOf(of).push(event);
  if (isPublic) live.publish(`session:${of}`, event);
  live.publish(`owner:${of}`, event);
  return event;
}

const says = (of, user, text, role = "viewer") => happens(of, "chat.message", message(of, 0, user, text, role).data);

function chat(method, of, rest, body) {
  const [noun, which] = rest;
  if (noun === "chat" && method === "GET") return [200, { items: chatOf(of), next_before: null }];
  if (noun === "chat" && method === "POST") {
    if (body.text.startsWith("/slow")) return [...problem(429, "too-many-requests", "Too many"), { "retry-after": "4" }];
    if (body.text.startsWith("/ban")) return problem(403, "banned", "Banned", { detail: "You cannot write in this chat." });
    if (body.text.startsWith("/timeout")) return problem(403, "banned", "Banned", { detail: `You cannot write in this chat until ${ago(-600)}.` });
    return [201, says(of, "maya", body.text, find(of)?.user === "maya" ? "owner" : "viewer")];
  }
  if (noun === "chat" && method === "DELETE") {
    const found = logOf(of).find((event) => event.id === which);
    if (found) found.data = { deleted: true };
    if (found) happens(of, "chat.deleted", { message_id: which, message_seq: found.seq, by: "owner" });
    return [204];
  }
  if (noun === "reactions") return [201, happens(of, "reaction", { reaction: body.reaction })];
  if (noun === "bans" && method === "POST") return [201, { user_id: id(905), user: body.user, until: body.seconds ? ago(-body.seconds) : null, reason: null, by: "maya", created_at: ago(0) }];
  if (noun === "bans") return [204];
  if (noun === "events") return [200, { items: logOf(of).toReversed().slice(0, 50), next_after: null, next_before: null }];
  return undefined;
}

/** The counts as they were told last; cards tick. */
const ticking = new Map();
function tick() {
  for (const [n] of shows.entries()) {
    const before = ticking.get(id(n)) ?? shows[n][3];
    const viewer_count = Math.max(0, before + Math.round((Math.random() - 0.48) * (4 + before / 40)));
    ticking.set(id(n), viewer_count);
    if (Math.random() < 0.6) live.publish("directory", { type: "count", id: id(n), viewer_count });
    live.publish(`session:${id(n)}`, { type: "count", viewer_count, peak_viewers: viewer_count + 210 });
  }
  const [mine] = own;
  mine.viewer_count = Math.max(0, mine.viewer_count + Math.round((Math.random() - 0.45) * 9));
  live.publish(`owner:${mine.id}`, { type: "count", viewer_count: mine.viewer_count, viewers: mine.viewer_count, reported_viewers: 0, peak_viewers: 3051 });
  const names = ["heart", "like", "laugh", "wow", "clap", "party", "fire"];
  for (const of of [id(0), id(20)]) {
    if (Math.random() < 0.35) says(of, somebody(), something());
    if (Math.random() < 0.7) happens(of, "reaction", { reaction: names[Math.floor(Math.random() ** 2 * 7)] });
  }
  if (Math.random() < 0.6) happens(id(20), Math.random() < 0.6 ? "viewer.joined" : "viewer.left", { viewer_id: id(8), person: "p1", reason: "left", watched: 62 }, false);
}
if (process.env.MOCK_QUIET !== "1") setInterval(tick, 1000);

function answer(method, url, body) {
  const path = url.pathname;
  const [, , noun, which, verb] = path.split("/");
  if (path === "/api/openapi.json")
    return [200, { openapi: "3.1.0", info: { title: "Tallylight", version: "0.1.0" }, paths: { "/api/broadcasts/active": { get: { summary: "List what is live", responses: { 200: { description: "A page of broadcasts" } } } } } }];
  const known = account(method, path, body);
  if (known) return known;
  if (path.startsWith("/api/users/me/stream-key")) return [200, publish];
  if (path === "/api/broadcasts/active") {
    if (process.env.MOCK_LIST === "error") return problem(503, "unavailable", "Unavailable");
    const items = listing(url.searchParams);
    return [200, { items: items.slice(0, Number(url.searchParams.get("limit") ?? 20)), total: items.length, limit: 20, offset: 0, next_cursor: null }];
  }
  if (path === "/api/broadcasts" && method === "POST") {
    if (body.title === "bad") return problem(422, "invalid-fields", "Some fields are not right", { errors: [{ field: "title", message: "This title is not allowed here." }] });
    const made = broadcast(0, { ...body, id: id(30 + own.length), user: "maya", started_at: null, viewer_count: 0, ingest: { state: "idle" } });
    own.unshift(made);
    return [201, { ...made, publish }];
  }
  const found = which && find(which);
  if (!found) return problem(404, "not-found", "Not found");
  if (noun === "sessions") return chat(method, which, path.split("/").slice(4), body) ?? [200, session(found)];
  if (method === "PATCH") {
    Object.assign(own.find((b) => b.id === which) ?? {}, body, body.status === "ended" ? { ended_at: ago(0) } : {});
    happens(which, { ended: "broadcast.ended", paused: "broadcast.paused", active: "broadcast.resumed" }[body.status] ?? "broadcast.updated", body);
    return [200, find(which)];
  }
  if (verb === "join") {
    if (found.id === id(104)) return problem(409, "broadcast-full", "Full");
    if (found.status === "ended") return problem(410, "broadcast-ended", "Ended");
    return [200, { viewer_id: id(7), viewer_token: "vt", heartbeat_interval: 5, session: session(found), playback: { hls_url: found.hls_url, webrtc_endpoint: null } }];
  }
  if (verb === "heartbeat" || verb === "leave") return [204];
  return [200, found];
}

const PAGES = [[/^\/$/, "index"], [/^\/watch\//, "watch"], [/^\/studio$/, "studio"], [/^\/(account|setup|forgot|reset)$/, "$1"], [/^\/api\/docs$/, "docs"]];
const TYPES = { ".js": "text/javascript", ".css": "text/css", ".html": "text/html; charset=utf-8", ".svg": "image/svg+xml", ".m3u8": "application/vnd.apple.mpegurl", ".ts": "video/mp2t", ".m4s": "video/mp4", ".mp4": "video/mp4" };

function thumbnail(n) {
  const hue = (n * 67 + 200) % 360;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 360"><defs><linearGradient id="g" x2="1" y2="1"><stop stop-color="hsl(${hue} 45% 32%)"/><stop offset="1" stop-color="hsl(${hue + 50} 55% 12%)"/></linearGradient></defs><rect width="640" height="360" fill="url(#g)"/><circle cx="${180 + (n * 90) % 300}" cy="200" r="120" fill="hsl(${hue + 20} 60% 55% / .35)"/><path d="M0 300 Q160 ${180 + n * 12} 320 280 T640 240 V360 H0Z" fill="hsl(${hue} 50% 8% / .8)"/></svg>`;
}

const server = createServer((request, response) => {
  const url = new URL(request.url, `http://127.0.0.1:${port}`);
  const send = (status, type, content, more = {}) => response.writeHead(status, { "content-type": type, "access-control-allow-origin": "*", "referrer-policy": "no-referrer", ...more }).end(content);
  const file = (path, status = 200, more = {}) => {
    if (!existsSync(path) || !statSync(path).isFile()) return send(404, "text/plain", "not found");
    response.writeHead(status, { "content-type": TYPES[extname(path)] ?? "application/octet-stream", "access-control-allow-origin": "*", ...more });
    createReadStream(path).pipe(response);
  };
  if (url.pathname === "/mock/cut") {
    live.cut();
    return send(204, "text/plain", "");
  }
  const [pattern, name] = PAGES.find(([pattern]) => pattern.test(url.pathname)) ?? [];
  const page = name?.replace("$1", pattern.exec(url.pathname)[1]);
  if (page) return file(join(root, `${page}.html`), 200, { "content-security-policy": page === "docs" ? DOCS_CSP : CSP });
  if (url.pathname.startsWith("/api/")) {
    let text = "";
    request.on("data", (chunk) => (text += chunk));
    request.on("end", () => {
      const [status, body, type = "application/json", more = {}] = answer(request.method, url, text ? JSON.parse(text) : {});
      setTimeout(() => send(status, type, body && JSON.stringify(body), { "cache-control": "no-cache", ...more }), Number(process.env.MOCK_DELAY ?? 30));
    });
    return;
  }
  const picture = /^\/thumbnails\/(\d+)\.svg$/.exec(url.pathname);
  if (picture) return send(200, "image/svg+xml", thumbnail(Number(picture[1])));
  const safe = normalize(url.pathname);
  if (safe.startsWith("/hls/")) return file(join(media, safe.slice(5)), 200, { "cache-control": "no-cache" });
  if (/^\/(assets|elements|favicon\.svg)/.test(safe)) return file(join(root, safe));
  file(join(root, "not-found.html"), 404, { "content-security-policy": CSP });
});
live.attach(server, "/api/live");
server.listen(port, () => console.log(`http://127.0.0.1:${port}/`));
