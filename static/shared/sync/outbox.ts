/** The outbox: an item is frozen and numbered when it enters, and nothing changes it any more. No network is needed for this. */
import { localInstant, uuid7 } from "./ids";
import { size } from "./json";
import { limitsOfItem, type Near } from "./limits";
import { limitsOf, type Phone } from "./phone";
import { numberKey, type Write } from "./store";
import type { ClockReading, Doc, Item, Kind } from "./wire";

const TRIES = 50;

/** An item that cannot be queued because a limit that the server publishes is passed; nothing has been written. */
export class OverLimit extends Error {
  constructor(readonly limits: Near[]) {
    super(limits.map((one) => one.name).join(", "));
    this.name = "OverLimit";
  }
}

export type About = Partial<Pick<Item, "task_id" | "base_rev" | "item_version" | "scope" | "place" | "depends_on" | "files">>;

/** Put a fact into the outbox, together with `along` (the draft that it came from goes in the same step).
 *
 * Number and item are written at once, under the guard that nobody else has taken the number: two tabs get two numbers, without
 * a gap. Raises OverLimit; an error of the store (no room) leaves everything as it was. */
export async function queue(phone: Phone, kind: Kind, payload: Item["payload"], about: About = {}, along: Write[] = []): Promise<Item> {
  const { store } = phone;
  for (let tried = 0; tried < TRIES; tried++) {
    const last = (await store.marks("meta", "last_no")).get("last_no");
    const item = await frozen(phone, (last ?? 0) + 1, kind, payload, about);
    const over = limitsOfItem(
      size(item),
      (item.files ?? []).map((file) => file.size),
      await limitsOf(store),
    );
    if (over.some((one) => one.reached)) throw new OverLimit(over.filter((one) => one.reached));
    const number: Write = { put: "meta", key: "last_no", value: item.device_no, mark: item.device_no };
    const writes: Write[] = [number, { put: "outbox", key: numberKey(item.device_no), value: item }, ...along];
    if (await store.write(writes, { table: "meta", key: "last_no", mark: last })) {
      phone.numbered(item.device_no);
      phone.changed("outbox");
      return item;
    }
  }
  throw new Error(`the outbox was busy ${TRIES} times`);
}

async function frozen(phone: Phone, device_no: number, kind: Kind, payload: Item["payload"], about: About): Promise<Item> {
  const now = phone.now();
  const scope = about.scope ?? null;
  const clock = await phone.store.get<ClockReading>("meta", "clock");
  return {
    id: uuid7(now),
    device_no,
    kind,
    payload,
    captured_at: localInstant(now),
    clock: clock ? { offset_ms: clock.offset_ms, rtt_ms: clock.rtt_ms, offset_age_s: age(clock, now) } : null,
    scope_token: scope ? ((await phone.store.get<string>("meta", `token:${scope}`)) ?? null) : null,
    ...about,
    scope,
  };
}

/** Whole seconds since the clock was measured; a clock that was set back meanwhile gives none. */
function age(clock: ClockReading, now: Date): number {
  return Math.max(0, Math.floor((now.getTime() - Date.parse(clock.measured_at)) / 1000));
}

/** A visit to a task that the phone holds. */
export function visit(
  phone: Phone,
  scope: string,
  task: Doc,
  payload: Item["payload"],
  about: About = {},
  along: Write[] = [],
): Promise<Item> {
  const form = typeof task.form === "string" ? task.form : null;
  return queue(phone, "visit.submit", payload, { task_id: task.id, base_rev: task.rev, item_version: form, scope, ...about }, along);
}
