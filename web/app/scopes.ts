import type { User } from "./auth.js";

/** What an API key may be allowed, as `crates/core/src/scope.rs` has it. */
export const SCOPES: [name: string, means: string][] = [
  ["broadcasts:read", "Read your broadcasts, private ones too"],
  ["broadcasts:write", "Create, change and end broadcasts"],
  ["publish", "Read stream keys and make new ones"],
  ["events:read", "Read what happened, and hear it live"],
  ["events:write", "Log events and change metadata"],
  ["analytics:read", "Read analytics"],
  ["viewers:write", "Join for other people"],
  ["chat:write", "Write, react and keep order in chats"],
  ["account:read", "Read your account"],
  ["account:write", "Change your profile"],
];

const ADMIN_SCOPES: typeof SCOPES = [
  ["admin:read", "Read what those see who run the server"],
  ["admin:write", "Run the server: roles, bans, featured broadcasts"],
];

/** Those that somebody may give away. */
export const scopesOf = ({ role }: Pick<User, "role">): typeof SCOPES => (role === "admin" || role === "moderator" ? [...SCOPES, ...ADMIN_SCOPES] : SCOPES);
