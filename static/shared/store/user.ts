/** One person's phone, opened: store, server and what the heartbeat says of the storage. The page and the worker both use this. */
import type { Phone } from "../sync/phone";
import { overNetwork, type Send, Server } from "../sync/server";
import type { Account, Device } from "./device";
import { IdbStore } from "./idb";

export const APP_BUILD = 20;

export interface UserPhone extends Phone {
  store: IdbStore;
  user: string;
}

/** `channel` names who is told of changes: other pages of this person and the service worker. */
export const channelOf = (user: string): string => `gridwatch-${user}`;

export async function openPhone(
  device: Device,
  account: Account,
  changed: Phone["changed"],
  sentinels: globalThis.Storage | null = null,
  send: Send = overNetwork,
): Promise<UserPhone> {
  const store = await IdbStore.open(account.user_id, account.own_key);
  const now = () => new Date();
  await goOnFrom(store, device.highest(sentinels, account.user_id));
  return {
    store,
    now,
    deviceId: device.id,
    appBuild: APP_BUILD,
    changed,
    user: account.user_id,
    numbered: (device_no) => device.noteNumber(sentinels, account.user_id, device_no),
    server: new Server(store, send, now, device.id),
    storage: () => storageReport(device),
  };
}

/** A store that was cleared goes on behind the last number that was given, so that no number is given twice. */
async function goOnFrom(store: IdbStore, highest: number): Promise<void> {
  const last = (await store.marks("meta", "last_no")).get("last_no");
  if (highest > (last ?? 0)) {
    await store.write([{ put: "meta", key: "last_no", value: highest, mark: highest }], { table: "meta", key: "last_no", mark: last });
  }
}

export interface StorageStand {
  persisted: boolean;
  used: number;
  quota: number;
}

/** How the browser keeps what is stored here. */
export async function storageStand(): Promise<StorageStand> {
  const persisted = (await navigator.storage?.persisted?.()) ?? false;
  const estimate = (await navigator.storage?.estimate?.()) ?? {};
  return { persisted, used: estimate.usage ?? 0, quota: estimate.quota ?? 0 };
}

async function storageReport(device: Device): Promise<Record<string, boolean | number>> {
  const { persisted, used, quota } = await storageStand();
  return { storage_persisted: persisted, storage_used: used, storage_quota: quota, storage_evicted: device.loss !== null };
}
