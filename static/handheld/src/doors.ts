/** The tasks that the phone holds, door by door: what is due first, then by address. */
import type { UserPhone } from "../../shared/store/user";
import { chinaDay } from "../../shared/sync/balance";
import { documents } from "../../shared/sync/pull";
import type { Doc, Item } from "../../shared/sync/wire";
import { type DueState, dueState, workdayTest } from "../../shared/sync/workdays";

export interface Duty {
  task: Doc;
  scope: string;
  due: DueState;
  entity: Doc | null;
}

export interface Door {
  /** The address that the duties share. */
  address: string;
  street: string;
  number: string;
  duties: Duty[];
  due: DueState;
}

const RANK = { late: 0, warn: 1, ok: 2, none: 3 };

/** The open duties of the phone, without those that an unsent visit answers. */
export async function duties(phone: UserPhone): Promise<Duty[]> {
  const [tasks, entities] = [await documents(phone, "task"), await documents(phone, "entity")];
  const known = new Map(entities.map(({ doc }) => [doc.id, doc]));
  const answered = new Set((await phone.store.all<Item>("outbox")).map((item) => item.task_id));
  const today = chinaDay(phone.now());
  const isWorkday = workdayTest(await phone.store.get("ref", "calendar"));
  return tasks
    .filter(({ doc }) => !answered.has(doc.id))
    .map(({ scope, doc }) => ({
      task: doc,
      scope,
      entity: known.get(String(doc.entity_id)) ?? null,
      due: dueState(text(doc.start_on), text(doc.due_on), today, isWorkday),
    }))
    .sort((one, other) => RANK[one.due.light] - RANK[other.due.light] || dueOf(one).localeCompare(dueOf(other)));
}

/** Grouped by door, in the order of the most urgent duty of each. */
export function byDoor(all: Duty[]): Door[] {
  const doors = new Map<string, Door>();
  for (const duty of all) {
    const address = addressOf(duty);
    const door = doors.get(address) ?? { address, ...plate(address), duties: [], due: duty.due };
    door.duties.push(duty);
    doors.set(address, door);
  }
  return [...doors.values()];
}

/** The address of a duty as it is registered, else as the task says it. */
export function addressOf(duty: Duty): string {
  return text(duty.task.address_text) ?? text(duty.entity?.address_text ?? null) ?? "";
}

/** What stands on the door plate: the road, and the number. A text without either is shown as it is. */
function plate(address: string): { street: string; number: string } {
  const short = address.replace(/^.*?(?:街道|镇|区|市)(?=.)/, "");
  const found = /^(.*?)(\d+(?:号|栋)?)/.exec(short);
  return found?.[1] ? { street: found[1].slice(-6), number: found[2] ?? "" } : { street: "", number: short.slice(0, 8) };
}

function dueOf(duty: Duty): string {
  return text(duty.task.due_on) ?? "9999";
}

function text(value: unknown): string | null {
  return typeof value === "string" && value ? value : null;
}
