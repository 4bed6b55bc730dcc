import { html } from "lit";
import { property } from "lit/decorators.js";
import type { Account } from "./account-api.js";
import { changeCredentials } from "./credentials.js";
import { FormElement } from "./form-element.js";

/**
 * A new e-mail address, against the password.
 *
 * @fires account - `detail` is the account as it is now.
 */
export class EmailForm extends FormElement {
  @property({ attribute: false }) account!: Account;
  protected readonly fields = ["email", "current_password"];

  protected override render() {
    return this.form(
      html`${this.input("email", "E-mail", { type: "email", value: this.account.email, autocomplete: "email", hint: "The address you have now is told of the change." })}
      ${this.input("current_password", "Your password", { type: "password", autocomplete: "current-password" })}`,
      "Change e-mail",
      { look: "" },
    );
  }

  protected override async send({ email = "", current_password = "" }: Record<string, string>): Promise<string> {
    if (email.trim() === this.account.email) return this.refuse({ email: "This is the address you have." });
    const detail = await changeCredentials({ email: email.trim(), current_password });
    this.dispatchEvent(new CustomEvent("account", { detail, bubbles: true }));
    return "Changed.";
  }
}

customElements.define("tl-email-form", EmailForm);
