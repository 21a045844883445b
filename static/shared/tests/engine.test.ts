/** What a phone must promise (docs/sync.md, section 10), against a server that plays tricks. */
import { beforeEach, expect, test } from "vitest";
import { keepPhoto, upload } from "../sync/files";
import { OverLimit, queue } from "../sync/outbox";
import { type Phone, waiting } from "../sync/phone";
import { digest, documents, pull } from "../sync/pull";
import { push } from "../sync/push";
import { sync } from "../sync/sync";
import type { Change, Doc, Result, ScopePart, Settled } from "../sync/wire";
import { digestOf, type Heard, NOW, phoneOf, QUIET, Town } from "./talk";

let town: Town;
let phone: Phone;
beforeEach(async () => {
  town = new Town();
  phone = await phoneOf(town);
});

const suggest = (text = "路灯坏了") => queue(phone, "suggestion.submit", { text });
const settled = () => phone.store.all<Settled>("settled");
const pushes = () => town.heard.filter((one) => one.path.endsWith("/push"));
const sizes = () => pushes().map((one) => (one.body.items as unknown[]).length);

// -- the outbox --

test("numbers run without gap or double, however many are queued at once", async () => {
  await Promise.all(Array.from({ length: 12 }, () => suggest()));
  expect((await waiting(phone.store)).map((item) => item.device_no)).toEqual(Array.from({ length: 12 }, (_, place) => place + 1));
});

test("an item is frozen: sent again after a lost answer, it is the same to the byte", async () => {
  await suggest();
  const [before] = await waiting(phone.store);
  town.rules = [() => "lost"];
  await expect(push(phone)).rejects.toMatchObject({ why: "offline" });
  town.rules = [];
  await push(phone);
  expect(pushes()[0]?.body).toEqual(pushes()[1]?.body);
  expect((await settled())[0]?.item).toEqual(before);
});

test("a write that fails for want of room takes no number and loses nothing", async () => {
  const store = (await phoneOf(town)).store;
  phone = await phoneOf(town, store);
  await suggest();
  store.full = true;
  await expect(suggest()).rejects.toThrow("full");
  store.full = false;
  expect((await suggest()).device_no).toBe(2);
});

test("an item over a published limit is refused before it is queued", async () => {
  await expect(suggest("字".repeat(400_000))).rejects.toBeInstanceOf(OverLimit);
  expect(await waiting(phone.store)).toEqual([]);
});

// -- push --

const WRONG: [string, (result: Result) => Partial<Result>][] = [
  ["no receipt", () => ({ receipt: null })],
  ["the receipt of another item", (one) => ({ receipt: { ...one.receipt, id: "other" } as Result["receipt"] })],
  ["a receipt for other content", (one) => ({ receipt: { ...one.receipt, item_sha256: "0".repeat(64) } as Result["receipt"] })],
  ["rejected, but of another item", () => ({ outcome: "rejected", id: "other", receipt: null })],
];

test.each(WRONG)("nothing leaves the outbox on %s", async (_, spoil) => {
  await suggest();
  town.rules = [
    async (heard) => {
      const body = (await town.push(heard.body.items as never)) as { results: Result[] };
      return { body: { ...body, results: body.results.map((one) => ({ ...one, ...spoil(one) })) } };
    },
  ];
  await expect(push(phone)).rejects.toMatchObject({ why: "no_receipt" });
  expect(await waiting(phone.store)).toHaveLength(1);
});

test.each([400, 413])("on %i the batch is halved until the one that is too much stands alone, and the rest is through", async (status) => {
  for (let number = 1; number <= 5; number++) await suggest(number === 3 ? "坏" : "好");
  town.rules = [(heard) => (JSON.stringify(heard.body).includes("坏") ? { status, body: { code: "sync.undecodable" } } : undefined)];
  await push(phone);
  expect((await settled()).map((one) => one.item.device_no)).toEqual([1, 2, 4, 5]);
  const [rejected] = await phone.store.all<Settled>("rejected");
  expect([rejected?.item.device_no, rejected?.result.outcome]).toEqual([3, "rejected"]);
  expect(sizes().every((size) => size <= 5)).toBe(true);
});

test("a batch keeps to 200 items and to 1 MB", async () => {
  for (let number = 1; number <= 205; number++) await suggest();
  for (let number = 0; number < 3; number++) await suggest("字".repeat(150_000));
  await push(phone);
  expect(sizes()).toEqual([200, 7, 1]);
});

