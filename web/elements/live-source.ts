import { directoryOf, type Directory } from "./directory.js";
import { isDefault, select, understands } from "./selection.js";
import type { SessionListener, SessionQuery, SessionSource } from "./session-source.js";
import type { Session } from "./session.js";

/** Cards move at most this often, in milliseconds: what jumps about cannot be clicked. */
const CALM = 1000;

/**
 * The sessions as they change, from the live directory; from polling for as long as that is away or cannot answer.
 * A module of its own, loaded once a list is shown. It imports nothing that the element has: that would load it twice.
 */
export class LiveSource implements SessionSource {
  readonly #polling: SessionSource;
  readonly #listener: SessionListener;
  readonly #directory: Directory;
  #query: SessionQuery;
  #leave: (() => void) | undefined;
  #patience: ReturnType<typeof setTimeout> | undefined;
  #calm: ReturnType<typeof setTimeout> | undefined;
  /** Something changed since the cards were shown. */
  #isStale = false;
  #shown: { items: Session[]; total: number } | undefined;

  /** Takes over from a source that is polling. */
  constructor(polling: SessionSource, base: string, query: SessionQuery, listener: SessionListener) {
    this.#polling = polling;
    this.#query = query;
    this.#listener = listener;
    this.#directory = directoryOf(base);
  }

  get interval(): number {
    return this.#polling.interval;
  }

  set interval(milliseconds: number) {
    this.#polling.interval = milliseconds;
  }

  start(): void {
    this.#leave ??= this.#directory.watch(() => this.#changed());
    this.#changed();
  }

  stop(): void {
    this.#leave?.();
    this.#leave = undefined;
    this.#relax();
    this.#polling.stop();
  }

  refresh(query: SessionQuery = this.#query): void {
    this.#query = query;
    this.#polling.refresh(query);
    this.#relax();
    this.#shown = undefined;
    if (this.#serves) this.#goLive();
    else this.#polling.start();
  }

  /**
   * With all cards at hand every query can be answered. When there are more broadcasts than cards, they are the most
   * watched ones: of any other order, and of any filter, nobody here can know what belongs between them.
   */
  get #serves(): boolean {
    const { state, cards, beyond } = this.#directory;
    if (state !== "open" || !understands(this.#query)) return false;
    return beyond === 0 || (isDefault(this.#query) && this.#query.max <= cards.size);
  }

  #changed(): void {
    if (!this.#leave) return;
    if (this.#serves) return this.#goLive();
    clearTimeout(this.#calm);
    this.#calm = this.#shown = undefined;
    const { state } = this.#directory;
    if (state === "open" || !navigator.onLine) this.#polling.start();
    // Away for a moment is away for nothing: a server that restarts is not to be asked by everybody at once.
    else if (state === "away") this.#patience ??= setTimeout(() => this.#polling.start(), this.interval);
  }

  #goLive(): void {
    clearTimeout(this.#patience);
    this.#patience = undefined;
    this.#polling.stop();
    if (document.hidden) return;
    this.#isStale = this.#calm !== undefined;
    if (this.#isStale) return;
    this.#show();
    this.#calm = setTimeout(() => {
      this.#calm = undefined;
      if (this.#isStale) this.#changed();
    }, CALM);
  }

  #relax(): void {
    clearTimeout(this.#patience);
    clearTimeout(this.#calm);
    this.#patience = this.#calm = undefined;
  }

  #show(): void {
    const { cards, beyond } = this.#directory;
    const found = select(cards.values(), this.#query);
    const [items, total] = [found.slice(0, this.#query.max), found.length + beyond];
    const before = this.#shown;
    const same = before?.total === total && before.items.length === items.length && items.every((item, at) => item === before.items[at]);
    this.#shown = { items, total };
    if (!same) this.#listener.sessions(items, total);
  }
}
