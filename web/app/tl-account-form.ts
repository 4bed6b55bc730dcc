import "../styles/forms.css";
import { html, nothing } from "lit";
import { property, state } from "lit/decorators.js";
import { login, register, setUp } from "./auth.js";
import { NO_ERRORS, field, focusFirstError, formErrors, formMessage, valuesOf, type FormErrors } from "./form.js";
import { PageElement } from "./page.js";

type Mode = "sign-in" | "register" | "setup";

const FIELDS = ["login", "username", "display_name", "email", "password"];

/**
 * Signing in, registering, and creating the administrator.
 *
 * @fires signed-in
 */
export class AccountForm extends PageElement {
  @property() mode: Mode = "sign-in";
  /** The one-time token of the set-up link. */
  @property({ attribute: false }) setupToken = "";
  @state() private errors: FormErrors = NO_ERRORS;
  @state() private busy = false;

  protected override render() {
    const fresh = this.mode !== "sign-in";
    return html`<form class="stack" novalidate @submit=${this.submit} aria-busy=${this.busy}>
      ${formMessage(this.errors)}
      ${fresh ? this.newAccount() : this.input("login", "Username or e-mail", { autocomplete: "username" })}
      ${this.input("password", "Password", {
        type: "password",
        autocomplete: fresh ? "new-password" : "current-password",
        hint: fresh ? "At least 8 characters." : undefined,
      })}
      <button class="button primary large" ?disabled=${this.busy}>${this.busy ? html`<span class="spinner small"></span>` : nothing}${this.action}</button>
      ${this.mode === "setup" ? nothing : this.other()}
    </form>`;
  }

  private get action(): string {
    return { "sign-in": "Sign in", register: "Create account", setup: "Create administrator" }[this.mode];
  }

  private newAccount() {
    return html`
      ${this.input("username", "Username", { autocomplete: "username", hint: "2 to 32 of a–z, 0–9, _ and -." })}
      ${this.input("display_name", "Display name", { autocomplete: "name", optional: true })}
      ${this.input("email", "E-mail", { type: "email", autocomplete: "email" })}
    `;
  }

  private other() {
    const change = () => {
      this.mode = this.mode === "sign-in" ? "register" : "sign-in";
      this.errors = NO_ERRORS;
    };
    return html`<p class="aside">
      ${this.mode === "sign-in" ? "New here?" : "Have an account?"}
      <button type="button" class="link" @click=${change}>${this.mode === "sign-in" ? "Create an account" : "Sign in"}</button>
    </p>`;
  }

  private input(
    name: string,
    label: string,
    { type = "text", autocomplete = "off", hint, optional }: { type?: string; autocomplete?: string; hint?: string; optional?: boolean },
  ) {
    return field({
      name,
      label,
      hint,
      optional,
      errors: this.errors,
      control: ({ id, describedby, invalid }) => html`<input
        id=${id}
        name=${name}
        type=${type}
        autocomplete=${autocomplete}
        autocapitalize="none"
        spellcheck="false"
        ?required=${!optional}
        aria-describedby=${describedby}
        aria-invalid=${invalid}
      />`,
    });
  }

  private readonly submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const values = valuesOf(event.target as HTMLFormElement);
    const missing = [...(event.target as HTMLFormElement).elements].filter(
      (input): input is HTMLInputElement => input instanceof HTMLInputElement && input.required && !input.value.trim(),
    );
    this.errors = { form: "", fields: new Map(missing.map(({ name }) => [name, "This is needed."])) };
    if (missing.length > 0) return focusFirstError(this);
    this.busy = true;
    try {
      await this.send(values);
      this.dispatchEvent(new CustomEvent("signed-in", { bubbles: true, composed: true }));
    } catch (error) {
      this.errors = formErrors(error, FIELDS);
      void focusFirstError(this);
    } finally {
      this.busy = false;
    }
  };

  private send({ login: name = "", username = "", display_name, email = "", password = "" }: Record<string, string>) {
    if (this.mode === "sign-in") return login(name.trim(), password);
    const account = { username: username.trim(), email: email.trim(), password, ...(display_name?.trim() && { display_name: display_name.trim() }) };
    return this.mode === "setup" ? setUp({ setup_token: this.setupToken, ...account }) : register(account);
  }
}

customElements.define("tl-account-form", AccountForm);