test("an expired sign-in is refreshed; when that is over, sending pauses and the outbox stays", async () => {
  await suggest();
  town.rules = [
    (heard) => (heard.path.endsWith("/refresh") ? { status: 401, body: { code: "auth.expired" } } : undefined),
    () => ({ status: 401, body: { code: "auth.expired" } }),
  ];
  await expect(push(phone)).rejects.toMatchObject({ why: "signed_out" });
  expect(await waiting(phone.store)).toHaveLength(1);
});

test.each([
  ["a page of a Wi-Fi portal", { status: 200, body: "<html>", type: "text/html" }, "stranger"],
  ["half an answer", { status: 200, body: '{"results": [' }, "stranger"],
  ["an answer without results", { status: 200, body: { ok: true } }, "stranger"],
  ["a busy server", { status: 503, body: { code: "http.busy" }, after: 7 }, "busy"],
])("%s is no receipt", async (_, reply, why) => {
  await suggest();
  town.rules = [() => reply];
  await expect(push(phone)).rejects.toMatchObject({ why });
  expect(await waiting(phone.store)).toHaveLength(1);
});

// -- pull --

const SCOPE = "grid:441900004003001";
const doc = (id: string, rev = 1): Doc => ({ kind: "task", id, rev });
const put = (one: Doc): Change => ({ op: "put", kind: one.kind, id: one.id, rev: one.rev, seq: one.rev, doc: one });
const leave = (id: string): Change => ({ op: "leave", kind: "task", id, seq: 99 });
const part = (more: Partial<ScopePart>): ScopePart => ({
  scope: SCOPE,
  mode: "delta",
  token: "t",
  more: false,
  digest: null,
  changes: [],
  ...more,
});
const answers = (scopes: ScopePart[], more: Partial<typeof QUIET> = {}) => town.pages.push({ ...QUIET, scopes, ...more });
const held = async () => (await documents(phone, "task")).map((one) => `${one.doc.id}@${one.doc.rev}`);
const token = () => phone.store.get<string>("meta", `token:${SCOPE}`);

test("a delta is put and left, its token is kept with it, and its digest is compared", async () => {
  answers([
    part({
      mode: "snapshot",
      snapshot: "s",
      page: 1,
      token: "t1",
      changes: [put(doc("a")), put(doc("b"))],
      digest: await digestOf([doc("a"), doc("b")]),
    }),
  ]);
  await pull(phone);
  answers([part({ token: "t2", changes: [put(doc("b", 2)), leave("a")], digest: await digestOf([doc("b", 2)]) })]);
  await pull(phone);
  expect([await held(), await token(), await phone.store.get("meta", "incidents")]).toEqual([["b@2"], "t2", undefined]);
});

test("a wrong digest drops the token, and the next heartbeat says so", async () => {
  answers([part({ token: "t1", changes: [put(doc("a"))], digest: { count: 2, hash: "0".repeat(16) } })]);
  await pull(phone);
  expect(await token()).toBeUndefined();
  await pull(phone);
  const asked = town.heard[town.heard.length - 1] as Heard;
  expect([(asked.body.scopes as never)[SCOPE], (asked.body.heartbeat as { incidents: number }).incidents]).toEqual([null, 1]);
});

test("a snapshot replaces only when its last page is in, by set difference", async () => {
  answers([part({ changes: [put(doc("old")), put(doc("kept"))] })]);
  await pull(phone);
  answers([part({ mode: "snapshot", snapshot: "s", page: 1, token: "s1", more: true, changes: [put(doc("kept", 2)), put(doc("new"))] })], {
    more: true,
  });
  town.rules = [(heard) => (heard.path.endsWith("/pull") && !town.pages.length ? "lost" : undefined)];
  await expect(pull(phone)).rejects.toMatchObject({ why: "offline" });
  expect((await held()).sort()).toEqual(["kept@1", "old@1"]);
  town.rules = [];
  answers([
    part({
      mode: "snapshot",
      snapshot: "s",
      page: 2,
      token: "s2",
      changes: [put(doc("newer"))],
      digest: await digestOf([doc("kept", 2), doc("new"), doc("newer")]),
    }),
  ]);
  await pull(phone);
  expect((await held()).sort()).toEqual(["kept@2", "new@1", "newer@1"]);
  expect(await phone.store.all("staged")).toEqual([]);
});

