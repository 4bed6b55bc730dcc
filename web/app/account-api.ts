import { call, type Call } from "./api.js";
import { dismissed, fresh, type User } from "./auth.js";
import { readProblem } from "./problem.js";

/** One's own account. */
export interface Account extends User {
  /** What a broadcast is called that the lasting stream key makes. */
  default_title?: string | null;
  created_at?: string;
}

export interface AccountChange {
  display_name?: string;
  default_title?: string | null;
  email?: string;
  password?: string;
  /** Needed for a change of the two above. */
  current_password?: string;
}

/** Where one is signed in. */
export interface SignIn {
  id: string;
  created_at: string;
  used_at: string;
  expires_at: string;
  ip: string | null;
  user_agent: string | null;
  current: boolean;
}

export interface ApiKey {
  id: string;
  name: string;
  /** The last characters of the key. */
  hint?: string;
  scopes: string[];
  created_at: string;
  expires_at: string | null;
  last_used_at: string | null;
  /** In the last 30 days. */
  usage?: { requests: number; refused: number; failed: number };
}

export interface KeyDraft {
  name: string;
  scopes: string[];
  /** Seconds. */
  expires_in?: number;
}

const ME = "/api/users/me";
const SIGN_INS = "/api/auth/sessions";
const KEYS = "/api/keys";
const one = (of: string, id: string) => `${of}/${encodeURIComponent(id)}`;
const DELETE: Call = { method: "DELETE" };

export const account = {
  read: () => call<Account>(ME),
  change: (change: AccountChange) => call<Account>(ME, { method: "PATCH", body: change }),
  signIns: () => call<{ items: SignIn[] }>(`${SIGN_INS}?limit=100`),
  endSignIn: (id: string) => call<void>(one(SIGN_INS, id), DELETE),
  endOtherSignIns: () => call<void>(SIGN_INS, DELETE),
  keys: () => call<{ items: ApiKey[] }>(`${KEYS}?limit=100`),
  /** The answer is the only one that has the key itself. */
  makeKey: (draft: KeyDraft) => call<ApiKey & { key: string }>(KEYS, { method: "POST", body: draft }),
  revokeKey: (id: string) => call<void>(one(KEYS, id), DELETE),

  /** Everything that is kept about oneself; it may be large, so nothing hurries it. */
  async export(): Promise<Blob> {
    await fresh();
    const response = await fetch(`${ME}/export`);
    if (!response.ok) throw await readProblem(response);
    return response.blob();
  },

  /** Deletes the account, and with it this sign-in. */
  async erase(password: string): Promise<void> {
    await call<void>(ME, { method: "DELETE", body: { password } });
    await dismissed("Your account has been deleted.");
  },
};
