/** The store in IndexedDB behaves as the one in memory, keeps its secrets, and the PIN opens what it should. */
import "fake-indexeddb/auto";
import { IDBFactory } from "fake-indexeddb";
import { beforeEach, expect, test } from "vitest";
import { Device, PIN_TRIES } from "../store/device";
import { IdbStore } from "../store/idb";
import { newOwnKey } from "../store/pin";
import { MemoryStore } from "../sync/memory";
import { Shut, type Store } from "../sync/store";

beforeEach(() => {
  globalThis.indexedDB = new IDBFactory();
});

const KINDS: [string, () => Promise<Store>][] = [
  ["in memory", async () => new MemoryStore()],
  ["in IndexedDB", async () => IdbStore.open("somebody", await newOwnKey())],
];

test.each(KINDS)("%s: values, marks and prefixes", async (_, open) => {
  const store = await open();
  await store.write([
    { put: "meta", key: "token:b", value: { text: "路灯" } },
    { put: "meta", key: "token:a", value: 1, mark: 7 },
    { put: "meta", key: "other", value: null },
    { put: "photos", key: "p", value: new Uint8Array([1, 2, 3]) },
  ]);
  expect(await store.get("meta", "token:b")).toEqual({ text: "路灯" });
  expect(await store.all("meta", "token:")).toEqual([1, { text: "路灯" }]);
  expect([...(await store.marks("meta", "token:"))]).toEqual([
    ["token:a", 7],
    ["token:b", undefined],
  ]);
  expect(await store.get("photos", "p")).toEqual(new Uint8Array([1, 2, 3]));
  await store.write([
    { clear: "meta", prefix: "token:" },
    { drop: "photos", key: "p" },
  ]);
  expect([await store.all("meta"), await store.all("photos")]).toEqual([[null], []]);
});

test.each(KINDS)("%s: a guard that no longer holds leaves everything as it was", async (_, open) => {
  const store = await open();
  const guard = { table: "meta", key: "last_no", mark: undefined } as const;
  expect(await store.write([{ put: "meta", key: "last_no", value: 1, mark: 1 }], guard)).toBe(true);
  expect(await store.write([{ put: "meta", key: "last_no", value: 1, mark: 1 }], guard)).toBe(false);
  expect(await store.get("meta", "last_no")).toBe(1);
});

test("what the PIN protects is shut without it, one's own words are not", async () => {
  const store = await IdbStore.open("somebody", await newOwnKey());
  await expect(store.write([{ put: "docs", key: "d", value: 1 }])).rejects.toBeInstanceOf(Shut);
  await expect(store.all("docs")).rejects.toBeInstanceOf(Shut);
  await store.write([{ put: "outbox", key: "1", value: "mine" }]);
  store.vaultKey = await newOwnKey();
  await store.write([{ put: "docs", key: "d", value: 1 }]);
  expect([await store.get("docs", "d"), await store.get("outbox", "1")]).toEqual([1, "mine"]);
});

/** A storage such as localStorage. */
function sentinels(): Storage {
  const kept = new Map<string, string>();
  return { getItem: (key: string) => kept.get(key) ?? null, setItem: (key: string, value: string) => void kept.set(key, value) } as Storage;
}

const WHO = { user_id: "u", username: "grid_worker", name: "网格员", area: "鸿福社区", refresh_expires_at: "2026-10-18T01:00:00.000Z" };

test("the keys of an account stay over every later sign-in, and cannot be taken out", async () => {
  const device = await Device.open(sentinels());
  const first = await device.remember(WHO);
  const second = await device.remember({ ...WHO, name: "新名字" });
  expect([second.name, second.own_key.extractable, second.pepper.extractable]).toEqual(["新名字", false, false]);
  expect(second.pepper).toEqual(first.pepper);
});

test("a PIN opens the vault; after five wrong ones there is none", async () => {
  const device = await Device.open(sentinels());
  await device.remember(WHO);
  const key = await device.setPin("u", "246802");
  expect(key.extractable).toBe(false);
  expect(await device.tryPin("u", "246802")).toHaveProperty("key");
  for (let left = PIN_TRIES - 1; left >= 0; left--) expect(await device.tryPin("u", "000000")).toEqual({ left });
  expect((await device.account("u"))?.lock).toBeNull();
  expect(await device.tryPin("u", "246802")).toEqual({ left: 0 });
});

test("a cleared storage is noticed, and its phone keeps its id and goes on with its numbers", async () => {
  const beside = sentinels();
  const before = await Device.open(beside);
  before.noteNumber(beside, "u", 7);
  globalThis.indexedDB = new IDBFactory();
  expect(await Device.existing()).toBeNull(); // the worker looks first, and begins nothing
  const after = await Device.open(beside);
  expect([after.id, after.loss, after.highest(beside, "u")]).toEqual([before.id, { users: ["u"] }, 7]);
  await after.forgetLoss();
  expect((await Device.open(beside)).loss).toBeNull();
});

test("a phone that is new, and one that never gave a number, miss nothing", async () => {
  const beside = sentinels();
  expect((await Device.open(beside)).loss).toBeNull();
  globalThis.indexedDB = new IDBFactory();
  expect((await Device.open(beside)).loss).toBeNull();
});
