import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** What viewers told of playback so far: the sums of a session, or nothing while none are on disk. */
export async function quality(server, { id }) {
  const sums = "SUM(viewers) viewers, SUM(startup_ms) startup_ms, SUM(played_ms) played_ms, SUM(stalls) stalls";
  const query = `SELECT ${sums} FROM session_quality WHERE session_id = x'${id.replaceAll("-", "")}' HAVING COUNT(*) > 0`;
  const { stdout } = await run("sqlite3", ["-readonly", "-json", join(server.folder, "data", "tallylight.db"), query]);
  return stdout ? JSON.parse(stdout)[0] : undefined;
}
