import { html, nothing } from "lit";
import { ApiProblem, sentenceOf } from "./problem.js";

/** What went wrong with a form: at its fields, and as a whole. */
export interface FormErrors {
  fields: ReadonlyMap<string, string>;
  /** For the form as a whole; empty when every complaint has its field. */
  form: string;
}

export const NO_ERRORS: FormErrors = { fields: new Map(), form: "" };

/** Sorts a failure into fields that this form has, and the rest. */
export function formErrors(error: unknown, known: readonly string[]): FormErrors {
  if (!(error instanceof ApiProblem) || error.fields.size === 0) return { fields: new Map(), form: sentenceOf(error) };
  const fields = new Map([...error.fields].filter(([name]) => known.includes(name)));
  const rest = [...error.fields].filter(([name]) => !known.includes(name)).map(([name, message]) => `${name}: ${message}`);
  return { fields, form: rest.join(" ") };
}

interface FieldOptions {
  name: string;
  label: string;
  errors: FormErrors;
  /** Tells fields of the same name in several forms of a page apart. */
  scope?: string;
  /** Shown under the field while nothing is wrong. */
  hint?: unknown;
  optional?: boolean;
  /** The input itself, given the attributes that tie it to label and message. */
  control: (tie: { id: string; describedby: string; invalid: "true" | "false" }) => unknown;
}

/** A label, its input, and a hint or a complaint below. */
export function field({ name, label, errors, scope, hint, optional, control }: FieldOptions) {
  const error = errors.fields.get(name);
  const id = scope ? `${scope}-${name}` : `field-${name}`;
  return html`<div class="field ${error ? "wrong" : ""}">
    <label for=${id}>${label}${optional ? html`<span class="optional">optional</span>` : nothing}</label>
    ${control({ id, describedby: `${id}-note`, invalid: error ? "true" : "false" })}
    <p id="${id}-note" class="note">${error ?? hint ?? nothing}</p>
  </div>`;
}

/** The complaint about a form as a whole. */
export const formMessage = (errors: FormErrors) => (errors.form ? html`<p class="form-error" role="alert">${errors.form}</p>` : nothing);

/** A submitted form as plain strings. */
export const valuesOf = (form: HTMLFormElement): Record<string, string> =>
  Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, String(value)]));

/** Puts the cursor where the first complaint is, once it is drawn. */
export async function focusFirstError(host: HTMLElement & { updateComplete: Promise<unknown> }): Promise<void> {
  await host.updateComplete;
  host.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
}
