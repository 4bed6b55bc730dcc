import "../styles/dialog.css";
import "./tl-account-form.js";
import { html, render } from "lit";
import { icons } from "./icons.js";

/** Lets somebody sign in, or register, without leaving the page; resolves when the dialog is gone. */
export function signIn(why: string): Promise<void> {
  const dialog = document.createElement("dialog");
  dialog.className = "dialog";
  dialog.setAttribute("aria-labelledby", "sign-in-title");
  render(
    html`<button class="icon-button dialog-close" type="button" aria-label="Close" @click=${() => dialog.close()}>${icons.close}</button>
      <h2 id="sign-in-title">${why}</h2>
      <tl-account-form @signed-in=${() => dialog.close()}></tl-account-form>`,
    dialog,
  );
  document.body.append(dialog);
  dialog.showModal();
  dialog.querySelector("input")?.focus();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve();
    });
  });
}
