import type { Loader, LoaderCallbacks, LoaderConfiguration, PlaylistLoaderContext } from "hls.js";

type LoaderClass = new (config: never) => Loader<PlaylistLoaderContext>;

/** Lets one user at a time through, in the order they came. */
export class Turnstile {
  private readonly waiting: (() => void)[] = [];
  private busy = false;

  /** Calls `go` when it is this one's turn. The answer gives the turn up, before or after it came; more than once does no harm. */
  enter(go: () => void): () => void {
    let state: "waiting" | "inside" | "gone" = "waiting";
    const admit = () => {
      state = "inside";
      this.busy = true;
      go();
    };
    const leave = () => {
      if (state === "waiting") this.waiting.splice(this.waiting.indexOf(admit), 1);
      const wasInside = state === "inside";
      state = "gone";
      if (!wasInside) return;
      this.busy = false;
      this.waiting.shift()?.();
    };
    if (this.busy) this.waiting.push(admit);
    else admit();
    return leave;
  }
}

/** A playlist request that the server holds open until there is something new (RFC 8216bis §6.2.5.2). */
export const isBlocking = (url: string): boolean => /[?&]_HLS_msn=/.test(url);

/** Whether this page shares six connections with every other tab of its origin. */
export function sharesFewConnections(): boolean {
  const [navigation] = performance.getEntriesByType("navigation") as PerformanceNavigationTiming[];
  return !/^h[23]/.test(navigation?.nextHopProtocol ?? "");
}

/**
 * A playlist loader with at most one blocking reload under way. Over HTTP/1.1 a browser opens six
 * connections an origin; audio and video each holding one would leave a third tab without any.
 */
export function oneAtATime(Base: LoaderClass, turnstile = new Turnstile()): LoaderClass {
  return class extends Base {
    private leave: (() => void) | undefined;

    override load(context: PlaylistLoaderContext, config: LoaderConfiguration, callbacks: LoaderCallbacks<PlaylistLoaderContext>): void {
      if (!isBlocking(context.url)) return super.load(context, config, callbacks);
      this.leave = turnstile.enter(() => super.load(context, config, this.leaving(callbacks)));
    }

    override abort(): void {
      this.leave?.();
      super.abort();
    }

    override destroy(): void {
      this.leave?.();
      super.destroy();
    }

    /** The turn is given up before anybody hears of the outcome, who may ask for the next playlist at once. */
    private leaving(callbacks: LoaderCallbacks<PlaylistLoaderContext>): LoaderCallbacks<PlaylistLoaderContext> {
      const after =
        <Args extends unknown[]>(callback: (...args: Args) => void) =>
        (...args: Args) => {
          this.leave?.();
          callback(...args);
        };
      return {
        ...callbacks,
        onSuccess: after(callbacks.onSuccess),
        onError: after(callbacks.onError),
        onTimeout: after(callbacks.onTimeout),
        onAbort: callbacks.onAbort && after(callbacks.onAbort),
      };
    }
  } as unknown as LoaderClass;
}
