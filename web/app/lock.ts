/** Does one thing at a time in all tabs. Web Locks exist on secure origins only; over plain HTTP a lease in localStorage does. */
export async function withLock<T>(name: string, work: () => Promise<T>): Promise<T> {
  if (navigator.locks) return navigator.locks.request(name, work) as Promise<T>;
  const release = await lease(name);
  try {
    return await work();
  } finally {
    release();
  }
}

/** Who holds a lease longer has gone. */
const LEASE = 8_000;

async function lease(name: string): Promise<() => void> {
  const mine = `${Math.random()}`;
  const deadline = Date.now() + LEASE;
  for (;;) {
    const [owner, until] = (localStorage.getItem(name) ?? "").split(" ");
    if (owner === mine) return () => localStorage.removeItem(name);
    const free = !owner || Number(until) < Date.now() || Date.now() > deadline;
    if (free) localStorage.setItem(name, `${mine} ${Date.now() + LEASE}`);
    // Whoever wrote last has it; everybody looks again after a moment.
    await new Promise((resolve) => setTimeout(resolve, 40 + Math.random() * 40));
  }
}
