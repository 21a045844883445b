/** The service worker: the shell without a network, and the outbox while the app is closed. It holds no data of its own. */
import { createHandlerBoundToURL, type PrecacheEntry, precacheAndRoute } from "workbox-precaching";
import { NavigationRoute, registerRoute } from "workbox-routing";
import { Device } from "../../shared/store/device";
import { channelOf, openPhone } from "../../shared/store/user";
import { sync } from "../../shared/sync/sync";
import { OUTBOX_TAG } from "./background";

declare const self: ServiceWorkerGlobalScope & { __WB_MANIFEST: (PrecacheEntry | string)[] };

interface SyncEvent extends ExtendableEvent {
  tag: string;
  lastChance: boolean;
}

precacheAndRoute(self.__WB_MANIFEST);
registerRoute(new NavigationRoute(createHandlerBoundToURL("/m/index.html")));

// A new build waits until somebody says so in the app: never inside a form.
self.addEventListener("message", (event) => {
  if ((event.data as { type?: string } | null)?.type === "SKIP_WAITING") void self.skipWaiting();
});
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("sync", (event) => {
  const asked = event as SyncEvent;
  // What is raised here tells the browser to try again later by itself.
  if (asked.tag === OUTBOX_TAG) asked.waitUntil(sendAll());
});

/** Send what everybody on this phone has written, whether the app is open, locked or closed. */
async function sendAll(): Promise<void> {
  const device = await Device.existing();
  if (!device) return;
  const problems: unknown[] = [];
  for (const account of await device.accounts()) {
    const channel = new BroadcastChannel(channelOf(account.user_id));
    const phone = await openPhone(device, account, (what) => channel.postMessage(what));
    try {
      await sync(phone, "send", account.user_id);
    } catch (problem) {
      problems.push(problem);
    } finally {
      phone.store.close();
      channel.close();
    }
  }
  if (problems.length) throw problems[0];
}
