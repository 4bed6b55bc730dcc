import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { schemathesis } from "../support/schemathesis.js";
import { Server } from "../support/server.js";

/** How many requests are made up for each operation, beside those that follow from its description. */
const EXAMPLES = process.env.FUZZ_EXAMPLES ?? "8";

/** As whom the API is asked, and how that one gets a token. */
const ROLES = {
  anonymous: () => undefined,
  viewer: (server) => as(server, "viewer"),
  broadcaster: async (server) => (await server.register("carol")).token,
  moderator: (server) => as(server, "moderator"),
  admin: async (server) => (await server.administrator()).token,
};

/** Somebody to whom an administrator gave a role. */
async function as(server, role) {
  const [root, carol] = [await server.administrator(), await server.register("carol")];
  const answer = await fetch(`${server.url}/api/admin/users/${carol.id}`, {
    method: "PATCH",
    headers: { authorization: `Bearer ${root.token}`, "content-type": "application/json" },
    body: JSON.stringify({ role }),
  });
  assert.equal(answer.status, 200, await answer.text());
  return carol.token;
}

/** Nothing here is about how fast one may be. */
const UNHURRIED = { chat_interval: 0, reaction_interval: 0, max_open_broadcasts: 1_000_000, rate_limits: false, access_token_lifetime: 86_400 };

describe("the API is what its description says, whatever it is asked", { concurrency: 2 }, () => {
  for (const [role, signIn] of Object.entries(ROLES)) {
    test(`as ${role}`, async (t) => {
      const server = await Server.start(t, UNHURRIED);
      const token = await signIn(server);
      const bob = await server.register("bob");
      await bob.creates("Somebody else's");
      const { code, report } = await schemathesis(t, server, { token, examples: EXAMPLES, somebody: bob.username });
      assert.equal(code, 0, report);
      t.diagnostic(report.match(/^Test cases:\n(.*)$/m)?.[1].trim());
    });
  }
});
