import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { python } from "../support/python.js";
import { BINARY } from "../support/server.js";
import { atEnd, Process, temporaryFolder } from "../support/stage.js";
import { until } from "../support/until.js";

const ECHO = join(dirname(BINARY), "examples/echo");
/** Framing, pings, reserved bits, opcodes, fragments, UTF-8, closing, large messages, and one in many small pieces. */
const GROUPS = [1, 2, 3, 4, 5, 6, 7, 9, 10];
const KOSOKU = "from kosoku._cli import main; main()";

test("the framing of the live feed passes every case of the WebSocket conformance suite", { timeout: 300_000 }, async (t) => {
  const echo = new Process(ECHO, ["127.0.0.1:0"]);
  atEnd(t, () => echo.kill());
  const address = await until("the echo server listens", () => echo.stdout.trim());
  const folder = await temporaryFolder(t);
  const cases = GROUPS.flatMap((group) => ["--include", `${group}.*`]);
  const suite = new Process(await python(), ["-c", KOSOKU, "--parallelism", "4", "--outdir", folder, ...cases, `ws://${address}`]);
  atEnd(t, () => suite.kill());
  const { code } = await suite.ended;
  assert.equal(code, 0, suite.stderr);

  const [results] = Object.values(JSON.parse(await readFile(join(folder, "index.json"), "utf8")));
  const bad = Object.entries(results).filter(([, { behavior, behaviorClose }]) => ![behavior, behaviorClose].every((is) => /^(OK|INFORMATIONAL)$/.test(is)));
  assert.deepEqual(bad, []);
  assert.ok(Object.keys(results).length >= 300, "the whole suite has run");
  assert.ok(echo.runs, "the server has survived it");
});
