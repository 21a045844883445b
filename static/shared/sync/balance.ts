/** The evening balance: what this phone wrote down on a day, and for how much of it the server's receipt is here. */
import { missingFiles } from "./pull";
import type { Item, Kind, Settled } from "./wire";

export interface Line {
  kind: Kind;
  written: number;
  received: number;
}

export interface Balance {
  written: number;
  received: number;
  lines: Line[];
  /** Device numbers without a receipt, in order. */
  open: number[];
  photos: { all: number; here: number };
  /** First and last device number of the day, null on a day without any. */
  numbers: [number, number] | null;
  /** True when as much was received as was written and every photo is here. */
  even: boolean;
}

/** The day in China (`2026-10-12`) of an instant, whatever zone the phone is set to. */
export function chinaDay(at: string | Date): string {
  return new Date(new Date(at).getTime() + 8 * 3_600_000).toISOString().slice(0, 10);
}

/** The balance of one day. Only a receipt counts as received, never a state. */
export function balanceOf(day: string, waiting: Item[], settled: Settled[], rejected: Settled[]): Balance {
  const ofDay = (item: Item) => chinaDay(item.captured_at) === day;
  const received = settled.filter((done) => ofDay(done.item) && done.result.receipt !== null);
  const open = [...waiting, ...rejected.map((done) => done.item)].filter(ofDay);
  const items = [...open, ...received.map((done) => done.item)];
  const numbers = items.map((item) => item.device_no).sort((one, other) => one - other);
  const lines = new Map<Kind, Line>();
  for (const item of items) {
    const line = lines.get(item.kind) ?? { kind: item.kind, written: 0, received: 0 };
    lines.set(item.kind, { ...line, written: line.written + 1, received: line.received + (open.includes(item) ? 0 : 1) });
  }
  const all = items.reduce((sum, item) => sum + (item.files?.length ?? 0), 0);
  const here = received.reduce((sum, done) => sum + (done.item.files?.length ?? 0) - missingFiles(done).length, 0);
  const [first, last] = [numbers[0], numbers[numbers.length - 1]];
  return {
    written: items.length,
    received: received.length,
    lines: [...lines.values()],
    open: open.map((item) => item.device_no).sort((one, other) => one - other),
    photos: { all, here },
    numbers: first !== undefined && last !== undefined ? [first, last] : null,
    even: items.length === received.length && here === all,
  };
}
