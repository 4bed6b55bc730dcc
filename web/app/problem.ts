import { plural } from "../elements/format.js";

/** An answer of the API that says no (RFC 9457). */
export class ApiProblem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    title: string,
    readonly detail: string = "",
    readonly fields: ReadonlyMap<string, string> = new Map(),
    readonly retryAfter?: number,
  ) {
    super(title);
  }

  /** One sentence for a person. */
  get sentence(): string {
    if (this.status === 429) return `Too many attempts. Try again in ${this.wait}.`;
    if (this.code === "foreign-origin") return "This page was not opened at the server's own address. Open it there and try again.";
    if (this.code === "insufficient-scope") return "The API key may not do this. Make one that has the scope it lacks.";
    return asSentence(this.detail || this.message);
  }

  private get wait(): string {
    const seconds = Math.ceil((this.retryAfter ?? 0) / 1000);
    if (!seconds) return "a moment";
    return seconds < 90 ? plural(seconds, "second") : plural(Math.ceil(seconds / 60), "minute");
  }
}

/** The API writes as programs log, in small letters and without a full stop. */
function asSentence(text: string): string {
  const told = text.charAt(0).toUpperCase() + text.slice(1);
  return told.replace(TIME, (time) => new Date(time).toLocaleString([], { dateStyle: "medium", timeStyle: "short" })).replace(/([^.!?…])$/, "$1.");
}

const TIME = /\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)/g;

interface ProblemBody {
  code?: string;
  title?: string;
  detail?: string;
  errors?: { field: string; message: string }[];
}

/** The problem in a response, also when a proxy answered with something else. */
export async function readProblem(response: Response): Promise<ApiProblem> {
  let body: ProblemBody = {};
  try {
    body = await response.json();
  } catch {
    // An answer without JSON has only its status to say.
  }
  const fields = new Map((body.errors ?? []).map(({ field, message }) => [field.replace(/^\//, ""), message]));
  const seconds = Number(response.headers.get("retry-after"));
  const retryAfter = seconds > 0 ? seconds * 1000 : undefined;
  const title = body.title ?? `The server answered ${response.status}.`;
  return new ApiProblem(response.status, body.code ?? `http-${response.status}`, title, body.detail, fields, retryAfter);
}

/** What to tell a person about any failure of a call. */
export function sentenceOf(error: unknown): string {
  if (error instanceof ApiProblem) return error.sentence;
  return navigator.onLine ? "The server cannot be reached. Try again in a moment." : "You are offline.";
}
