import assert from "node:assert/strict";
import { until } from "./until.js";

/** Attributes of a tag: `A=1,B="x,y"`. */
function attributes(text) {
  const pairs = [...text.matchAll(/([A-Z0-9-]+)=("([^"]*)"|[^,]*)/g)];
  return Object.fromEntries(pairs.map(([, name, plain, quoted]) => [name, quoted ?? plain]));
}

/** A multivariant playlist: where its variant and its audio are. */
export function parseMultivariant(text, url) {
  const lines = text.trim().split("\n");
  assert.equal(lines[0], "#EXTM3U");
  const at = (uri) => new URL(uri, url).href;
  const audio = lines.find((line) => line.startsWith("#EXT-X-MEDIA:TYPE=AUDIO"));
  const variant = lines.findIndex((line) => line.startsWith("#EXT-X-STREAM-INF:"));
  return {
    variant: { ...attributes(lines[variant]), url: at(lines[variant + 1]) },
    audio: audio && { ...attributes(audio), url: at(attributes(audio).URI) },
  };
}

/** A media playlist with all that a low-latency player looks at. */
export function parseMedia(text, url) {
  const at = (uri) => new URL(uri, url).href;
  const playlist = { text, url, segments: [], parts: [], maps: [], discontinuities: 0, ended: false };
  let next = { parts: [] };
  for (const line of text.trim().split("\n")) {
    const [, tag, value = ""] = line.match(/^#([^:]+):?(.*)$/) ?? [];
    if (tag === undefined) {
      playlist.segments.push({ ...next, url: at(line) });
      next = { parts: [] };
    } else if (tag === "EXT-X-MEDIA-SEQUENCE") playlist.firstMsn = Number(value);
    else if (tag === "EXT-X-TARGETDURATION") playlist.targetDuration = Number(value);
    else if (tag === "EXT-X-SERVER-CONTROL") playlist.control = attributes(value);
    else if (tag === "EXT-X-PART-INF") playlist.partTarget = Number(attributes(value)["PART-TARGET"]);
    else if (tag === "EXTINF") next.duration = Number.parseFloat(value);
    else if (tag === "EXT-X-PROGRAM-DATE-TIME") next.date = Date.parse(value);
    else if (tag === "EXT-X-DISCONTINUITY") (playlist.discontinuities += 1), (next.discontinuity = true);
    else if (tag === "EXT-X-MAP") playlist.maps.push(at(attributes(value).URI));
    else if (tag === "EXT-X-PART") {
      const { DURATION, URI, INDEPENDENT } = attributes(value);
      const part = { duration: Number(DURATION), url: at(URI), independent: INDEPENDENT === "YES" };
      playlist.parts.push(part);
      next.parts.push(part);
    } else if (tag === "EXT-X-PRELOAD-HINT") playlist.hint = at(attributes(value).URI);
    else if (tag === "EXT-X-RENDITION-REPORT") playlist.report = attributes(value);
    else if (tag === "EXT-X-ENDLIST") playlist.ended = true;
  }
  playlist.nextMsn = playlist.firstMsn + playlist.segments.length;
  playlist.openParts = next.parts;
  return playlist;
}

/** Reads the multivariant playlist at an address. */
export async function openAddress(api, url) {
  const { text, headers } = await api.get(url).expect(200);
  assert.equal(headers.get("content-type"), "application/vnd.apple.mpegurl");
  return parseMultivariant(text, url);
}

/** Reads a media playlist. */
export async function readPlaylist(api, url) {
  return parseMedia((await api.get(url).expect(200)).text, url);
}

/** Waits until both renditions have a whole segment: ffmpeg 5.1 reads no parts, and dies of a playlist without segments. */
export function whole(api, url) {
  return until("a segment is complete", async () => {
    const { variant, audio } = await openAddress(api, url);
    const playlists = await Promise.all([variant, audio].map(({ url: one }) => readPlaylist(api, one)));
    return playlists.every(({ segments }) => segments.length > 0) && { variant, audio };
  });
}
