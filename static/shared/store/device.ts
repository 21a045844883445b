/** What a phone knows of itself: its id, the people who use it, and whether its storage was cleared. */
import { type IDBPDatabase, openDB } from "idb";
import { type Lock, newOwnKey, newPepper, newVault, unlock } from "./pin";

const DEVICE_DB = "gridwatch-device";
const SENTINEL = "gridwatch.phone";
/** After so many wrong PINs the vault is thrown away; it takes a sign-in to fill it again. Nothing unsent is in it. */
export const PIN_TRIES = 5;

export interface Account {
  user_id: string;
  username: string;
  name: string;
  /** Where this person works, as the sign-in said it. */
  area: string;
  own_key: CryptoKey;
  pepper: CryptoKey;
  lock: Lock | null;
  wrong: number;
  /** Until when the phone may be used without contact. */
  refresh_expires_at: string;
}

/** A copy of what matters most, kept in another storage of the browser: what was in IndexedDB may be cleared by itself. */
interface Sentinel {
  device_id: string;
  /** User id → highest device number that was given. */
  numbers: Record<string, number>;
}

/** What was found at the start that should not be. */
export interface Loss {
  users: string[];
}

export class Device {
  private constructor(
    private readonly db: IDBPDatabase,
    readonly id: string,
    /** Whose unsent work and documents are gone, if the storage of this phone was cleared; null when all is there. */
    readonly loss: Loss | null,
  ) {}

  /** Open it, made at the first start. A phone whose storage was cleared keeps its id and goes on with its numbers, so that the
   * server can say which ones never came. */
  static async open(sentinels: globalThis.Storage | null): Promise<Device> {
    const db = await opened();
    const told = readSentinel(sentinels);
    // In one step, so that two tabs that begin at once become one phone.
    const transaction = db.transaction("phone", "readwrite");
    const known = (await transaction.store.get("id")) as string | undefined;
    const id = known ?? told?.device_id ?? crypto.randomUUID();
    if (!known) await transaction.store.put(id, "id");
    await transaction.done;
    const cleared = !known && told && Object.keys(told.numbers).length ? { users: Object.keys(told.numbers) } : null;
    if (cleared) await db.put("phone", cleared, "loss");
    return new Device(db, id, cleared ?? ((await db.get("phone", "loss")) as Loss | undefined) ?? null);
  }

  /** The same for the service worker, which sees no other storage: null where no page has begun yet, or all was cleared. Only
   * a page may begin, since only a page can tell these two apart. */
  static async existing(): Promise<Device | null> {
    const db = await opened();
    const id = (await db.get("phone", "id")) as string | undefined;
    if (id) return new Device(db, id, ((await db.get("phone", "loss")) as Loss | undefined) ?? null);
    db.close();
    return null;
  }

  accounts(): Promise<Account[]> {
    return this.db.getAll("accounts");
  }

  account(user: string): Promise<Account | undefined> {
    return this.db.get("accounts", user);
  }

  /** Somebody has signed in: the account, made at the first time. Keys are made once and stay. */
  async remember(who: Pick<Account, "user_id" | "username" | "name" | "area" | "refresh_expires_at">): Promise<Account> {
    const known = await this.account(who.user_id);
    const keys = known ?? { own_key: await newOwnKey(), pepper: await newPepper(), lock: null, wrong: 0 };
    const account: Account = { ...keys, ...who };
    await this.db.put("accounts", account, who.user_id);
    return account;
  }

  /** Give an account a PIN and a new, empty vault; returns its key. */
  async setPin(user: string, pin: string): Promise<CryptoKey> {
    const account = await this.known(user);
    const { lock, key } = await newVault(pin, account.pepper);
    await this.db.put("accounts", { ...account, lock, wrong: 0 }, user);
    return key;
  }

  /** The key of the vault for this PIN, or how many tries are left. At none the vault is gone for good.
   *
   * A try is counted before it is made, so that switching the phone off does not give it back. */
  async tryPin(user: string, pin: string): Promise<{ key: CryptoKey } | { left: number }> {
    const account = await this.known(user);
    if (!account.lock) return { left: 0 };
    const wrong = account.wrong + 1;
    await this.db.put("accounts", { ...account, wrong }, user);
    const key = await unlock(pin, account.lock, account.pepper);
    if (key) {
      await this.db.put("accounts", { ...account, wrong: 0 }, user);
      return { key };
    }
    if (wrong >= PIN_TRIES) await this.db.put("accounts", { ...account, lock: null, wrong: 0 }, user);
    return { left: PIN_TRIES - wrong };
  }

  /** Note the highest number of a person where clearing the database does not reach it. */
  noteNumber(sentinels: globalThis.Storage | null, user: string, number: number): void {
    const told = readSentinel(sentinels);
    const numbers = { ...(told?.device_id === this.id ? told.numbers : {}) };
    numbers[user] = Math.max(number, numbers[user] ?? 0);
    sentinels?.setItem(SENTINEL, JSON.stringify({ device_id: this.id, numbers } satisfies Sentinel));
  }

  /** The highest number that a person was ever given on this phone, as far as it is known. */
  highest(sentinels: globalThis.Storage | null, user: string): number {
    const told = readSentinel(sentinels);
    return told?.device_id === this.id ? (told.numbers[user] ?? 0) : 0;
  }

  /** The loss has been read and told to the server. */
  async forgetLoss(): Promise<void> {
    await this.db.delete("phone", "loss");
  }

  private async known(user: string): Promise<Account> {
    const account = await this.account(user);
    if (!account) throw new Error(`no account ${user} on this phone`);
    return account;
  }
}

function opened(): Promise<IDBPDatabase> {
  return openDB(DEVICE_DB, 1, {
    upgrade(fresh) {
      fresh.createObjectStore("phone");
      fresh.createObjectStore("accounts");
    },
  });
}

function readSentinel(sentinels: globalThis.Storage | null): Sentinel | null {
  const text = sentinels?.getItem(SENTINEL);
  if (!text) return null;
  try {
    const said = JSON.parse(text) as Partial<Sentinel>;
    return typeof said.device_id === "string" && said.numbers ? (said as Sentinel) : null;
  } catch {
    return null; // not ours: as if there were none
  }
}
