import { expect, it } from "vitest";
import { listingParams } from "./session-source.js";
import { onAir, type Session } from "./session.js";

const query = { filter: "public", q: "", sort: "", order: "", max: 20 };
const params = (change: Partial<typeof query>, offset = 0) => listingParams({ ...query, ...change }, offset).toString();

it("asks in the words of the API", () => {
  expect(params({})).toBe("visibility=public&limit=20");
  expect(params({ filter: "featured", max: 3 })).toBe("visibility=public&featured=true&limit=3");
  expect(params({ filter: "category:gaming", q: " chess ", sort: "title" })).toBe(
    "visibility=public&category=gaming&q=chess&sort=title&order=asc&limit=20",
  );
  expect(params({ filter: "tag:a:b", sort: "started_at" })).toBe("visibility=public&tag=a%3Ab&sort=started_at&order=desc&limit=20");
  expect(params({ filter: "user:maya" })).toBe("visibility=public&user=maya&limit=20");
  expect(params({ filter: "nonsense" })).toBe("visibility=public&limit=20");
});

it("asks for more than a page in pages", () => {
  expect(params({ max: 150 })).toBe("visibility=public&limit=100");
  expect(params({ max: 150 }, 100)).toBe("visibility=public&limit=50&offset=100");
});

it("tells what the lamp says", () => {
  const base = "https://live.example.org/";
  const session = (change: Partial<Session>) => ({ status: "active", hls_url: `${base}hls/1.m3u8`, ...change }) as Session;
  const seen = [
    session({ ingest: { state: "live" } }),
    session({ ingest: { state: "idle" } }),
    session({ ingest: { state: "idle" }, hls_url: "https://cdn.example.com/1.m3u8" }),
    session({ status: "paused", ingest: { state: "live" } }),
    session({ status: "paused", ingest: { state: "interrupted" } }),
    session({ ingest: null }),
    session({ status: "ended", ingest: { state: "ended" } }),
  ].map((session) => onAir(session, base));
  expect(seen).toEqual(["live", "starting", "live", "paused", "reconnecting", "live", "ended"]);
});
