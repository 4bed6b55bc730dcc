import { html } from "lit";
import { property } from "lit/decorators.js";
import type { Account } from "./account-api.js";
import { changeCredentials } from "./credentials.js";
import { FormElement } from "./form-element.js";
import { PASSWORD_HINT } from "./tl-account-form.js";

/** A new password, against the one before. */
export class PasswordForm extends FormElement {
  @property({ attribute: false }) account!: Account;
  protected readonly fields = ["password", "current_password"];

  protected override render() {
    return this.form(
      html`<input class="visually-hidden" type="text" name="username" autocomplete="username" .value=${this.account.username} tabindex="-1" aria-hidden="true" readonly />
        ${this.input("password", "New password", { type: "password", autocomplete: "new-password", hint: `${PASSWORD_HINT} All other sign-ins end.` })}
        ${this.input("current_password", "Your password now", { type: "password", autocomplete: "current-password" })}`,
      "Change password",
      { look: "" },
    );
  }

  protected override async send({ password = "", current_password = "" }: Record<string, string>): Promise<string> {
    await changeCredentials({ password, current_password });
    this.dispatchEvent(new CustomEvent("sign-ins", { bubbles: true }));
    return "Changed.";
  }
}

customElements.define("tl-password-form", PasswordForm);
