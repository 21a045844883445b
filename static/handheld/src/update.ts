/** The service worker and its updates: a new build is offered, and takes over only when somebody says so. */
import { ref } from "vue";

export const updateWaits = ref(false);
let waiting: ServiceWorker | null = null;

export async function installWorker(): Promise<void> {
  if (!("serviceWorker" in navigator)) return;
  const registration = await navigator.serviceWorker.register("/m/sw.js", { scope: "/m/" });
  const look = (): void => {
    waiting = registration.waiting;
    updateWaits.value = waiting !== null && navigator.serviceWorker.controller !== null;
  };
  registration.addEventListener("updatefound", () => registration.installing?.addEventListener("statechange", look));
  look();
}

/** Load the new build. Drafts and the outbox are in the store, which an update does not touch. */
export function update(): void {
  navigator.serviceWorker.addEventListener("controllerchange", () => location.reload(), { once: true });
  waiting?.postMessage({ type: "SKIP_WAITING" });
}
