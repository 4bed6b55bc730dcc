import { html } from "lit";
import { property } from "lit/decorators.js";
import { repeat } from "lit/directives/repeat.js";
import { formatAgo } from "../elements/format.js";
import type { LogEvent } from "./api.js";
import { linesOf, type EventLine } from "./event-lines.js";
import { PageElement } from "./page.js";

const SHOWN = 12;

/** What happened lately in a broadcast, newest first. */
export class Happenings extends PageElement {
  @property({ attribute: false }) events: readonly LogEvent[] = [];
  @property({ attribute: false }) now = Date.now();

  protected override render() {
    const lines = linesOf(this.events).slice(0, SHOWN);
    return html`<section class="panel happenings" aria-labelledby="happenings">
      <h2 id="happenings">What happens</h2>
      ${lines.length === 0
        ? html`<p class="muted">Who comes and goes, and what becomes of your broadcast, stands here.</p>`
        : html`<ol>
            ${repeat(lines, ({ key }) => key, (line) => this.line(line))}
          </ol>`}
    </section>`;
  }

  private line({ kind, text, at }: EventLine) {
    return html`<li class="of-${kind}"><span>${text}</span><time datetime=${new Date(at).toISOString()}>${formatAgo(this.now - at)}</time></li>`;
  }
}

customElements.define("tl-happenings", Happenings);
