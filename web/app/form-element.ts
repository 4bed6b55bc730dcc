import "../styles/forms.css";
import { html, nothing } from "lit";
import { state } from "lit/decorators.js";
import { NO_ERRORS, field, focusFirstError, formErrors, formMessage, valuesOf, type FormErrors } from "./form.js";
import { PageElement } from "./page.js";

interface InputOptions {
  type?: string;
  value?: string;
  autocomplete?: string;
  hint?: unknown;
  optional?: boolean;
  maxlength?: number;
}

interface FormOptions {
  /** Of the button that sends it. */
  look?: "primary" | "danger" | "";
  beside?: unknown;
  after?: unknown;
}

/** A form of text fields: says what is missing or refused at the field, and that all went well. */
export abstract class FormElement extends PageElement {
  @state() protected errors: FormErrors = NO_ERRORS;
  @state() protected busy = false;
  /** What was done, until the next try. */
  @state() protected done = "";

  /** The names of the fields that the API may complain about. */
  protected abstract readonly fields: readonly string[];

  /** Does it; what to say once it is done. */
  protected abstract send(values: Record<string, string>): Promise<string>;

  protected form(content: unknown, action: string, { look = "primary", beside = nothing, after = nothing }: FormOptions = {}) {
    return html`<form class="stack" novalidate @submit=${this.submit} aria-busy=${this.busy}>
      ${formMessage(this.errors)}${content}
      <div class="row form-end">
        <button class="button ${look}" ?disabled=${this.busy}>${this.busy ? html`<span class="spinner small"></span>` : nothing}${action}</button>${beside}
        <p class="form-done" role="status">${this.done}</p>
      </div>
      ${after}
    </form>`;
  }

  protected input(name: string, label: string, { type = "text", value, autocomplete = "off", hint, optional, maxlength }: InputOptions = {}) {
    return field({
      name,
      label,
      hint,
      optional,
      scope: this.localName,
      errors: this.errors,
      control: ({ id, describedby, invalid }) => html`<input
        id=${id}
        name=${name}
        type=${type}
        value=${value ?? nothing}
        maxlength=${maxlength ?? nothing}
        autocomplete=${autocomplete}
        autocapitalize="none"
        spellcheck="false"
        ?required=${!optional}
        aria-describedby=${describedby}
        aria-invalid=${invalid}
      />`,
    });
  }

  /** Complains about fields; nothing was done. */
  protected refuse(fields: Record<string, string>): "" {
    this.errors = { form: "", fields: new Map(Object.entries(fields)) };
    void focusFirstError(this);
    return "";
  }

  private readonly submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const form = event.target as HTMLFormElement;
    const missing = [...form.elements].filter(
      (input): input is HTMLInputElement => input instanceof HTMLInputElement && input.required && !input.value.trim(),
    );
    this.done = "";
    this.refuse(Object.fromEntries(missing.map(({ name }) => [name, "This is needed."])));
    if (missing.length > 0) return;
    this.busy = true;
    try {
      this.done = await this.send(valuesOf(form));
      if (this.done) for (const secret of form.querySelectorAll<HTMLInputElement>("[type=password]")) secret.value = "";
    } catch (error) {
      this.errors = formErrors(error, this.fields);
      void focusFirstError(this);
    } finally {
      this.busy = false;
    }
  };
}
