/** The store of one person in IndexedDB. Every value is sealed before a transaction begins, so that a write is all or nothing.
 *
 * Two keys: what was pulled (`docs`, `staged`) is under the key that the PIN opens; one's own words (outbox, drafts, photos, the
 * sign-in) are under a key that the browser keeps and never gives out, so that the service worker can send them while the app is
 * closed, and a forgotten PIN loses none of them. */
import { type DBSchema, type IDBPDatabase, openDB } from "idb";
import { type Guard, Shut, type Store, TABLES, type Table, type Write } from "../sync/store";
import { open, type Sealed, seal } from "./seal";

interface Row {
  sealed: Sealed;
  mark: number | undefined;
}
interface Schema extends DBSchema, Record<Table, { key: string; value: Row }> {}

const VERSION = 1;
const BEHIND_PIN: ReadonlySet<Table> = new Set<Table>(["docs", "staged"]);

export class IdbStore implements Store {
  /** Opens what the PIN protects; null while it is locked. */
  vaultKey: CryptoKey | null = null;

  private constructor(
    private readonly db: IDBPDatabase<Schema>,
    private readonly ownKey: CryptoKey,
  ) {}

  /** Open the store of a person, made at the first time. */
  static async open(user: string, ownKey: CryptoKey): Promise<IdbStore> {
    const db = await openDB<Schema>(nameOf(user), VERSION, {
      upgrade(fresh) {
        for (const table of TABLES) if (!fresh.objectStoreNames.contains(table)) fresh.createObjectStore(table);
      },
      // A newer build in another tab changes the shape: make way. What this page writes then fails loudly until it is loaded again.
      blocking: (_current, _blocked, event) => (event.target as IDBDatabase).close(),
    });
    return new IdbStore(db, ownKey);
  }

  async get<T>(table: Table, key: string): Promise<T | undefined> {
    const row = await this.db.get(table, key);
    return row && open<T>(this.keyOf(table), `${table}/${key}`, row.sealed);
  }

  async all<T>(table: Table, prefix = ""): Promise<T[]> {
    const cipher = this.keyOf(table);
    const transaction = this.db.transaction(table, "readonly");
    const [keys, rows] = await Promise.all([transaction.store.getAllKeys(range(prefix)), transaction.store.getAll(range(prefix))]);
    return Promise.all(rows.map((row, place) => open<T>(cipher, `${table}/${keys[place]}`, row.sealed)));
  }

  async marks(table: Table, prefix = ""): Promise<Map<string, number | undefined>> {
    const transaction = this.db.transaction(table, "readonly");
    const [keys, rows] = await Promise.all([transaction.store.getAllKeys(range(prefix)), transaction.store.getAll(range(prefix))]);
    return new Map(keys.map((key, place) => [key, rows[place]?.mark]));
  }

  async write(changes: Write[], guard?: Guard): Promise<boolean> {
    const rows = await Promise.all(
      changes.map(async (change) =>
        "put" in change
          ? { mark: change.mark, sealed: await seal(this.keyOf(change.put), `${change.put}/${change.key}`, change.value) }
          : null,
      ),
    );
    const tables = new Set<Table>(changes.map((change) => ("put" in change ? change.put : "drop" in change ? change.drop : change.clear)));
    if (guard) tables.add(guard.table);
    if (!tables.size) return true;
    const transaction = this.db.transaction([...tables], "readwrite", { durability: "strict" });
    // Whatever fails inside ends the transaction; `done` must be watched from the start, or its rejection is nobody's.
    const done = transaction.done;
    done.catch(() => undefined);
    if (guard && (await transaction.objectStore(guard.table).get(guard.key))?.mark !== guard.mark) {
      transaction.abort();
      return false;
    }
    for (const [place, change] of changes.entries()) {
      const row = rows[place];
      if ("put" in change && row) void transaction.objectStore(change.put).put(row, change.key);
      else if ("drop" in change) void transaction.objectStore(change.drop).delete(change.key);
      else if ("clear" in change) void transaction.objectStore(change.clear).delete(range(change.prefix) as IDBKeyRange);
    }
    await done;
    return true;
  }

  /** Forget what the PIN protects; it can be fetched again. */
  async dropVault(): Promise<void> {
    await this.write([
      { clear: "docs", prefix: "" },
      { clear: "staged", prefix: "" },
      { clear: "meta", prefix: "token:" },
      { clear: "meta", prefix: "scope:" },
      { clear: "meta", prefix: "staged:" },
    ]);
  }

  close(): void {
    this.db.close();
  }

  private keyOf(table: Table): CryptoKey {
    if (!BEHIND_PIN.has(table)) return this.ownKey;
    if (!this.vaultKey) throw new Shut();
    return this.vaultKey;
  }
}

/** The database of a person. */
export function nameOf(user: string): string {
  return `gridwatch-${user}`;
}

/** All keys that begin with `prefix`. */
function range(prefix: string): IDBKeyRange {
  return IDBKeyRange.bound(prefix, `${prefix}\uffff`);
}
