import { html, nothing } from "lit";
import { property } from "lit/decorators.js";
import { login, register, setUp } from "./auth.js";
import { NO_ERRORS } from "./form.js";
import { FormElement } from "./form-element.js";

type Mode = "sign-in" | "register" | "setup";

/** What a new password must be. */
export const PASSWORD_HINT = "At least 8 characters.";

/**
 * Signing in, registering, and creating the administrator.
 *
 * @fires signed-in
 */
export class AccountForm extends FormElement {
  @property() mode: Mode = "sign-in";
  /** The one-time token of the set-up link. */
  @property({ attribute: false }) setupToken = "";
  protected readonly fields = ["login", "username", "display_name", "email", "password"];

  protected override render() {
    const fresh = this.mode !== "sign-in";
    return this.form(
      html`${fresh ? this.newAccount() : this.input("login", "Username or e-mail", { autocomplete: "username" })}
      ${this.input("password", "Password", {
        type: "password",
        autocomplete: fresh ? "new-password" : "current-password",
        hint: fresh ? PASSWORD_HINT : undefined,
      })}`,
      { "sign-in": "Sign in", register: "Create account", setup: "Create administrator" }[this.mode],
      { after: this.mode === "setup" ? nothing : this.other() },
    );
  }

  protected override async send({ login: name = "", username = "", display_name, email = "", password = "" }: Record<string, string>): Promise<string> {
    const account = { username: username.trim(), email: email.trim(), password, ...(display_name?.trim() && { display_name: display_name.trim() }) };
    if (this.mode === "sign-in") await login(name.trim(), password);
    else if (this.mode === "setup") await setUp({ setup_token: this.setupToken, ...account });
    else await register(account);
    this.dispatchEvent(new CustomEvent("signed-in", { bubbles: true, composed: true }));
    return "";
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
    const signsIn = this.mode === "sign-in";
    return html`<p class="aside">
        ${signsIn ? "New here?" : "Have an account?"}
        <button type="button" class="link" @click=${change}>${signsIn ? "Create an account" : "Sign in"}</button>
      </p>
      ${signsIn ? html`<p class="aside"><a class="link" href="/forgot">Forgot your password?</a></p>` : nothing}`;
  }
}

customElements.define("tl-account-form", AccountForm);
