import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { Api } from "./api.js";
import { atEnd, Process, temporaryFolder } from "./stage.js";
import { until } from "./until.js";

/** The binary under test. */
export const BINARY = process.env.TALLYLIGHT ?? join(process.env.HOME, ".cache/tallylight/target/debug/tallylight");

/** The environment without settings that the developer may have. */
const environment = () => Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("TALLYLIGHT")));

/** Settings as the environment carries them. */
const asVariables = (settings) =>
  Object.fromEntries(Object.entries(settings).map(([name, value]) => [`TALLYLIGHT_${name.toUpperCase()}`, String(value)]));

/** Starts the binary, with nothing taken for granted. */
export function runBinary(args, { settings = {}, cwd } = {}) {
  return new Process(BINARY, args, { cwd, env: { ...environment(), ...asVariables(settings) } });
}

/** Lines that were cut for the way (RFC 2045 §6.7) are put together. */
const legible = (mail) => (/quoted-printable/i.test(mail) ? mail.replaceAll("=\r\n", "").replaceAll("=3D", "=") : mail);

/** The real server on free ports, with a data folder of its own. */
export class Server {
  /** Starts one that stops with the test, and is then asked whether all went well. */
  static async start(t, settings = {}) {
    const server = new Server(await temporaryFolder(t), settings);
    atEnd(t, () => server.close());
    await server.launch();
    return server;
  }

  constructor(folder, settings) {
    this.folder = folder;
    this.settings = settings;
  }

  get log() {
    return this.process.stderr;
  }

  async launch({ http = "127.0.0.1:0", rtmp = "127.0.0.1:0" } = {}) {
    const args = ["--listen", http, "--rtmp-listen", rtmp, "--data-dir", join(this.folder, "data")];
    // A disk that stands still for a moment under other tests is no outage.
    const settings = { database_timeout: 60, ...this.settings };
    this.process = runBinary(args, { settings, cwd: this.folder });
    await until("the server says where it is", () => {
      assert.ok(this.process.runs, `the server ended: ${this.log}`);
      return /Encoders\s+rtmp:.*\n/.test(this.log);
    });
    this.url = this.log.match(/Home page\s+(https?:\/\/\S+)\//)[1];
    this.rtmpUrl = this.log.match(/Encoders\s+(rtmp:\/\/\S+)/)[1];
    this.setupToken = this.log.match(/\/setup#token=(\S+)/)?.[1];
    this.anyone = new Api(this.url);
  }

  get ports() {
    return { http: new URL(this.url).host, rtmp: new URL(this.rtmpUrl).host };
  }

  /** A crash, and a start on the same ports and data. */
  async crashAndRestart() {
    await this.process.kill("SIGKILL");
    this.checkLog();
    await this.launch(this.ports);
  }

  async close() {
    if (!this.process) return;
    const exit = await this.process.kill("SIGTERM");
    this.checkLog();
    assert.deepEqual(exit, { code: 0, signal: null }, `the server did not stop well:\n${this.log}`);
  }

  checkLog() {
    const bad = this.log.split("\n").filter((line) => /\bERROR\b|panicked/.test(line));
    assert.deepEqual(bad, [], "the server logged errors");
  }

  /** The newest mail that waits in the server's folder for somebody, and has this subject. */
  mailTo(address, subject) {
    const folder = join(this.folder, "data", "mail");
    return until(`${address} has mail`, async () => {
      const names = await readdir(folder).catch(() => []);
      const mails = await Promise.all(names.sort().map(async (name) => legible(await readFile(join(folder, name), "utf8"))));
      return mails.findLast((mail) => mail.includes(`To: ${address}`) && mail.includes(`Subject: ${subject}`));
    });
  }

  /** Makes the first administrator. */
  async administrator() {
    const account = { username: "root", email: "root@example.org", password: "root's long password" };
    const { body } = await this.anyone.post("/api/auth/setup", { setup_token: this.setupToken, ...account }).expect(201);
    return new Api(this.url, { token: body.access_token });
  }

  /** Makes an account and signs it in. */
  async register(username) {
    const account = { username, email: `${username}@example.org`, password: `${username}'s long password` };
    const { body } = await this.anyone.post("/api/auth/register", account).expect(201);
    return new Api(this.url, { token: body.access_token, ...account, id: body.user.id });
  }
}
