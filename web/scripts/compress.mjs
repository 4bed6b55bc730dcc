// Compresses what was built once and well, so that the server never has to.
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const dist = new URL("../dist/", import.meta.url).pathname;

// Off in debug builds of the server, which serve everything as it is.
if (process.env.WEB_COMPRESS !== "off") {
  for (const file of readdirSync(dist, { recursive: true })) {
    if (!/\.(js|css|html|svg)$/.test(file)) continue;
    const bytes = readFileSync(join(dist, file));
    const quality = bytes.length > 1_000_000 ? 9 : 11;
    writeFileSync(join(dist, `${file}.br`), brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: quality } }));
    writeFileSync(join(dist, `${file}.gz`), gzipSync(bytes, { level: 9 }));
  }
}
