// Watches a broadcast in headless Chromium and prints how far behind live the picture is:
// node latency.mjs WATCH_PAGE SETTLE_SECONDS SECONDS
//
// The playlist says at which wall clock time each frame reached the server (EXT-X-PROGRAM-DATE-TIME); hls.js says which
// of these times is on screen. Server and browser share a clock, as they share a machine.
import { chromium } from "playwright-core";

const [page, settle, seconds] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];
const EVERY = 100;

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--autoplay-policy=no-user-gesture-required", "--mute-audio"],
});
try {
  const tab = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  await tab.goto(page);
  await tab.waitForFunction(() => document.querySelector("tl-player video")?.currentTime > 0, undefined, { timeout: 60_000 });
  await tab.waitForTimeout(settle * 1000);
  const { behind, stalls } = await tab.evaluate(sample, [seconds * 1000, EVERY]);
  if (behind.length < (seconds * 1000) / EVERY / 2) throw new Error(`only ${behind.length} samples: does it play?`);
  behind.sort((a, b) => a - b);
  const quantile = (q) => (behind[Math.floor((behind.length - 1) * q)] / 1000).toFixed(3);
  console.log(`median_s=${quantile(0.5)} p95_s=${quantile(0.95)} least_s=${quantile(0)} most_s=${quantile(1)} stalls=${stalls}`);
} finally {
  await browser.close();
}

/** In the page: milliseconds behind live, at intervals, and how often the picture stood still for want of media. */
async function sample([time, every]) {
  const player = document.querySelector("tl-player");
  const video = player.querySelector("video");
  const behind = [];
  let stalls = 0;
  video.addEventListener("waiting", () => stalls++);
  const end = performance.now() + time;
  while (performance.now() < end) {
    const shown = player.playback?.hls?.playingDate;
    if (shown) behind.push(Date.now() - shown.getTime());
    await new Promise((resolve) => setTimeout(resolve, every));
  }
  return { behind, stalls };
}
