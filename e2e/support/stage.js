import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtemp, rm, access } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";

/** What a test leaves to be put away, newest last. */
const cleanups = new WeakMap();
const processes = new Set();
const folders = new Set();

/** Runs `task` when the test is over: what was begun last is put away first. */
export function atEnd(t, task) {
  let tasks = cleanups.get(t);
  if (!tasks) {
    tasks = [];
    cleanups.set(t, tasks);
    t.after(async () => {
      const failures = [];
      for (const cleanup of tasks.reverse()) await cleanup().catch((error) => failures.push(error));
      if (failures.length > 0) throw failures[0];
    });
  }
  tasks.push(task);
}

/** A folder that goes with the test. */
export async function temporaryFolder(t) {
  const folder = await mkdtemp(join(tmpdir(), "tallylight-e2e-"));
  folders.add(folder);
  atEnd(t, () => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A child process: what it says, when it ends, and a kill that waits for the end. */
export class Process {
  stdout = "";
  stderr = "";

  constructor(command, args, options = {}) {
    this.child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"], ...options });
    processes.add(this);
    this.child.stdout.setEncoding("utf8").on("data", (text) => (this.stdout += text));
    this.child.stderr.setEncoding("utf8").on("data", (text) => (this.stderr += text));
    this.ended = new Promise((resolve, reject) => {
      this.child.once("error", (error) => (processes.delete(this), reject(error)));
      this.child.once("close", (code, signal) => {
        processes.delete(this);
        this.exit = { code, signal };
        resolve(this.exit);
      });
    });
    // Whoever awaits the end hears of it; nobody has to.
    this.ended.catch(() => undefined);
  }

  get runs() {
    return this.exit === undefined;
  }

  async kill(signal = "SIGKILL") {
    this.child.kill(signal);
    return this.ended;
  }
}

// A test that leaves a process or a folder behind fails its file, whatever else it showed.
after(async () => {
  const alive = [...processes].map(({ child }) => `${child.spawnfile} (${child.pid})`);
  for (const { child } of processes) child.kill("SIGKILL");
  assert.deepEqual(alive, [], "processes were left behind");
  const left = [];
  for (const folder of folders) await access(folder).then(() => left.push(folder), () => undefined);
  assert.deepEqual(left, [], "folders were left behind");
});
