/** One tab at a time: two tabs that spend the same refresh token would look like a theft to the server. */

const LEASE_MS = 10_000;
const LOOK_MS = 60;

export async function exclusively<T>(name: string, task: () => Promise<T>): Promise<T> {
  // typed as always there, but plain http on a LAN is not a secure context
  const locks = navigator.locks as LockManager | undefined;
  if (locks !== undefined) return await locks.request(name, task);
  const owner = crypto.getRandomValues(new Uint32Array(1))[0]?.toString(36) ?? '';
  await lease(`${name}.lease`, owner);
  try {
    return await task();
  } finally {
    localStorage.removeItem(`${name}.lease`);
  }
}

/** A best effort without Web Locks: write our name, look again after others may have written theirs. */
async function lease(key: string, owner: string): Promise<void> {
  const deadline = Date.now() + LEASE_MS;
  while (Date.now() < deadline) {
    const [holder, until] = (localStorage.getItem(key) ?? '').split(' ');
    if (holder === owner) return;
    if (!holder || Number(until) < Date.now()) localStorage.setItem(key, `${owner} ${Date.now() + LEASE_MS}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS * (0.5 + Math.random())));
  }
}
