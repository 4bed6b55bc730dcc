import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { python } from "../support/python.js";
import { Server } from "../support/server.js";
import { atEnd, Process } from "../support/stage.js";
import { until } from "../support/until.js";

const GUIDE = readFileSync(new URL("../../docs/guide/integrators.md", import.meta.url), "utf8");
const LIVE = GUIDE.split(/^## /m).find((section) => section.startsWith("Live\n"));

/** The programs in a language, as they are printed but for where the server is. */
const programs = (language, { url }) =>
  [...LIVE.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, "gms"))].map(([, code]) =>
    code.replaceAll("ws://127.0.0.1:8080", url.replace("http", "ws")).replaceAll("http://127.0.0.1:8080", url));

async function stage(t) {
  const server = await Server.start(t);
  const ada = await server.register("ada");
  return { server, ada, show: await ada.creates("Launch day"), anyone: server.anyone };
}

/** Runs a program until the test is over. */
function runs(t, command, args, code) {
  const cwd = fileURLToPath(new URL("..", import.meta.url));
  const program = new Process(command, args, { cwd, stdio: ["pipe", "pipe", "pipe"] });
  atEnd(t, () => program.kill());
  program.child.stdin.end(code);
  return (text) => until(`it prints ${text}`, () => program.stdout.includes(text) || assert.fail(program.stdout + program.stderr));
}

const node = (t, { id }, code) => runs(t, process.execPath, ["--input-type=module", "-", id], code);

test("in JavaScript", async (t) => {
  const { server, ada, anyone, show } = await stage(t);
  const [code] = programs("js", server);
  const prints = node(t, show, code);
  await prints("live: Launch day");
  await prints("Launch day active");
  await ada.changes(show, { title: "Launch day, part two" });
  await prints("card Launch day, part two");
  await prints("2 broadcast.updated { title: 'Launch day, part two' }");
  await anyone.joins(show);
  await prints("watching: 1");
  await ada.changes(show, { visibility: "private" });
  await prints("over: 2000");
});

test("a viewer in JavaScript", async (t) => {
  const { server, ada, show } = await stage(t);
  const [begin, viewer] = programs("js", server);
  node(t, show, `${begin.split("\nconst directory")[0]}\n${viewer}\nfeed.connect();`);
  await ada.counts(show, 1);
});

test("Server-Sent Events in JavaScript, over a crash of the server", async (t) => {
  const { server, ada, show } = await stage(t);
  const [, , code] = programs("js", server);
  const begin = 'import { EventSource } from "eventsource";';
  const given = `const [API, token] = ["${server.url}/api", "${ada.token}"];`;
  const prints = node(t, show, `${begin}\n${given}\n${code}\nlisten("owner:${show.id}");`);
  await prints('"subscribe"');
  await server.crashAndRestart();
  await ada.changes(show, { title: "Launch day, part two" });
  await prints('"title":"Launch day, part two"');
});

test("in Python", async (t) => {
  const { server, ada, anyone, show } = await stage(t);
  const [code] = programs("python", server);
  const prints = runs(t, await python(), ["-", show.id], code);
  await prints("Launch day");
  await ada.changes(show, { title: "Launch day, part two" });
  await prints("2 broadcast.updated {'title': 'Launch day, part two'}");
  await anyone.joins(show);
  await prints("watching: 1");
});
