/** A store in memory: for tests, and for reading what an export would hold. It behaves as the one in IndexedDB does. */
import type { Guard, Store, Table, Write } from "./store";
import { TABLES } from "./store";

interface Row {
  value: string;
  mark: number | undefined;
  bytes: Uint8Array | undefined;
}

export class MemoryStore implements Store {
  private tables = new Map<Table, Map<string, Row>>(TABLES.map((table) => [table, new Map()]));
  /** Set to make the next `write` fail, as a full disk does. */
  full = false;

  async get<T>(table: Table, key: string): Promise<T | undefined> {
    return this.read<T>(this.of(table).get(key));
  }

  async all<T>(table: Table, prefix = ""): Promise<T[]> {
    return this.rows(table, prefix).map(([, row]) => this.read<T>(row) as T);
  }

  async marks(table: Table, prefix = ""): Promise<Map<string, number | undefined>> {
    return new Map(this.rows(table, prefix).map(([key, row]) => [key, row.mark]));
  }

  async write(changes: Write[], guard?: Guard): Promise<boolean> {
    if (this.full) throw new DOMException("full", "QuotaExceededError");
    if (guard && this.of(guard.table).get(guard.key)?.mark !== guard.mark) return false;
    for (const change of changes) {
      if ("put" in change) {
        const bytes = change.value instanceof Uint8Array ? change.value.slice() : undefined;
        this.of(change.put).set(change.key, { value: bytes ? "" : JSON.stringify(change.value), mark: change.mark, bytes });
      } else if ("drop" in change) {
        this.of(change.drop).delete(change.key);
      } else {
        for (const [key] of this.rows(change.clear, change.prefix)) this.of(change.clear).delete(key);
      }
    }
    return true;
  }

  private of(table: Table): Map<string, Row> {
    return this.tables.get(table) as Map<string, Row>;
  }

  private rows(table: Table, prefix: string): [string, Row][] {
    return [...this.of(table)].filter(([key]) => key.startsWith(prefix)).sort(([one], [other]) => (one < other ? -1 : 1));
  }

  private read<T>(row: Row | undefined): T | undefined {
    if (!row) return undefined;
    return (row.bytes ? row.bytes.slice() : JSON.parse(row.value)) as T;
  }
}
