/** The limits that the server publishes, and how near this phone is to one. */

export interface Limits {
  items_a_batch: number;
  bytes_a_batch: number;
  bytes_an_item: number;
  files_an_item: number;
  bytes_a_file: number;
  days_kept: number;
}

/** What docs/sync.md, section 9, says; used until `GET /ref` has told them. */
export const LIMITS: Limits = {
  items_a_batch: 200,
  bytes_a_batch: 1_000_000,
  bytes_an_item: 1_000_000,
  files_an_item: 9,
  bytes_a_file: 10_000_000,
  days_kept: 7,
};

export type LimitName = "item_bytes" | "item_files" | "file_bytes" | "waiting" | "storage";
export interface Near {
  name: LimitName;
  used: number;
  most: number;
  /** True when the limit is reached, false when it is only near. */
  reached: boolean;
}

const NEAR = 0.8;
/** Items that wait: more than a day's work of anybody. Nothing is refused for it, it is only said. */
const MANY_WAITING = 200;

/** Which limits a new item would reach or come near to. `bytes` is the item as JSON, `files` the sizes of its files. */
export function limitsOfItem(bytes: number, files: number[], limits: Limits = LIMITS): Near[] {
  return [
    ...near("item_bytes", bytes, limits.bytes_an_item),
    ...near("item_files", files.length, limits.files_an_item, 1),
    ...files.flatMap((size) => near("file_bytes", size, limits.bytes_a_file)),
  ];
}

/** Which limits the phone itself is near to. `used` and `quota` are bytes of storage; quota 0 is not known. */
export function limitsOfPhone(waiting: number, used: number, quota: number): Near[] {
  return [...near("waiting", waiting, MANY_WAITING), ...(quota > 0 ? near("storage", used, quota) : [])];
}

function near(name: LimitName, used: number, most: number, from = NEAR): Near[] {
  // A limit itself may still be used up; what is beyond it is refused.
  if (used > most) return [{ name, used, most, reached: true }];
  return used >= most * from ? [{ name, used, most, reached: false }] : [];
}
