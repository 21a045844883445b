/** What the phone says: states, balance, limits, and when it tries again. */
import { expect, test } from "vitest";
import { balanceOf, chinaDay } from "../sync/balance";
import { limitsOfItem, limitsOfPhone } from "../sync/limits";
import { Paused, type Why } from "../sync/server";
import { answeredState, waitingState } from "../sync/states";
import { Scheduler, type State, USUAL_MS, waitMs } from "../sync/sync";
import type { Item, Outcome, Settled } from "../sync/wire";
import { NOW } from "./talk";

const FILE = { sha256: "f".repeat(64), size: 9, mime: "image/jpeg", role: "door_plate", required: true };
const item = (device_no: number, more: Partial<Item> = {}): Item => ({
  id: `item-${device_no}`,
  device_no,
  kind: "visit.submit",
  payload: {},
  captured_at: "2026-10-12T09:00:00.000+08:00",
  clock: null,
  scope: null,
  scope_token: null,
  ...more,
});
const done = (outcome: Outcome, code: string | null = null, one = item(1), missing: string[] = []): Settled => ({
  item: one,
  at: NOW.toISOString(),
  sent: [],
  result: {
    id: one.id,
    outcome,
    code,
    message: "服务器说的一句话。",
    facts: {},
    missing,
    rev: 1,
    first: null,
    receipt: outcome === "rejected" ? null : { id: one.id, item_sha256: "", received_at: NOW.toISOString(), no: 4187 },
  },
});

const WAITING: [Why | null, boolean, string | null, string, string | null][] = [
  [null, true, null, "正在发送", null],
  [null, false, "10:42", "排队", "10:42 自动再发，也可以现在发送"],
  ["offline", false, "10:42", "等网络", "10:42 自动再发，也可以现在发送"],
  ["offline", false, null, "等网络", "按「现在发送」"],
  ["phone", false, "10:42", "没发出去", "10:42 自动再发，也可以现在发送"],
  ["busy", false, "10:42", "等服务器", "10:42 自动再发，也可以现在发送"],
  ["signed_out", false, null, "等登录", "登录后继续发送"],
];

test.each(WAITING)("what waits (%s, running %s, timer %s) is %s", (why, running, nextAt, state, next) => {
  const said = waitingState(item(1), { running, trouble: why && new Paused(why), nextAt });
  expect([said.state[0], said.next?.[0] ?? null, said.group]).toEqual([state, next, "way"]);
});

const ANSWERED: [Outcome, string | null, string[], string, string][] = [
  ["accepted", null, [], "已收", "done"],
  ["accepted", null, [FILE.sha256], "文字已收，照片 0/1", "way"],
  ["accepted", "implausible_time", [], "已收", "look"],
  ["held", null, [], "已收，等前一件", "way"],
  ["superseded", "reassigned", [], "已收，留作凭证", "done"],
  ["review", "payload_invalid", [], "已收，社区在看", "look"],
  ["review", "a_code_of_the_future", [], "已收，社区在看", "look"],
  ["rejected", "over_limit", [], "没有收，内容还在手机里", "look"],
];

test.each(ANSWERED)("%s/%s with %j missing is %s", (outcome, code, missing, state, group) => {
  const said = answeredState(done(outcome, code, item(1, { files: missing.length ? [FILE] : [] }), missing), null);
  expect([said.state[0], said.group, said.receipt]).toEqual([state, group, outcome === "rejected" ? null : 4187]);
  expect(said.state[1]).not.toBe("");
});

test("the outcome document has the last word, and a duplicate stands as its first answer", () => {
  const now = { kind: "outcome", id: "item-1", rev: 2, outcome: "accepted", code: "reviewed", message: "" };
  expect(answeredState(done("review", "payload_invalid"), now).group).toBe("done");
  const again = done("duplicate");
  again.result.first = { outcome: "review", code: "stale_base" };
  expect(answeredState(again, null).group).toBe("look");
});

