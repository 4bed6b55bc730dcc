import "../styles/forms.css";
import { html, nothing } from "lit";
import { state } from "lit/decorators.js";
import { api, type BroadcastDraft } from "./api.js";
import { NO_ERRORS, field, focusFirstError, formErrors, formMessage, valuesOf, type FormErrors } from "./form.js";
import { INTENTS, labelOf } from "./intents.js";
import { PageElement } from "./page.js";

const FIELDS = ["title", "description", "ai_intent", "tags", "visibility", "max_viewers"];

/** Words as a person types them, between commas, as the API wants them. */
export const splitTags = (text: string): string[] => [...new Set(text.split(/[,\n]/).map((tag) => tag.trim().replace(/^#/, "")).filter(Boolean))];

/**
 * The form for a new broadcast.
 *
 * @fires created - `detail` is the broadcast.
 */
export class NewBroadcast extends PageElement {
  @state() private errors: FormErrors = NO_ERRORS;
  @state() private busy = false;

  protected override render() {
    return html`<form class="stack panel" novalidate @submit=${this.submit}>
      <div>
        <h1>New broadcast</h1>
        <p class="muted">Say what it is about. The next step gives you the address for your encoder.</p>
      </div>
      ${formMessage(this.errors)}
      ${this.field("title", "Title", (tie) => html`<input id=${tie.id} name="title" maxlength="255" required autocomplete="off" placeholder="What are you going to show?" aria-describedby=${tie.describedby} aria-invalid=${tie.invalid} />`)}
      ${this.field("description", "Description", (tie) => html`<textarea id=${tie.id} name="description" rows="3" maxlength="5000" aria-describedby=${tie.describedby} aria-invalid=${tie.invalid}></textarea>`, { optional: true })}
      <div class="columns">
        ${this.field("ai_intent", "Category", (tie) => html`<select id=${tie.id} name="ai_intent" aria-describedby=${tie.describedby} aria-invalid=${tie.invalid}>
            <option value="">None</option>
            ${INTENTS.map((intent) => html`<option value=${intent}>${labelOf(intent)}</option>`)}
          </select>`, { hint: "Where people find it on the home page." })}
        ${this.field("tags", "Tags", (tie) => html`<input id=${tie.id} name="tags" autocomplete="off" placeholder="speedrun, cozy" aria-describedby=${tie.describedby} aria-invalid=${tie.invalid} />`, { optional: true, hint: "Separated by commas." })}
      </div>
      <div class="columns">
        <fieldset class="field">
          <legend>Visibility</legend>
          <div class="segments">
            <label><input type="radio" name="visibility" value="public" checked /><span>Public</span></label>
            <label><input type="radio" name="visibility" value="private" /><span>Private</span></label>
          </div>
          <p class="note">Private ones are on no listing; only you can open them.</p>
        </fieldset>
        ${this.field("max_viewers", "Places", (tie) => html`<input id=${tie.id} name="max_viewers" type="number" inputmode="numeric" min="0" max="10000000" placeholder="No limit" aria-describedby=${tie.describedby} aria-invalid=${tie.invalid} />`, { optional: true, hint: "How many may watch at once." })}
      </div>
      <div class="row">
        <button class="button primary large" ?disabled=${this.busy}>${this.busy ? html`<span class="spinner small"></span>` : nothing}Create broadcast</button>
      </div>
    </form>`;
  }

  private field(name: string, label: string, control: Parameters<typeof field>[0]["control"], more: { hint?: string; optional?: boolean } = {}) {
    return field({ name, label, control, errors: this.errors, ...more });
  }

  private readonly submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const draft = draftOf(valuesOf(event.target as HTMLFormElement));
    this.errors = NO_ERRORS;
    if (!draft.title) {
      this.errors = { form: "", fields: new Map([["title", "Give it a title."]]) };
      return focusFirstError(this);
    }
    this.busy = true;
    try {
      const detail = await api.create(draft);
      this.dispatchEvent(new CustomEvent("created", { detail, bubbles: true }));
    } catch (error) {
      this.errors = formErrors(error, FIELDS);
      void focusFirstError(this);
    } finally {
      this.busy = false;
    }
  };
}

/** What a form says, without what was left empty. */
export function draftOf(values: Record<string, string>): BroadcastDraft {
  const { title = "", description, ai_intent, tags = "", visibility, max_viewers } = values;
  return {
    title: title.trim(),
    ...(description?.trim() && { description: description.trim() }),
    visibility: visibility === "private" ? "private" : "public",
    ...(ai_intent && { ai_intent }),
    tags: splitTags(tags),
    max_viewers: Math.max(0, Math.floor(Number(max_viewers) || 0)),
  };
}

customElements.define("tl-new-broadcast", NewBroadcast);
