import { expect, it } from "vitest";
import { deviceOf, fromNow } from "./device.js";

it.each([
  ["Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36", "Chrome on Linux"],
  ["Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/140.0.0.0 Safari/537.36", "Chrome on Linux"],
  ["Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0", "Edge on Windows"],
  ["Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15", "Safari on macOS"],
  ["Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/140.0 Mobile/15E148 Safari/604.1", "Chrome on iPhone"],
  ["Mozilla/5.0 (Android 15; Mobile; rv:143.0) Gecko/143.0 Firefox/143.0", "Firefox on Android"],
  ["curl/8.5.0", "curl"],
  ["", "Unknown device"],
])("calls %s as people do", (userAgent, name) => expect(deviceOf(userAgent)).toBe(name));

it.each([
  [-5, "just now"],
  [-61, "1 minute ago"],
  [-7_300, "2 hours ago"],
  [-86_400, "yesterday"],
  [3 * 86_400 + 5, "in 3 days"],
  [-800 * 86_400, "2 years ago"],
])("tells %i seconds from now in words", (seconds, text) => {
  const now = Date.parse("2026-11-23T10:00:00Z");
  expect(fromNow(new Date(now + seconds * 1000).toISOString(), now)).toBe(text);
});
