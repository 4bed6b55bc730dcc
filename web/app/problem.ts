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
    if (this.status === 429) return "Too many attempts. Wait a moment and try again.";
    return this.detail || this.message;
  }
}

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
