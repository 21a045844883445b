/** Asking the browser to send when there is a network again, even if the app is closed by then. */

export const OUTBOX_TAG = "gridwatch-outbox";
const READY_MS = 4_000;

interface WithSync extends ServiceWorkerRegistration {
  sync: { register: (tag: string) => Promise<void> };
}

/** True where the browser has taken it; elsewhere (Safari, embedded browsers) the timer and the next opening do it. */
export async function askForBackgroundSync(): Promise<boolean> {
  if (!("serviceWorker" in navigator) || !("SyncManager" in globalThis)) return false;
  // `ready` never rejects, so it must not be waited for without a limit.
  const late = new Promise<null>((resolve) => setTimeout(() => resolve(null), READY_MS));
  const registration = (await Promise.race([navigator.serviceWorker.ready, late])) as WithSync | null;
  if (!registration) return false;
  try {
    await registration.sync.register(OUTBOX_TAG);
    return true;
  } catch (problem) {
    if (problem instanceof DOMException) return false; // not permitted here, e.g. in a private window
    throw problem;
  }
}
