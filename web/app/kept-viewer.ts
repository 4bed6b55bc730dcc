interface Kept {
  viewer_id: string;
  viewer_token: string;
}

/** Which viewer of a broadcast this tab is, so that it is the same one after a crash; a copy of the tab is another. */
export class KeptViewer {
  private release: (() => void) | undefined;
  private readonly key: string;

  constructor(broadcastId: string) {
    this.key = `tallylight.viewer.${broadcastId}`;
  }

  async recall(): Promise<Kept | undefined> {
    const kept = JSON.parse(sessionStorage.getItem(this.key) ?? "null") as Kept | null;
    if (!kept) return undefined;
    this.release ??= await claim(kept.viewer_id);
    return this.release ? kept : undefined;
  }

  async keep(viewerId: string, viewerToken: string): Promise<void> {
    sessionStorage.setItem(this.key, JSON.stringify({ viewer_id: viewerId, viewer_token: viewerToken } satisfies Kept));
    this.release ??= await claim(viewerId);
  }

  forget(): void {
    sessionStorage.removeItem(this.key);
    this.release?.();
    this.release = undefined;
  }
}

/** Claims a viewer for this tab; nothing when another tab has it. Without Web Locks nobody can know. */
async function claim(viewerId: string): Promise<(() => void) | undefined> {
  if (!navigator.locks) return () => undefined;
  return new Promise((resolve) => {
    void navigator.locks.request(`tallylight.viewer.${viewerId}`, { ifAvailable: true }, (lock) => {
      if (!lock) return resolve(undefined);
      return new Promise<void>((release) => resolve(release));
    });
  });
}
