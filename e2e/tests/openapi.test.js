import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
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
  "a broadcaster's key": async (server) => keyOf(await server.register("carol"), (scope) => !scope.startsWith("admin:")),
  "an administrator's key": async (server) => keyOf(await server.administrator()),
};

/** All scopes that there are, as the server's source has them. */
const SCOPES = [...readFileSync(new URL("../../crates/core/src/scope.rs", import.meta.url), "utf8").matchAll(/^ {4}\w+ = "(.+)";$/gm)].map(([, name]) => name);

/** A key differs from its owner in what it may do, not in how requests are read: good ones tell, and few of them. */
const OF_KEYS = { examples: process.env.FUZZ_EXAMPLES ?? "2", mode: "positive", phases: "examples,coverage,fuzzing" };

/** A key with all scopes that its owner's may have. */
async function keyOf(owner, may = () => true) {
  const { body } = await owner.post("/api/keys", { name: "All of them", scopes: SCOPES.filter(may) }).expect(201);
  return body.key;
}

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
      const how = role.endsWith("key") ? OF_KEYS : { examples: EXAMPLES };
      const { code, report } = await schemathesis(t, server, { token, somebody: bob.username, ...how });
      assert.equal(code, 0, report);
      t.diagnostic(report.match(/^Test cases:\n(.*)$/m)?.[1].trim());
    });
  }
});
