import "../styles/dialog.css";
import { html, render } from "lit";

export interface Question {
  title: string;
  text: string;
  action: string;
  /** The action cannot be undone. */
  grave?: boolean;
}

/** Asks before something that hurts; resolves to whether it shall be done. */
export function confirmed({ title, text, action, grave }: Question): Promise<boolean> {
  const dialog = document.createElement("dialog");
  dialog.className = "dialog";
  dialog.setAttribute("aria-labelledby", "dialog-title");
  render(
    html`<form method="dialog">
      <h2 id="dialog-title">${title}</h2>
      <p>${text}</p>
      <div class="row end">
        <button class="button" value="" autofocus>Cancel</button>
        <button class="button ${grave ? "danger" : "primary"}" value="yes">${action}</button>
      </div>
    </form>`,
    dialog,
  );
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
  });
}
