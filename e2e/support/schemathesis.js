import { fileURLToPath } from "node:url";
import { python } from "./python.js";
import { atEnd, Process, temporaryFolder } from "./stage.js";

const FOLDER = fileURLToPath(new URL("../python/", import.meta.url));

/**
 * Asks the server all that its OpenAPI document describes, and more, as whoever has this token; what came of it. `mode` is
 * `positive` for good requests alone, `phases` are the ways by which requests are made up.
 */
export async function schemathesis(t, server, { token, examples, somebody, mode = "all", phases = "examples,coverage,fuzzing,stateful" }) {
  const args = ["-m", "schemathesis.cli", "--config-file", `${FOLDER}openapi.toml`, "run", `${server.url}/api/openapi.json`];
  args.push("--no-color", "--max-examples", examples, "--mode", mode, "--phases", phases, ...(token ? ["--header", `Authorization: Bearer ${token}`] : []));
  const env = { ...process.env, PYTHONPATH: FOLDER, PYTHONDONTWRITEBYTECODE: "1", SOMEBODY: somebody };
  const run = new Process(await python(), args, { cwd: await temporaryFolder(t), env });
  atEnd(t, () => run.kill());
  const { code } = await run.ended;
  return { code, report: run.stdout + run.stderr };
}
