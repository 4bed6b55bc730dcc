// Fails when what was built has outgrown its budget, or would not run under the content security policy.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const dist = new URL("../dist/", import.meta.url).pathname;
const gzipped = (file) => gzipSync(readFileSync(join(dist, file)), { level: 9 }).length;
const kilobytes = (bytes) => `${(bytes / 1024).toFixed(1)} KB`;

/** Every script that a page loads before anybody touches it. */
function scriptsOf(page, seen = new Set()) {
  const visit = (file) => {
    if (seen.has(file)) return;
    seen.add(file);
    const source = readFileSync(join(dist, file), "utf8");
    for (const [, name] of source.matchAll(/(?:from|import)\s*["']\.\/([^"']+\.js)["']/g)) visit(`assets/${name}`);
  };
  const html = readFileSync(join(dist, page), "utf8");
  for (const [, file] of html.matchAll(/(?:src|href)="\/(assets\/[^"]+\.js)"/g)) visit(file);
  return [...seen];
}

const chunks = (name) => readdirSync(join(dist, "assets")).filter((file) => name.test(file) && file.endsWith(".js")).map((file) => `assets/${file}`);

const element = "elements/active-sessions.js";
const besideElement = readdirSync(join(dist, "elements"))
  .filter((name) => name.endsWith(".js"))
  .map((name) => `elements/${name}`)
  .filter((file) => file !== element);

const budgets = [
  { what: element, limit: 12, files: [element] },
  { what: "its live source, loaded later", limit: 3, files: besideElement },
  { what: "home page", limit: 40, files: scriptsOf("index.html") },
  { what: "account page", limit: 40, files: scriptsOf("account.html") },
  { what: "watch page before hls.js", limit: 50, files: scriptsOf("watch.html") },
  { what: "live connection of the pages, loaded later", limit: 25, files: chunks(/^live-feed-/) },
];
let over = false;
for (const { what, limit, files } of budgets) {
  const size = files.reduce((sum, file) => sum + gzipped(file), 0);
  console.log(`${what}: ${kilobytes(size)} of ${limit} KB gzip`);
  over ||= size > limit * 1024;
}
if (scriptsOf("index.html").some((file) => /hls/i.test(file))) {
  console.error("The home page loads hls.js; only the watch page may, and only when it plays.");
  over = true;
}
const staticImport = /(?:from|import)\s*["'`]\.{1,2}\//;
if ([element, ...besideElement].some((file) => staticImport.test(readFileSync(join(dist, file), "utf8")))) {
  console.error("elements/active-sessions.js must be one file, and what it loads later must need nothing of it.");
  over = true;
}
if (besideElement.length !== 1) {
  console.error(`One file is to lie beside elements/active-sessions.js, not ${besideElement.length}.`);
  over = true;
}
for (const page of readdirSync(dist).filter((name) => name.endsWith(".html"))) {
  const html = readFileSync(join(dist, page), "utf8");
  if (/<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=/.test(html)) {
    console.error(`${page} has an inline script, style or handler, which the content security policy refuses.`);
    over = true;
  }
}
// Scalar's reference, on a page of its own, is not ours to change.
const templates = [element, ...besideElement, ...chunks(/^(?!standalone-|hls)/)];
for (const file of templates.filter((name) => /[\s"']style=["'$]/.test(readFileSync(join(dist, name), "utf8")))) {
  console.error(`${file} has a style attribute in a template, which the content security policy refuses.`);
  over = true;
}
if (over) process.exit(1);
