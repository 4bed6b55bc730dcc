import { expect, it } from "vitest";
import { linkify } from "./linkify.js";

const links = (text: string) => linkify(text).filter(({ href }) => href).map(({ text }) => text);

it.each([
  ["see https://example.org/a?b=1#c.", ["https://example.org/a?b=1#c"]],
  ["(https://en.wikipedia.org/wiki/Go_(game))", ["https://en.wikipedia.org/wiki/Go_(game)"]],
  ["HTTP://EXAMPLE.ORG, https://b.example!!", ["HTTP://EXAMPLE.ORG", "https://b.example"]],
  ["**https://example.org/x**", ["https://example.org/x"]],
  ["nothing here: ftp://a.example javascript:alert(1) example.org", []],
])("finds the addresses in %s", (text, found) => expect(links(text)).toEqual(found));

it.each([
  `<a href="https://example.org" onclick=alert(1)>x</a>`,
  `<script>alert("https://example.org")</script>`,
  `<img src=x onerror=alert(1)> data:text/html,<b> "https://example.org"`,
  `https://example.org"onmouseover="alert(1)`,
])("makes nothing but text and addresses of %s", (text) => {
  const pieces = linkify(text);
  expect(pieces.map(({ text }) => text).join("")).toBe(text);
  for (const { href } of pieces) if (href) expect(href).toMatch(/^https:\/\/example\.org\/$/);
});

it.each([
  "https://bank.example@evil.example/",
  "https://user:secret@evil.example/",
  "https://example.org/\u202egpj.exe",
  "https://exa\u200bmple.org/",
  "https://",
  "http://[::1",
])("makes no link of what deceives or is none: %s", (text) => expect(links(text)).toEqual([]));

it("takes long texts without taking long", () => {
  const hostile = "https://a" + ")".repeat(500) + " " + "https://".repeat(60);
  expect(linkify(hostile).map(({ text }) => text).join("")).toBe(hostile);
});
