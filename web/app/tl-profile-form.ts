import { html } from "lit";
import { property } from "lit/decorators.js";
import { account, type Account } from "./account-api.js";
import { FormElement } from "./form-element.js";

/**
 * How one is shown to others, and what the lasting key calls a broadcast.
 *
 * @fires account - `detail` is the account as it is now.
 */
export class ProfileForm extends FormElement {
  @property({ attribute: false }) account!: Account;
  protected readonly fields = ["display_name", "default_title"];

  protected override render() {
    const { username, display_name, default_title } = this.account;
    return this.form(
      html`<div class="columns">
        ${this.input("display_name", "Display name", {
          value: display_name ?? "",
          autocomplete: "name",
          maxlength: 64,
          hint: html`Your username is <b>${username}</b>, and stays.`,
        })}
        ${this.input("default_title", "Default title", {
          value: default_title ?? "",
          maxlength: 255,
          optional: true,
          hint: "Of broadcasts that your lasting key begins.",
        })}
      </div>`,
      "Save",
    );
  }

  protected override async send({ display_name = "", default_title = "" }: Record<string, string>): Promise<string> {
    const before = this.account;
    const name = display_name.trim();
    const title = default_title.trim() || null;
    const detail = await account.change({
      ...(name !== before.display_name && { display_name: name }),
      ...(title !== (before.default_title ?? null) && { default_title: title }),
    });
    this.dispatchEvent(new CustomEvent("account", { detail, bubbles: true }));
    return "Saved.";
  }
}

customElements.define("tl-profile-form", ProfileForm);