test("another build than the one that is staged means: begin again", async () => {
  answers([part({ mode: "snapshot", snapshot: "s", page: 1, token: "s1", more: true, changes: [put(doc("a"))] })]);
  await pull(phone);
  answers([part({ mode: "snapshot", snapshot: "other", page: 2, token: "o2", changes: [put(doc("b"))] })]);
  await pull(phone);
  expect([await held(), await token(), await phone.store.all("staged")]).toEqual([[], undefined, []]);
});

test("a document that two scopes hold leaves with the second", async () => {
  const other = { scope: "grid:2", changes: [put(doc("shared"))] };
  answers([part({ changes: [put(doc("shared"))] }), part(other)]);
  await pull(phone);
  answers([part({ changes: [leave("shared")] })]);
  await pull(phone);
  expect(await held()).toEqual(["shared@1"]);
});

test("a lost scope leaves when nothing of it waits to be sent, and not before", async () => {
  answers([part({ changes: [put(doc("a"))] })]);
  await pull(phone);
  await queue(phone, "suggestion.submit", {}, { scope: SCOPE });
  answers([], { revoked: [SCOPE] });
  town.rules = [(heard) => (heard.path.endsWith("/push") ? { status: 503, body: {} } : undefined)];
  await expect(pull(phone)).rejects.toMatchObject({ why: "busy" });
  expect(await held()).toEqual(["a@1"]);
  town.rules = [];
  answers([], { revoked: [SCOPE] });
  await pull(phone);
  expect([await held(), await waiting(phone.store)]).toEqual([[], []]);
});

test("after a restore what was acknowledged is offered again, once", async () => {
  await suggest();
  await sync(phone, "all", "u");
  answers([], { epoch: "e2" });
  town.stored.clear();
  await pull(phone);
  expect(town.stored.size).toBe(1);
  expect([await waiting(phone.store), (await settled()).length]).toEqual([[], 1]);
});

test("a receipt is forgotten after seven days, and not while a person looks at the item", async () => {
  let now = NOW;
  phone = { ...phone, now: () => now };
  await suggest();
  await suggest();
  await sync(phone, "all", "u");
  const [, second] = await settled();
  const open = { kind: "outcome", id: second?.item.id ?? "", rev: 1, outcome: "review", code: "payload_invalid" };
  now = new Date(NOW.getTime() + 8 * 86_400_000);
  answers([part({ scope: "user:me", changes: [put(open)] })]);
  await pull(phone);
  expect((await settled()).map((one) => one.item.device_no)).toEqual([2]);
});

test("pull does not wait for a push that cannot get through", async () => {
  await suggest();
  town.rules = [(heard) => (heard.path.endsWith("/push") ? { status: 503, body: {} } : undefined)];
  answers([part({ changes: [put(doc("a"))] })]);
  await expect(sync(phone, "all", "u")).rejects.toMatchObject({ why: "busy" });
  expect(await held()).toEqual(["a@1"]);
});

test("the digest of nothing is zero", async () => {
  expect(await digest(SCOPE, new Map())).toEqual({ count: 0, hash: "0000000000000000" });
});

// -- files --

test("photos go after the items, are sent from where they stopped, and are let go when nothing names them", async () => {
  const photo = await keepPhoto(phone, new Uint8Array(600_000).fill(7), "image/jpeg", "door_plate", true);
  await queue(phone, "lead.report", {}, { files: [photo] });
  let chunks = 0;
  town.rules = [(heard) => (heard.method === "PATCH" && ++chunks === 2 ? "lost" : undefined)];
  await expect(sync(phone, "send", "u")).rejects.toMatchObject({ why: "offline" });
  expect([await waiting(phone.store), (await settled())[0]?.result.missing]).toEqual([[], [photo.sha256]]);
  await upload(phone);
  expect(town.uploads.get(photo.sha256)?.length).toBe(600_000);
  expect((await settled())[0]?.sent).toEqual([photo.sha256]);
  await phone.store.write([{ clear: "settled", prefix: "" }]);
  await upload(phone);
  expect((await phone.store.marks("photos")).size).toBe(1); // just taken: its draft may be on its way to the disk
  await upload({ ...phone, now: () => new Date(NOW.getTime() + 2 * 3_600_000) });
  expect((await phone.store.marks("photos")).size).toBe(0);
});
