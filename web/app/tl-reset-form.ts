import { html } from "lit";
import { property } from "lit/decorators.js";
import { resetPassword } from "./auth.js";
import { FormElement } from "./form-element.js";
import { ApiProblem } from "./problem.js";
import { PASSWORD_HINT } from "./tl-account-form.js";

/**
 * Takes a new password, twice.
 *
 * @fires chosen
 * @fires void - the token is good for nothing.
 */
export class ResetForm extends FormElement {
  @property({ attribute: false }) token = "";
  protected readonly fields = ["password"];

  protected override render() {
    return this.form(
      html`${this.input("password", "New password", { type: "password", autocomplete: "new-password", hint: PASSWORD_HINT })}
      ${this.input("again", "The same again", { type: "password", autocomplete: "new-password" })}`,
      "Change the password",
    );
  }

  protected override async send({ password = "", again }: Record<string, string>): Promise<string> {
    if (password !== again) return this.refuse({ again: "This is not the same." });
    try {
      await resetPassword(this.token, password);
      this.dispatchEvent(new CustomEvent("chosen"));
    } catch (error) {
      if (!isVoid(error)) throw error;
      this.dispatchEvent(new CustomEvent("void"));
    }
    return "";
  }
}

const isVoid = (error: unknown): boolean => error instanceof ApiProblem && ([400, 401, 404, 410].includes(error.status) || error.fields.has("token"));

customElements.define("tl-reset-form", ResetForm);
