import "../elements/active-sessions.js";
import "../styles/app.css";
import "../styles/home.css";
import "./tl-header.js";
import { html, nothing } from "lit";
import { state } from "lit/decorators.js";
import { formatExact, plural } from "../elements/format.js";
import type { Session } from "../elements/session.js";
import type { ActiveSessions, State } from "../elements/active-sessions-element.js";
import { icons, mark } from "./icons.js";
import { INTENTS, labelOf } from "./intents.js";
import { PageElement } from "./page.js";
import { stageStyles } from "./stage-styles.js";
import { SORTS, filterOf, readHomeState, writeHomeState, type HomeState } from "./url-state.js";

type Listed = CustomEvent<{ items: Session[]; total: number; state: State }>;

const PAGE = 24;
const TYPING = 250;

/** Who is live: the featured broadcasts, then everything, searched, filtered and sorted. */
export class Home extends PageElement {
  @state() private wish: HomeState = readHomeState(location.search);
  @state() private shown = PAGE;
  @state() private total: number | undefined;
  /** Known only while every live broadcast is on the page. */
  @state() private watching: number | undefined;
  @state() private listed: State = "loading";
  @state() private featured = 0;
  private typing: ReturnType<typeof setTimeout> | undefined;

  override connectedCallback(): void {
    super.connectedCallback();
    addEventListener("popstate", this.wentBack);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    removeEventListener("popstate", this.wentBack);
  }

  protected override async firstUpdated(): Promise<void> {
    const stage = this.querySelector<ActiveSessions>(".stage-list")!;
    await stage.updateComplete;
    stage.shadowRoot!.adoptedStyleSheets.push(stageStyles.styleSheet!);
  }

  protected override render() {
    const { q, sort } = this.wish;
    return html`
      <tl-header here="home" .search=${this.searchBox()}></tl-header>
      <main id="main" class="wide">
        <h1 class="visually-hidden">Live broadcasts</h1>
        <section class="featured" ?hidden=${this.narrowed || this.featured === 0} aria-labelledby="featured">
          <h2 id="featured">Featured</h2>
          <active-sessions
            class="stage-list"
            filter="featured"
            max-sessions="3"
            api-base="/"
            @sessions-change=${(event: Listed) => (this.featured = event.detail.items.length)}
          ></active-sessions>
        </section>
        <section aria-labelledby="live">
          <div class="heading">
            <h2 id="live">${this.heading()}</h2>
            <p class="totals" role="status">${this.totals()}</p>
          </div>
          <div class="filters">
            ${this.categories()}
            <label class="sort">
              <span>Sort</span>
              <select @change=${(event: Event) => this.want({ sort: (event.target as HTMLSelectElement).value })}>
                ${SORTS.map(([name, label]) => html`<option value=${name} ?selected=${name === sort}>${label}</option>`)}
              </select>
            </label>
          </div>
          <active-sessions
            filter=${filterOf(this.wish)}
            q=${q}
            sort=${sort}
            max-sessions=${this.shown}
            api-base="/"
            @sessions-change=${this.listingChanged}
          >
            <div slot="empty">${this.empty()}</div>
          </active-sessions>
          ${this.more()}
        </section>
      </main>
      <footer class="foot-note">
        <span>Tallylight</span>
        <a href="/api/docs">API</a>
        <a href="/studio">Studio</a>
      </footer>
    `;
  }

  private get narrowed(): boolean {
    return Boolean(this.wish.q || this.wish.category || this.wish.tag);
  }

  private heading(): string {
    const { q, category, tag } = this.wish;
    if (q) return `Results for “${q}”`;
    if (tag) return `#${tag}`;
    return category ? `Live in ${labelOf(category)}` : "On air now";
  }

  private totals() {
    if (!this.total || this.listed === "error" || this.listed === "offline") return nothing;
    return html`<span>${formatExact(this.total)} live</span>${this.watching === undefined ? nothing : html`<span>${formatExact(this.watching)} watching</span>`}`;
  }

  private searchBox() {
    return html`<form role="search" class="search" @submit=${(event: Event) => event.preventDefault()}>
      ${icons.search}
      <input
        type="search"
        name="q"
        placeholder="Search live broadcasts"
        aria-label="Search live broadcasts"
        autocomplete="off"
        .value=${this.wish.q}
        @input=${this.typed}
      />
    </form>`;
  }

  private categories() {
    const { category, tag } = this.wish;
    const chip = (value: string, label: string) => html`<button
      type="button"
      class="chip"
      aria-pressed=${category === value && !tag}
      @click=${() => this.want({ category: value, tag: "" })}
    >
      ${label}
    </button>`;
    const others = INTENTS.some((intent) => intent === category) || !category ? [] : [category];
    return html`<div class="chips" role="group" aria-label="Category" tabindex="-1">
      ${tag
        ? html`<button type="button" class="chip" aria-pressed="true" aria-label="Remove the tag ${tag}" @click=${() => this.want({ tag: "" })}>#${tag}${icons.close}</button>`
        : nothing}
      ${chip("", "All")}${[...others, ...INTENTS].map((intent) => chip(intent, labelOf(intent)))}
    </div>`;
  }

  private empty() {
    if (this.narrowed) {
      return html`<div class="blank">
        ${mark}
        <h2>Nothing like that is on air</h2>
        <p>Try other words, or see everything that is live.</p>
        <button class="button" type="button" @click=${() => this.want({ q: "", category: "", tag: "" })}>Show everything</button>
      </div>`;
    }
    return html`<div class="blank">
      ${mark}
      <h2>The lamp is off</h2>
      <p>Nobody is on air right now. Be the first: it takes a title and an encoder.</p>
      <a class="button primary" href="/studio"><i class="dot"></i>Go live</a>
    </div>`;
  }

  private more() {
    if (this.listed !== "ready" || (this.total ?? 0) <= this.shown) return nothing;
    return html`<div class="more">
      <button class="button" type="button" @click=${() => (this.shown += PAGE)}>
        Show more of ${plural(this.total!, "broadcast")}
      </button>
    </div>`;
  }

  private readonly listingChanged = ({ detail }: Listed): void => {
    this.listed = detail.state;
    this.total = detail.total;
    const all = detail.items.length === detail.total;
    this.watching = all ? detail.items.reduce((sum, item) => sum + item.viewer_count, 0) : undefined;
  };

  private readonly typed = (event: Event): void => {
    const q = (event.target as HTMLInputElement).value;
    clearTimeout(this.typing);
    this.typing = setTimeout(() => this.want({ q }, "replace"), TYPING);
  };

  private readonly wentBack = (): void => {
    this.wish = readHomeState(location.search);
  };

  private want(change: Partial<HomeState>, how: "push" | "replace" = "push"): void {
    this.wish = { ...this.wish, ...change };
    this.shown = PAGE;
    const address = `/${writeHomeState(this.wish)}`;
    if (how === "push") history.pushState(null, "", address);
    else history.replaceState(null, "", address);
  }
}

customElements.define("tl-home", Home);
