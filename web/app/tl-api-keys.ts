import "./tl-key-form.js";
import "./tl-secret.js";
import { html, nothing } from "lit";
import { property, state } from "lit/decorators.js";
import { formatExact } from "../elements/format.js";
import { account, type Account, type ApiKey } from "./account-api.js";
import { confirmed } from "./confirm.js";
import { fromNow } from "./device.js";
import { icons } from "./icons.js";
import { PageElement } from "./page.js";
import { sentenceOf } from "./problem.js";

type NewKey = ApiKey & { key: string };

/** The keys of one's programs. A key itself is shown once, right after it was made. */
export class ApiKeys extends PageElement {
  @property({ attribute: false }) account!: Account;
  @state() private keys: ApiKey[] | undefined;
  @state() private fresh: NewKey | undefined;
  @state() private isMaking = false;
  @state() private trouble = "";

  override connectedCallback(): void {
    super.connectedCallback();
    void this.load();
  }

  protected override render() {
    return html`
      <p class="muted">Programs send one as <code>Authorization: Bearer</code>, and may do what its scopes say. <a class="link" href="/api/docs">The API</a></p>
      ${this.trouble ? html`<p class="form-error" role="alert">${this.trouble}</p>` : nothing}
      ${this.keys ? this.list(this.keys) : this.trouble ? nothing : html`<div class="skeleton" aria-hidden="true"><i></i></div>`}
      ${this.fresh ? this.shownOnce(this.fresh) : this.isMaking ? this.form() : this.begin()}
    `;
  }

  private begin() {
    return html`<div class="row"><button class="button" type="button" @click=${() => (this.isMaking = true)}>${icons.plus}New key</button></div>`;
  }

  private form() {
    return html`<tl-key-form .account=${this.account} @made=${this.made} @cancel=${() => (this.isMaking = false)}></tl-key-form>`;
  }

  private shownOnce({ name, key }: NewKey) {
    return html`<div class="fresh-key" role="status">
      <p><b>Copy the key “${name}” now.</b> It cannot be shown again.</p>
      <tl-secret label="Key" .value=${key}></tl-secret>
      <div class="row"><button class="button" type="button" @click=${() => (this.fresh = undefined)}>I have it</button></div>
    </div>`;
  }

  private list(keys: ApiKey[]) {
    if (keys.length === 0) return this.isMaking || this.fresh ? nothing : html`<p>You have no keys.</p>`;
    return html`<ul class="rows">
      ${keys.map((key) => this.row(key))}
    </ul>`;
  }

  private row(key: ApiKey) {
    const { name, hint, scopes } = key;
    return html`<li class="row-item">
      <span class="row-icon" aria-hidden="true">${icons.key}</span>
      <span class="row-words">
        <b>${name}${hint ? html` <code class="hint">…${hint}</code>` : nothing}</b>
        <span>${facts(key).join(" · ")}</span>
        <span class="row-tags">${scopes.map((scope) => html`<span class="tag">${scope}</span>`)}</span>
      </span>
      <button class="button danger" type="button" aria-label="Revoke ${name}" @click=${() => this.revoke(key)}>Revoke</button>
    </li>`;
  }

  private async load(): Promise<void> {
    await this.attempt(async () => {
      this.keys = (await account.keys()).items;
    });
  }

  private readonly made = ({ detail }: CustomEvent<NewKey>): void => {
    const { key: _, ...known } = detail;
    this.fresh = detail;
    this.keys = [known, ...(this.keys ?? [])];
    this.isMaking = false;
  };

  private async revoke({ id, name }: ApiKey): Promise<void> {
    const text = "Whatever uses it is refused from now on, and cut off where it listens.";
    if (!(await confirmed({ title: `Revoke “${name}”?`, text, action: "Revoke", grave: true }))) return;
    await this.attempt(async () => {
      await account.revokeKey(id);
      this.keys = this.keys?.filter((key) => key.id !== id);
      if (this.fresh?.id === id) this.fresh = undefined;
    });
  }

  private async attempt(work: () => Promise<void>): Promise<void> {
    try {
      this.trouble = "";
      await work();
    } catch (error) {
      this.trouble = sentenceOf(error);
    }
  }
}

function facts({ last_used_at, expires_at, usage }: ApiKey): string[] {
  const used = last_used_at ? `last used ${fromNow(last_used_at)}` : "never used";
  const requests = usage?.requests ? [`${formatExact(usage.requests)} requests in 30 days`] : [];
  if (!expires_at) return [used, ...requests, "does not expire"];
  const isOver = Date.parse(expires_at) <= Date.now();
  return [used, ...requests, `${isOver ? "expired" : "expires"} ${fromNow(expires_at)}`];
}

customElements.define("tl-api-keys", ApiKeys);
