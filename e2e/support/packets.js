import assert from "node:assert/strict";
import { atEnd, Process } from "./stage.js";

const FIELDS = "packet=codec_type,pts_time,dts_time,duration_time,flags,data_hash";

/** Reads with ffprobe until the stream ends: one list of packets for each of picture and sound. */
export class Reader extends Process {
  static open(t, url) {
    const args = ["-v", "error", "-show_data_hash", "md5", "-show_entries", FIELDS, "-of", "json", url];
    const reader = new Reader("ffprobe", args);
    atEnd(t, () => reader.kill());
    return reader;
  }

  async packets() {
    const { code } = await this.ended;
    assert.equal(code, 0, this.stderr);
    const all = JSON.parse(this.stdout).packets.map((packet) => ({
      kind: packet.codec_type,
      pts: Number(packet.pts_time),
      dts: Number(packet.dts_time),
      duration: Number(packet.duration_time),
      hash: packet.data_hash,
    }));
    return { video: all.filter(({ kind }) => kind === "video"), audio: all.filter(({ kind }) => kind === "audio"), warnings: this.stderr };
  }
}

/** What every player relies on: decoding times rise, and no picture time comes twice. */
export function checkTimes(packets) {
  packets.forEach(({ dts }, index) => {
    if (index > 0) assert.ok(dts > packets[index - 1].dts, `dts ${dts} comes after ${packets[index - 1].dts}`);
  });
  assert.equal(new Set(packets.map(({ pts }) => pts)).size, packets.length, "a time comes twice");
}

/**
 * Finds each packet in what was sent: they must be the same ones in the same order with none left out. Answers with
 * how many there were from which on, and by how much each was moved in time.
 */
export function trace(sent, received) {
  const first = sent.findIndex(({ hash }) => hash === received[0].hash);
  assert.notEqual(first, -1, "the first packet was never sent");
  const shifts = received.map((packet, index) => {
    assert.equal(packet.hash, sent[first + index]?.hash, `packet ${index} of ${received.length} is not the next one that was sent`);
    return packet.pts - sent[first + index].pts;
  });
  return { first, count: received.length, least: Math.min(...shifts), most: Math.max(...shifts) };
}
