import { REACTIONS, api, type Ban, type LogEvent, type Reaction } from "./api.js";
import { ApiProblem, sentenceOf } from "./problem.js";

export type Role = "owner" | "moderator" | "admin" | "viewer";

export interface ChatMessage {
  id: string;
  seq: number;
  at: number;
  /** Empty once removed. */
  text: string;
  user: string;
  name: string;
  role: Role;
  removed: boolean;
}

/** Said by this page to this person alone, between the messages. */
export interface Notice {
  text: string;
  /** Shown after the message with this number. */
  after: number;
  undo?: () => Promise<void>;
}

/** Why nothing can be said, and until when, if that is known. */
export interface Hold {
  kind: "slow" | "banned" | "closed";
  until?: number;
}

/** The most that is kept and shown. */
export const MOST = 200;
/** The most that a message may have, in characters as people count them, nearly. */
export const LONGEST = 500;
export const lengthOf = (text: string): number => [...text].length;

const SLOW = 2000;

/**
 * What is said and shown in one broadcast. It is told of events by whoever has the feed, and sends over HTTP, whose
 * answers say best what is wrong.
 *
 * @fires change - something to show changed.
 * @fires reaction - somebody reacted; `detail` is its name.
 */
export class ChatRoom extends EventTarget {
  messages: ChatMessage[] = [];
  notice: Notice | undefined;
  hold: Hold | undefined;
  /** Whether what was said before has been read. */
  isFilled = false;
  /** Lets somebody who is not signed in react. */
  viewerToken: string | undefined;
  private readonly seen = new Set<string>();
  private ending: ReturnType<typeof setTimeout> | undefined;

  constructor(readonly id: string) {
    super();
  }

  /** Begins anew with these, after something may have been missed. */
  fill(events: LogEvent[]): void {
    this.messages = [];
    this.isFilled = true;
    for (const event of events) this.add(event);
    this.changed();
  }

  /** Reads what was said last, as long as there is no feed to tell it. */
  async load(): Promise<void> {
    const { items } = await api.chat(this.id);
    this.isFilled = true;
    for (const event of items) this.add(event);
    this.changed();
  }

  take(event: LogEvent): void {
    if (event.type === "reaction") this.reacted(event);
    else if (event.type === "chat.deleted") this.strike(String(event.data.message_id));
    else if (event.type === "chat.message") this.add(event);
    else return;
    this.changed();
  }

  /** Says something; whether it was said. What went wrong is told as a sentence, or is a hold. */
  async say(text: string): Promise<string | undefined> {
    try {
      this.take(await api.say(this.id, text));
      return undefined;
    } catch (error) {
      return this.refused(error);
    }
  }

  async react(reaction: Reaction): Promise<ApiProblem | undefined> {
    try {
      this.take(await api.react(this.id, reaction, this.viewerToken));
      return undefined;
    } catch (error) {
      return error instanceof ApiProblem ? error : new ApiProblem(0, "away", sentenceOf(error));
    }
  }

  async remove(message: ChatMessage): Promise<void> {
    await this.attempt(async () => {
      await api.unsay(this.id, message.id);
      this.strike(message.id);
    });
  }

  /** Silences somebody for some seconds, or for good. */
  async ban({ user, name }: ChatMessage, seconds?: number): Promise<void> {
    await this.attempt(async () => {
      const ban = await api.ban(this.id, user, seconds);
      const text = seconds ? `${name} cannot write for ${Math.round(seconds / 60)} minutes.` : `${name} is banned from your chat.`;
      this.tellAside(text, () => this.unban(ban, name));
    });
  }

  /** The broadcast has ended: nothing more can be said. */
  close(): void {
    if (this.hold?.kind !== "closed") this.holdFor({ kind: "closed" });
  }

  private unban(ban: Ban, name: string): Promise<void> {
    return this.attempt(async () => {
      await api.unban(this.id, ban.user_id);
      this.tellAside(`${name} may write again.`);
    });
  }

  private async attempt(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.tellAside(sentenceOf(error));
    }
    this.changed();
  }

  private tellAside(text: string, undo?: () => Promise<void>): void {
    this.notice = { text, undo, after: this.messages.at(-1)?.seq ?? 0 };
    this.changed();
  }

  private refused(error: unknown): string | undefined {
    if (!(error instanceof ApiProblem)) return sentenceOf(error);
    if (error.status === 429) this.holdFor({ kind: "slow", until: Date.now() + (error.retryAfter ?? SLOW) });
    else if (error.code === "banned") this.holdFor({ kind: "banned", until: timeIn(error.detail) });
    else if (error.code === "broadcast-ended") this.holdFor({ kind: "closed" });
    else return error.fields.get("text") ?? error.sentence;
    return undefined;
  }

  private holdFor(hold: Hold): void {
    this.hold = hold;
    clearTimeout(this.ending);
    // A timer cannot wait longer than 24 days; who has that much time left loads the page again.
    const left = Math.min((hold.until ?? Infinity) - Date.now(), 2 ** 31 - 1);
    if (hold.until !== undefined) this.ending = setTimeout(() => this.release(hold), left);
    this.changed();
  }

  private release(hold: Hold): void {
    if (this.hold !== hold) return;
    this.hold = undefined;
    this.changed();
  }

  private reacted({ id, data }: LogEvent): void {
    const reaction = REACTIONS.find((name) => name === data.reaction);
    // One's own comes twice, as the answer and over the feed.
    if (!reaction || this.seen.has(id)) return;
    if (this.seen.size > 2 * MOST) this.seen.clear();
    this.seen.add(id);
    this.dispatchEvent(new CustomEvent("reaction", { detail: reaction }));
  }

  private add(event: LogEvent): void {
    // What was removed before one came leaves no trace: the feed does not tell of it either.
    if (event.data.deleted) return this.strike(event.id);
    const at = this.messages.findLastIndex(({ seq }) => seq <= event.seq);
    if (this.messages[at]?.seq === event.seq) return;
    this.messages = [...this.messages.slice(0, at + 1), messageOf(event), ...this.messages.slice(at + 1)].slice(-MOST);
  }

  private strike(id: string): void {
    this.messages = this.messages.map((message) => (message.id === id ? { ...message, text: "", removed: true } : message));
  }

  private changed(): void {
    this.dispatchEvent(new Event("change"));
  }
}

function messageOf({ id, seq, created_at, data }: LogEvent): ChatMessage {
  const text = (value: unknown): string => (typeof value === "string" ? value : "");
  const user = text(data.user);
  return {
    id,
    seq,
    at: Date.parse(created_at),
    text: text(data.text),
    user,
    name: text(data.display_name).trim() || user,
    role: (text(data.role) || "viewer") as Role,
    removed: false,
  };
}

/** The time that a sentence of the server names. */
function timeIn(sentence: string): number | undefined {
  const time = /\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)/.exec(sentence)?.[0];
  return time ? Date.parse(time) : undefined;
}
