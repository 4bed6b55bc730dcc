import { execFile } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { EventEmitter } from "node:events";
import { Channel } from "./live.js";
import { atEnd, Process } from "./stage.js";

const FOLDER = fileURLToPath(new URL("../python/", import.meta.url));

/** The Python that has the packages of `python/requirements.txt`. */
export async function python() {
  const { stdout } = await promisify(execFile)(`${FOLDER}install`);
  return stdout.trim();
}

/** The official Python client follows channels: one of `Channel` for each. */
export async function followInPython(t, url, { form, token, channels }) {
  const args = [`${FOLDER}follow.py`, `${url.replace("http", "ws")}/api/live`, form, token, ...channels];
  const process = new Process(await python(), args, { stdio: ["pipe", "pipe", "pipe"] });
  atEnd(t, async () => {
    process.child.stdin.end();
    const { code } = await process.ended;
    if (code !== 0) throw new Error(`the Python client failed: ${process.stderr}`);
  });
  const subscriptions = new Map(channels.map((channel) => [channel, Object.assign(new EventEmitter(), { channel, subscribe() {} })]));
  createInterface({ input: process.child.stdout }).on("line", (line) => {
    const { channel, ...told } = JSON.parse(line);
    const [[kind, what]] = Object.entries(told);
    // Python has a 0 where there is no offset.
    if (kind === "publication") what.offset ||= undefined;
    subscriptions.get(channel).emit(kind, what);
  });
  return channels.map((channel) => new Channel(subscriptions.get(channel)));
}
