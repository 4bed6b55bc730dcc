/** How a poller behaves; times in milliseconds. */
export interface PollerOptions {
  /** From the end of one run to the start of the next. */
  interval: number;
  /** The longest wait after failures; each failure doubles the wait up to it. */
  maxBackoff?: number;
  /** Keeps running while the page is hidden: heartbeats must, listings must not. */
  whileHidden?: boolean;
}

/** An error that says when it is worth trying again. */
export interface RetryAfter {
  retryAfter?: number;
}

/**
 * Runs a task again and again, never twice at once. Failures back off with jitter; the task's own
 * errors are its to report. A hidden page rests and catches up when it is shown.
 */
export class Poller {
  readonly #task: () => Promise<void>;
  readonly #options: PollerOptions;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #running = false;
  #again = false;
  #started = false;
  #failures = 0;

  constructor(task: () => Promise<void>, options: PollerOptions) {
    this.#task = task;
    this.#options = options;
  }

  get interval(): number {
    return this.#options.interval;
  }

  set interval(milliseconds: number) {
    this.#options.interval = milliseconds;
    if (this.#timer !== undefined) this.#schedule();
  }

  start(): void {
    if (this.#started) return;
    this.#started = true;
    document.addEventListener("visibilitychange", this.#wake);
    addEventListener("online", this.#wake);
    this.refresh();
  }

  stop(): void {
    this.#started = false;
    this.#again = false;
    this.#failures = 0;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    document.removeEventListener("visibilitychange", this.#wake);
    removeEventListener("online", this.#wake);
  }

  /** Runs now, or once more right after the run under way. */
  refresh(): void {
    if (!this.#started) return;
    if (this.#running) this.#again = true;
    else void this.#run();
  }

  readonly #wake = (): void => {
    if (this.#resting) clearTimeout(this.#timer);
    else this.refresh();
  };

  get #resting(): boolean {
    return document.hidden && !this.#options.whileHidden;
  }

  async #run(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#running = true;
    this.#again = false;
    let retryAfter: number | undefined;
    try {
      await this.#task();
      this.#failures = 0;
    } catch (error) {
      this.#failures += 1;
      retryAfter = (error as RetryAfter)?.retryAfter;
    }
    this.#running = false;
    if (this.#again && this.#started) void this.#run();
    else this.#schedule(retryAfter);
  }

  #schedule(retryAfter = 0): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (!this.#started || this.#running || this.#resting) return;
    this.#timer = setTimeout(() => void this.#run(), Math.max(this.#delay(), retryAfter));
  }

  #delay(): number {
    if (this.#failures === 0) return this.#options.interval;
    const longest = Math.max(this.#options.maxBackoff ?? 60_000, this.#options.interval);
    const wait = Math.min(this.#options.interval * 2 ** Math.min(this.#failures - 1, 10), longest);
    return wait * (0.75 + Math.random() * 0.5);
  }
}