test("the balance is even when every item of the day has a receipt and every photo is here", () => {
  const of = (no: number) => done("accepted", null, item(no));
  const day = "2026-10-12";
  const even = balanceOf(day, [], [of(1), of(2)], []);
  expect([even.written, even.received, even.open, even.even, even.numbers]).toEqual([2, 2, [], true, [1, 2]]);
  const open = balanceOf(day, [item(3, { kind: "lead.report" })], [of(1), of(2)], [done("rejected", "over_limit", item(4))]);
  expect([open.written, open.received, open.open, open.even]).toEqual([4, 2, [3, 4], false]);
  expect(open.lines).toContainEqual({ kind: "lead.report", written: 1, received: 0 });
  const photo = balanceOf(day, [], [done("accepted", null, item(1, { files: [FILE] }), [FILE.sha256])], []);
  expect([photo.received, photo.photos, photo.even]).toEqual([1, { all: 1, here: 0 }, false]);
});

test("a day is a day in China", () => {
  expect(chinaDay("2026-10-11T16:30:00.000Z")).toBe("2026-10-12");
  expect(balanceOf("2026-10-11", [item(1)], [], []).written).toBe(0);
});

const LIMITS: [string, () => { name: string; reached: boolean }[], [string, boolean][]][] = [
  ["small", () => limitsOfItem(1_000, [300_000]), []],
  ["a large item", () => limitsOfItem(850_000, []), [["item_bytes", false]]],
  ["too large an item", () => limitsOfItem(1_000_001, []), [["item_bytes", true]]],
  ["the ninth photo", () => limitsOfItem(1, Array(9).fill(1)), [["item_files", false]]],
  ["the tenth photo", () => limitsOfItem(1, Array(10).fill(1)), [["item_files", true]]],
  ["a large photo", () => limitsOfItem(1, [9_000_000]), [["file_bytes", false]]],
  ["160 that wait", () => limitsOfPhone(160, 1, 100), [["waiting", false]]],
  ["a full phone", () => limitsOfPhone(0, 81, 100), [["storage", false]]],
  ["a quota that is not known", () => limitsOfPhone(0, 81, 0), []],
];

test.each(LIMITS)("a warning before a limit: %s", (_, said, expected) => {
  expect(said().map((one) => [one.name, one.reached])).toEqual(expected);
});

test.each([
  [1, 0, 0, 2_500],
  [1, 0, 1, 5_000],
  [3, 0, 1, 20_000],
  [30, 0, 1, USUAL_MS],
  [1, 60, 1, 60_000],
])("after %i failures, Retry-After %i and chance %d it waits %i ms", (failures, after, random, ms) => {
  expect(waitMs(failures, after, random)).toBe(ms);
});

function scheduler(run: () => Promise<void>) {
  const told: State[] = [];
  const timers: { work: () => void; ms: number }[] = [];
  const set = (work: () => void, ms: number) => timers.push({ work, ms });
  return {
    told,
    timers,
    one: new Scheduler(
      run,
      () => NOW,
      (state) => told.push(state),
      { set, clear: () => undefined },
    ),
  };
}

test("what is said of the next attempt has a timer behind it", async () => {
  const { one, timers } = scheduler(async () => {
    throw new Paused("offline");
  });
  await one.kick();
  expect(one.state.nextAt?.getTime()).toBe(NOW.getTime() + (timers[0]?.ms ?? -1));
  one.stop();
  expect(one.state.nextAt).toBeNull();
});

test("without a sign-in no timer is set and none is promised", async () => {
  const { one, timers } = scheduler(async () => {
    throw new Paused("signed_out", 401);
  });
  await one.kick();
  expect([one.state.nextAt, timers.length]).toEqual([null, 0]);
});

test("before the end of a Retry-After only the timer tries again", async () => {
  let runs = 0;
  const { one, timers } = scheduler(async () => {
    runs++;
    throw new Paused("busy", 503, {}, 60);
  });
  await one.kick();
  await one.kick();
  expect(runs).toBe(1);
  timers[0]?.work();
  await Promise.resolve();
  expect(runs).toBe(2);
});

test("what is queued while a sync runs is sent by another one behind it", async () => {
  let runs = 0;
  const waits: (() => void)[] = [];
  const { one } = scheduler(() => {
    runs++;
    return new Promise((resolve) => waits.push(resolve));
  });
  const first = one.kick();
  void one.kick();
  waits[0]?.();
  await Promise.resolve();
  await new Promise((resolve) => setTimeout(resolve));
  waits[1]?.();
  await first;
  expect(runs).toBe(2);
});
