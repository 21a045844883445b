/** All items of this person that the phone still holds, each with its state and a title that people know it by. */
import { type ComputedRef, computed } from "vue";
import type { UserPhone } from "../../shared/store/user";
import { documents } from "../../shared/sync/pull";
import { answeredState, type ItemState, waitingState } from "../../shared/sync/states";
import type { Doc, Item, Settled } from "../../shared/sync/wire";
import { app } from "./phone";
import { useRead } from "./use";
import { clock } from "./words";

export interface Held {
  waiting: Item[];
  settled: Settled[];
  rejected: Settled[];
  outcomes: Map<string, Doc>;
  titles: Map<string, string>;
}

export interface Shown extends ItemState {
  title: string;
  receivedAt: string | null;
}

const NOTHING: Held = { waiting: [], settled: [], rejected: [], outcomes: new Map(), titles: new Map() };

export function useHeld() {
  return useRead(held, NOTHING);
}

async function held(phone: UserPhone): Promise<Held> {
  const { store } = phone;
  const [waiting, settled, rejected] = [
    await store.all<Item>("outbox"),
    await store.all<Settled>("settled"),
    await store.all<Settled>("rejected"),
  ];
  const outcomes = new Map((await documents(phone, "outcome")).map(({ doc }) => [doc.id, doc]));
  const titles = new Map<string, string>();
  for (const item of [...waiting, ...[...settled, ...rejected].map((done) => done.item)]) {
    const said = item.task_id ? await store.get<string>("meta", `title:${item.task_id}`) : item.payload.title;
    titles.set(item.id, typeof said === "string" && said ? said : "");
  }
  return { waiting, settled, rejected, outcomes, titles };
}

/** The same as rows to show, the newest first. */
export function useRows(held: { value: Held }): ComputedRef<Shown[]> {
  return computed(() => {
    const { running, trouble, nextAt } = app.sync;
    const network = { running, trouble, nextAt: nextAt && clock(nextAt) };
    const now = held.value;
    const rows = [
      ...now.waiting.map((item) => ({ ...waitingState(item, network), receivedAt: null })),
      ...[...now.settled, ...now.rejected].map((done) => ({
        ...answeredState(done, now.outcomes.get(done.item.id) ?? null),
        receivedAt: done.result.receipt?.received_at ?? null,
      })),
    ];
    return rows
      .map((row) => ({ ...row, title: now.titles.get(row.item.id) ?? "" }))
      .sort((one, other) => other.item.device_no - one.item.device_no);
  });
}
