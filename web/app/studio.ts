import "../styles/app.css";
import "../styles/watch.css";
import "../styles/studio.css";
import "./tl-account-form.js";
import "./tl-control-room.js";
import "./tl-header.js";
import "./tl-new-broadcast.js";
import "./tl-secret.js";
import { html, nothing } from "lit";
import { state } from "lit/decorators.js";
import { Poller } from "../elements/poller.js";
import { api, type Broadcast, type PublishAddress } from "./api.js";
import { currentUser, onAuthChange, whySignedOut } from "./auth.js";
import { confirmed } from "./confirm.js";
import { icons, mark } from "./icons.js";
import { PageElement } from "./page.js";
import { sentenceOf } from "./problem.js";
import { lampOf } from "./tl-control-room.js";

const INTERVAL = 8000;

/** `/studio`: where a broadcaster creates, watches over and ends broadcasts. The address keeps which one is open. */
export class Studio extends PageElement {
  @state() private broadcasts: Broadcast[] | undefined;
  @state() private open: string = location.hash.slice(1);
  @state() private ended: Broadcast | undefined;
  @state() private trouble = "";
  @state() private lasting: PublishAddress | undefined;
  @state() private user = currentUser();
  private readonly poller = new Poller(() => this.list(), { interval: INTERVAL });
  private silence: (() => void) | undefined;

  override connectedCallback(): void {
    super.connectedCallback();
    this.silence = onAuthChange(this.whoChanged);
    addEventListener("hashchange", this.moved);
    if (this.user) this.enter();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.silence?.();
    removeEventListener("hashchange", this.moved);
    this.poller.stop();
  }

  protected override render() {
    return html`
      <tl-header here="studio"></tl-header>
      <main id="main" class=${this.user ? "studio" : "door"}>${this.user ? this.rooms() : this.door()}</main>
    `;
  }

  private door() {
    return html`<div class="door-panel panel">
      ${mark}
      <h1>Your studio</h1>
      <p class="muted">Sign in to go live, and to see who is watching.</p>
      ${whySignedOut() ? html`<p class="form-error" role="status">${whySignedOut()}</p>` : nothing}
      <tl-account-form></tl-account-form>
    </div>`;
  }

  private rooms() {
    const current = this.current;
    return html`
      <aside class="shelf" aria-label="Your broadcasts">
        <a class="button ${current ? "" : "here"}" href="#" @click=${this.fresh}>${icons.plus}New broadcast</a>
        ${this.shelf()}
      </aside>
      <div class="room" @created=${this.created} @changed=${this.changed} @another=${this.fresh}>
        ${this.trouble ? html`<p class="form-error" role="alert">${this.trouble}</p>` : nothing}
        ${current
          ? html`<tl-control-room .broadcast=${current}></tl-control-room>`
          : this.open && !this.broadcasts
            ? html`<div class="panel loading"><div class="spinner" role="status"><span class="visually-hidden">Loading</span></div></div>`
            : html`<div class="stack"><tl-new-broadcast></tl-new-broadcast>${this.lastingKey()}</div>`}
      </div>
    `;
  }

  private get current(): Broadcast | undefined {
    return this.broadcasts?.find(({ id }) => id === this.open) ?? (this.ended?.id === this.open ? this.ended : undefined);
  }

  private shelf() {
    if (!this.broadcasts) return html`<div class="shelf-skeleton" aria-hidden="true"><i></i><i></i></div>`;
    if (this.broadcasts.length === 0) return html`<p class="muted">Nothing is open. What you create stands here.</p>`;
    return html`<ul>
      ${this.broadcasts.map((broadcast) => {
        const lamp = lampOf(broadcast);
        return html`<li>
          <a href="#${broadcast.id}" aria-current=${broadcast.id === this.open ? "true" : nothing}>
            <span class="lamp-small ${lamp}" aria-hidden="true"></span>
            <span class="shelf-words"><b>${broadcast.title}</b><span>${this.line(broadcast)}</span></span>
          </a>
        </li>`;
      })}
    </ul>`;
  }

  private line(broadcast: Broadcast): string {
    const lamp = lampOf(broadcast);
    const state = { waiting: "Waiting for encoder", on: "On air", paused: "Paused", interrupted: "Encoder lost", elsewhere: "Elsewhere", ended: "Ended" }[lamp];
    return lamp === "on" || lamp === "elsewhere" ? `${state} · ${broadcast.viewer_count} watching` : state;
  }

  private lastingKey() {
    if (!this.lasting?.rtmp_url) return nothing;
    return html`<section class="panel stack" aria-labelledby="lasting">
      <div class="panel-head">
        <h2 id="lasting">Your lasting key</h2>
        <button class="button quiet" type="button" @click=${this.resetLasting}>${icons.refresh}New key</button>
      </div>
      <p class="muted">Set OBS up once. This key feeds your newest open broadcast; with none open, streaming creates one.</p>
      <tl-secret label="Server" .value=${this.lasting.rtmp_url}></tl-secret>
      <tl-secret label="Stream key" secret .value=${this.lasting.stream_key}></tl-secret>
    </section>`;
  }

  private enter(): void {
    this.poller.start();
    // The page is of use without the lasting key too.
    api.lastingKey().then((key) => (this.lasting = key), () => (this.lasting = undefined));
  }

  private async list(): Promise<void> {
    if (!this.user) return;
    try {
      const broadcasts = await api.mine(this.user.username);
      const missing = this.open && !broadcasts.some(({ id }) => id === this.open) && this.ended?.id !== this.open;
      if (missing) this.ended = await api.broadcast(this.open).catch(() => undefined);
      this.broadcasts = broadcasts;
      this.trouble = "";
    } catch (error) {
      this.trouble = sentenceOf(error);
      this.broadcasts ??= [];
      throw error;
    }
  }

  private readonly whoChanged = (): void => {
    const user = currentUser();
    if (user?.id === this.user?.id) return;
    this.user = user;
    this.broadcasts = this.lasting = this.ended = undefined;
    this.trouble = "";
    this.poller.stop();
    if (user) this.enter();
  };

  private readonly moved = (): void => {
    this.open = location.hash.slice(1);
  };

  private readonly fresh = (event: Event): void => {
    event.preventDefault();
    history.pushState(null, "", "/studio");
    this.open = "";
  };

  private readonly created = ({ detail }: CustomEvent<Broadcast>): void => {
    this.broadcasts = [detail, ...(this.broadcasts ?? [])];
    location.hash = detail.id;
  };

  private readonly changed = ({ detail }: CustomEvent<Broadcast>): void => {
    if (detail.status === "ended") this.ended = detail;
    this.broadcasts = this.broadcasts
      ?.map((broadcast) => (broadcast.id === detail.id ? detail : broadcast))
      .filter(({ status }) => status !== "ended");
  };

  private readonly resetLasting = async (): Promise<void> => {
    const text = "Every encoder that uses the old key is cut off until you give it the new one.";
    if (!(await confirmed({ title: "Make a new lasting key?", text, action: "New key", grave: true }))) return;
    try {
      this.lasting = { ...this.lasting!, ...(await api.resetLastingKey()) };
    } catch (error) {
      this.trouble = sentenceOf(error);
    }
  };
}

customElements.define("tl-studio", Studio);
