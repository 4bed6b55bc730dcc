import { askForReset } from "./auth.js";
import { FormElement } from "./form-element.js";

/**
 * Asks for a link by which a new password is chosen.
 *
 * @fires asked - `detail` is for whom.
 */
export class ForgotForm extends FormElement {
  protected readonly fields = ["login"];

  protected override render() {
    return this.form(this.input("login", "Username or e-mail", { autocomplete: "username" }), "Send the link");
  }

  protected override async send({ login = "" }: Record<string, string>): Promise<string> {
    await askForReset(login.trim());
    this.dispatchEvent(new CustomEvent("asked", { detail: login.trim() }));
    return "";
  }
}

customElements.define("tl-forgot-form", ForgotForm);
