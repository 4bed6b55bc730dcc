import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { promisify } from "node:util";
import { atEnd, Process } from "./stage.js";

const run = promisify(execFile);
const QUIET = ["-hide_banner", "-loglevel", "error"];
/** Longer than any test publishes. */
const SECONDS = 60;

let studio;
const recordings = new Map();
after(() => studio && rmSync(studio, { recursive: true }));

/**
 * A generated recording, encoded once per file of tests, so that publishing costs next to nothing. Each picture and
 * each frame of its sweeping tone is unlike every other one, so that what arrives can be told apart.
 */
export function recording({ bFrames = 0 } = {}) {
  if (!recordings.has(bFrames)) recordings.set(bFrames, encode(bFrames));
  return recordings.get(bFrames);
}

async function encode(bFrames) {
  studio ??= mkdtempSync(join(tmpdir(), "tallylight-e2e-studio-"));
  const file = join(studio, `b${bFrames}.flv`);
  const picture = ["-f", "lavfi", "-i", "testsrc2=size=320x180:rate=30"];
  const sound = ["-f", "lavfi", "-i", "aevalsrc='0.2*sin(2*PI*(200+15*t)*t)':s=48000"];
  const h264 = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-b:v", "400k", "-g", "30", "-bf", bFrames];
  const aac = ["-c:a", "aac", "-b:a", "64k", "-ac", "2"];
  await run("ffmpeg", [...QUIET, ...picture, ...sound, "-t", SECONDS, ...h264, ...aac, file].map(String));
  return file;
}

/** ffmpeg as an encoder on air. */
export class Encoder extends Process {
  /** Publishes to a broadcast, in real time, for `seconds` or until it is stopped. */
  static async publish(t, broadcast, { seconds = SECONDS, bFrames, shift, key } = {}) {
    const file = await recording({ bFrames });
    const { rtmp_url: server, stream_key } = broadcast.publish;
    const output = [...(shift ? ["-output_ts_offset", String(shift)] : []), "-f", "flv", `${server}/${key ?? stream_key}`];
    const encoder = new Encoder("ffmpeg", [...QUIET, "-re", "-i", file, "-t", String(seconds), "-c", "copy", ...output]);
    atEnd(t, () => encoder.kill());
    return encoder;
  }

  /** ffmpeg ends; what it printed. */
  async complains() {
    const { code } = await this.ended;
    assert.notEqual(code, 0, "ffmpeg was content");
    return this.stderr;
  }
}

/** ffmpeg as a player that knows nothing of us. */
export function play(t, url) {
  const player = new Process("ffmpeg", [...QUIET, "-i", url, "-c", "copy", "-f", "null", "-"]);
  atEnd(t, () => player.kill());
  return player;
}
