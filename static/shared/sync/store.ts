/** What the engine asks of a store. `shared/store` keeps one in IndexedDB, sealed; the tests one in memory. */

export const TABLES = ["meta", "docs", "staged", "outbox", "settled", "rejected", "drafts", "photos", "ref"] as const;
export type Table = (typeof TABLES)[number];

/** One change. `mark` is a small value beside the row that can be read without opening it, such as the rev of a document. */
export type Write =
  | { put: Table; key: string; value: unknown; mark?: number }
  | { drop: Table; key: string }
  | { clear: Table; prefix: string };

/** The writing is done only if the mark of this row still is `mark` (undefined: no such row). */
export interface Guard {
  table: Table;
  key: string;
  mark: number | undefined;
}

export interface Store {
  /** The value of a row, or undefined. */
  get<T>(table: Table, key: string): Promise<T | undefined>;
  /** The values of all rows whose key begins with `prefix`, in the order of their keys. */
  all<T>(table: Table, prefix?: string): Promise<T[]>;
  /** Key → mark of the same rows; opens none of them. */
  marks(table: Table, prefix?: string): Promise<Map<string, number | undefined>>;
  /** All changes or none, durable when it returns. False, and nothing changed, when the guard no longer holds. */
  write(changes: Write[], guard?: Guard): Promise<boolean>;
}

/** The part of the store that needs a PIN is shut. */
export class Shut extends Error {
  constructor() {
    super("the store is locked");
    this.name = "Shut";
  }
}

/** The key of a row of the outbox: device numbers in their order. */
export function numberKey(device_no: number): string {
  return String(device_no).padStart(12, "0");
}
