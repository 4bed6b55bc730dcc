// Accounts of the mock server: sign-ins, API keys, a password reset. "wrong" is no password, "void" no token, "slow" is asked too often.
const DAY = 86_400;
const ago = (seconds) => new Date(Date.now() - seconds * 1000).toISOString();
const id = (n) => `019a0000-0000-7000-8000-${String(n).padStart(12, "0")}`;
const problem = (status, code, detail, more = {}) => [status, { type: `/api/problems/${code}`, title: detail, status, code, detail, ...more }, "application/problem+json"];
const wrong = (field, message) => problem(422, "invalid-fields", "Some fields are not right", { errors: [{ field, message }] });

export const user = { id: id(900), username: "maya", display_name: "Maya Okafor", email: "maya@example.org", role: "broadcaster", default_title: "Soldering with Maya", created_at: ago(400 * DAY) };

const AGENTS = [
  "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
  "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1",
  "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:143.0) Gecko/20100101 Firefox/143.0",
  "tally-bot-with-quite-a-long-name/1.4 (+https://example.org/bot)",
];
let signIns = AGENTS.map((user_agent, n) => ({
  id: id(700 + n), created_at: ago((n + 1) * 11 * DAY), used_at: ago(n * 3.4 * DAY + 60), expires_at: ago(-20 * DAY),
  ip: ["203.0.113.7", "2001:db8:85a3::8a2e:370:7334", "198.51.100.24", null][n], user_agent, current: n === 0,
}));
let keys = [
  { id: id(800), name: "Stream deck", hint: "x7Qp", scopes: ["broadcasts:write", "publish"], created_at: ago(90 * DAY), expires_at: null, last_used_at: ago(4000), usage: { requests: 18_204, refused: 3, failed: 0 } },
  { id: id(801), name: "Analytics export for the newsletter, every Monday morning", hint: "9aBc", scopes: ["broadcasts:read", "events:read", "analytics:read", "account:read"], created_at: ago(20 * DAY), expires_at: ago(-12 * DAY), last_used_at: null, usage: { requests: 0, refused: 0, failed: 0 } },
  { id: id(802), name: "Old bot", hint: "Zz01", scopes: ["chat:write"], created_at: ago(300 * DAY), expires_at: ago(3 * DAY), last_used_at: ago(5 * DAY), usage: { requests: 12, refused: 2, failed: 0 } },
];

const signedIn = (status) => [status, { user, expires_in: 900 }];

function auth(method, [noun, which], body) {
  if (noun === "sessions" && method === "GET") return [200, { items: signIns, total: signIns.length }];
  if (noun === "sessions") {
    signIns = signIns.filter((signIn) => (which ? signIn.id !== which : signIn.current));
    return [204];
  }
  if (noun === "logout") return [204];
  if (body.login === "slow") return [...problem(429, "too-many-requests", "too fast"), { "retry-after": "42" }];
  if (noun === "password-reset" && !which) return [202, { detail: "if there is such an account, a mail is on its way" }];
  if (noun === "password-reset") {
    if (body.token === "void") return problem(401, "unauthenticated", "this link was used, or its time is over");
    return body.password.length < 8 ? wrong("password", "must be 8 to 256 characters") : [204];
  }
  if (body.login === "suspended") return problem(403, "suspended", `this account is suspended until ${ago(-2 * DAY)}`);
  if (body.password === "wrong") return problem(401, "invalid-credentials", "The name or the password is not right.");
  if (body.username === "taken") return wrong("username", "is taken");
  return signedIn(noun === "register" || noun === "setup" ? 201 : 200);
}

function me(method, [noun], body) {
  if (noun === "export") return [200, { account: user, sign_ins: signIns, keys }];
  if (noun) return undefined;
  if (body.current_password === "wrong" || (method === "DELETE" && body.password === "wrong")) return problem(403, "forbidden", "the current password is not right");
  if (method === "DELETE") return [204];
  if (body.display_name === "") return wrong("display_name", "must be 1 to 64 characters");
  const { current_password: _, password: __, ...change } = body;
  return [200, Object.assign(user, change)];
}

function keyring(method, [which], body) {
  if (method === "GET") return [200, { items: keys, total: keys.length }];
  if (method === "DELETE") {
    keys = keys.filter((key) => key.id !== which);
    return [204];
  }
  const { expires_in, ...about } = body;
  const key = { id: id(810 + keys.length), hint: "mKw4", created_at: ago(0), expires_at: expires_in ? ago(-expires_in) : null, last_used_at: null, ...about };
  keys = [key, ...keys];
  return [201, { ...key, key: "tl_4fTq8mWvR2sLx9KbN7cYdH3jZpE6aGuVnQwXtMsBrKw4" }];
}

/** The answer to a request about accounts; nothing for any other. */
export function account(method, path, body) {
  const [, , noun, ...rest] = path.split("/");
  if (noun === "auth") return auth(method, rest, body);
  if (noun === "users" && rest[0] === "me") return me(method, rest.slice(1), body);
  return noun === "keys" ? keyring(method, rest, body) : undefined;
}
