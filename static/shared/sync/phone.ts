/** What every part of the engine stands on: one person's store on one phone, and the server. */
import type { Limits } from "./limits";
import { LIMITS } from "./limits";
import type { Server } from "./server";
import type { Store } from "./store";
import { numberKey } from "./store";
import type { Item } from "./wire";

export interface Phone {
  store: Store;
  server: Server;
  now: () => Date;
  deviceId: string;
  appBuild: number;
  /** Told after each change of the store, so that every page of this phone looks again. */
  changed: (what: "outbox" | "docs" | "session") => void;
  /** Told at once of each number that is given, so that it is also noted where clearing the store does not reach. */
  numbered: (device_no: number) => void;
  /** What the phone says of its storage in the heartbeat. */
  storage: () => Promise<Record<string, boolean | number>>;
}

/** The items that wait, in the order of their numbers. */
export function waiting(store: Store): Promise<Item[]> {
  return store.all<Item>("outbox");
}

/** The limits as the server last told them. */
export async function limitsOf(store: Store): Promise<Limits> {
  return { ...LIMITS, ...(await store.get<Partial<Limits>>("ref", "limits")) };
}

/** Where an item waits. */
export function outboxKey(item: Item): string {
  return numberKey(item.device_no);
}
