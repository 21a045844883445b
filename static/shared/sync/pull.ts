/** Fetching what changed, until nothing is left. Token and page are stored together, a snapshot replaces when it is whole. */
import { size } from "./json";
import { limitsOf, outboxKey, type Phone, waiting } from "./phone";
import { push } from "./push";
import { Paused } from "./server";
import type { Write } from "./store";
import { type Doc, type PullAnswer, SCHEMA, type ScopePart, type Session, type Settled } from "./wire";

interface Staged {
  snapshot: string;
  page: number;
}

/** Where a document of a scope lies: `<scope> <kind>/<id>`. */
export const docKey = (scope: string, kind: string, id: string): string => `${scope} ${kind}/${id}`;
const within = (scope: string): string => `${scope} `;
const tokenKey = (scope: string): string => `token:${scope}`;

/** Fetch until nothing is left. Raises Paused. */
export async function pull(phone: Phone, limit = 500): Promise<void> {
  for (;;) {
    const answer = await phone.server.ask<PullAnswer>("POST", "/sync/pull", await wanted(phone, limit));
    if (!Array.isArray(answer.scopes) || !Array.isArray(answer.revoked)) throw new Paused("stranger", 200);
    if (answer.epoch !== (await phone.store.get<string>("meta", "epoch"))) await beginEpoch(phone, answer.epoch);
    for (const part of answer.scopes) await take(phone, part);
    const left = await letGo(phone, answer.revoked);
    if (answer.scopes.length || answer.revoked.length) phone.changed("docs");
    if (answer.more) continue;
    await phone.store.write([{ put: "meta", key: "synced_at", value: phone.now().toISOString() }]);
    await forgetOld(phone);
    if (!left && (await phone.store.marks("outbox")).size) await push(phone); // what a new epoch brought back
    return;
  }
}

async function heldScopes(phone: Phone): Promise<string[]> {
  return [...(await phone.store.marks("meta", "scope:")).keys()].map((key) => key.slice("scope:".length));
}

async function wanted(phone: Phone, limit: number): Promise<object> {
  const own = `user:${(await phone.store.get<Session>("meta", "session"))?.user.id}`;
  const scopes: Record<string, string | null> = {};
  for (const scope of await heldScopes(phone)) {
    scopes[scope === own ? "user:me" : scope] = (await phone.store.get<string>("meta", tokenKey(scope))) ?? null;
  }
  return { schema: SCHEMA, limit, scopes, heartbeat: await heartbeat(phone) };
}

async function heartbeat(phone: Phone): Promise<object> {
  const items = await waiting(phone.store);
  return {
    device_id: phone.deviceId,
    app_build: phone.appBuild,
    unsent: items.length,
    unsent_bytes: items.reduce((sum, item) => sum + size(item), 0),
    oldest_unsent_at: items[0]?.captured_at ?? null,
    highest_device_no: (await phone.store.get<number>("meta", "last_no")) ?? 0,
    incidents: (await phone.store.get<number>("meta", "incidents")) ?? 0,
    ...(await phone.storage()),
  };
}

/** A restored server may have lost what it acknowledged: offer again what is still kept, and what was rejected too. */
async function beginEpoch(phone: Phone, epoch: string): Promise<void> {
  const again = [...(await phone.store.all<Settled>("settled")), ...(await phone.store.all<Settled>("rejected"))];
  await phone.store.write([
    ...again.flatMap(({ item }): Write[] => [
      { put: "outbox", key: outboxKey(item), value: item },
      { drop: "settled", key: outboxKey(item) },
      { drop: "rejected", key: outboxKey(item) },
    ]),
    { clear: "staged", prefix: "" },
    { clear: "meta", prefix: "staged:" },
    { put: "meta", key: "epoch", value: epoch },
  ]);
  if (again.length) phone.changed("outbox");
}

/** Take one page of one scope: documents and token together, or not at all. */
async function take(phone: Phone, part: ScopePart): Promise<void> {
  const { store } = phone;
  const { scope } = part;
  const snapshot = part.mode === "snapshot";
  const begun = await store.get<Staged>("meta", `staged:${scope}`);
  const goesOn = begun !== undefined && begun.snapshot === part.snapshot && begun.page === (part.page ?? 1) - 1;
  const restart: Write[] = [
    { clear: "staged", prefix: within(scope) },
    { drop: "meta", key: `staged:${scope}` },
  ];
  if (snapshot && (part.page ?? 1) > 1 && !goesOn) {
    // Another build than the one that was begun: throw it away and ask from the start.
    await store.write([...restart, { drop: "meta", key: tokenKey(scope) }]);
    return;
  }
  const before = await store.marks(snapshot ? "staged" : "docs", within(scope));
  const held = snapshot && !goesOn ? new Map<string, number | undefined>() : before;
  const writes: Write[] = snapshot && !goesOn ? [...restart] : [];
  const into = snapshot ? "staged" : "docs";
  for (const change of part.changes) {
    const key = docKey(scope, change.kind, change.id);
    if (change.op === "put") {
      held.set(key, change.rev);
      writes.push({ put: into, key, value: change.doc, mark: change.rev });
    } else {
      held.delete(key);
      writes.push({ drop: into, key });
    }
  }
  if (snapshot && part.more) {
    writes.push({ put: "meta", key: `staged:${scope}`, value: { snapshot: part.snapshot, page: part.page } });
  } else if (snapshot) {
    writes.push(...(await replacement(phone, scope, held, part)), ...restart);
  }
  writes.push({ put: "meta", key: `scope:${scope}`, value: true });
  const wrong = part.digest !== null && !same(part.digest, await digest(scope, held));
  if (wrong) {
    // What is here is not what the server has: ask for a snapshot, and say that it happened.
    const incidents = ((await store.get<number>("meta", "incidents")) ?? 0) + 1;
    writes.push({ drop: "meta", key: tokenKey(scope) }, { put: "meta", key: "incidents", value: incidents });
  } else {
    writes.push({ put: "meta", key: tokenKey(scope), value: part.token });
  }
  await store.write(writes);
}

/** The set difference between what a scope held and a whole snapshot of it, whose last page is `part`. */
async function replacement(phone: Phone, scope: string, whole: Map<string, number | undefined>, part: ScopePart): Promise<Write[]> {
  const gone = [...(await phone.store.marks("docs", within(scope))).keys()].filter((key) => !whole.has(key));
  const staged = new Map<string, Doc>();
  if ((part.page ?? 1) > 1) {
    for (const doc of await phone.store.all<Doc>("staged", within(scope))) staged.set(docKey(scope, doc.kind, doc.id), doc);
  }
  for (const change of part.changes) {
    if (change.op === "put") staged.set(docKey(scope, change.kind, change.id), change.doc);
    else staged.delete(docKey(scope, change.kind, change.id));
  }
  return [
    ...gone.map((key): Write => ({ drop: "docs", key })),
    ...[...staged].map(([key, doc]): Write => ({ put: "docs", key, value: doc, mark: doc.rev })),
  ];
}

/** The digest of the documents of a scope, in the protocol's form: their number and the XOR of their fingerprints. */
export async function digest(scope: string, held: Map<string, number | undefined>): Promise<{ count: number; hash: string }> {
  const start = within(scope).length;
  const hashes = await Promise.all(
    [...held].map(([key, rev]) => crypto.subtle.digest("SHA-256", new TextEncoder().encode(`${key.slice(start)}/${rev}`))),
  );
  const total = hashes.reduce((sum, bytes) => sum ^ new DataView(bytes).getBigUint64(0), 0n);
  return { count: held.size, hash: total.toString(16).padStart(16, "0") };
}

function same(one: { count: number; hash: string }, other: { count: number; hash: string }): boolean {
  return one.count === other.count && one.hash === other.hash;
}

/** Let go of lost scopes, each when nothing of it waits to be sent any more; true if something still does. */
async function letGo(phone: Phone, scopes: string[]): Promise<boolean> {
  if (!scopes.length) return false;
  if ((await phone.store.marks("outbox")).size) await push(phone);
  const unsent = new Set((await waiting(phone.store)).map((item) => item.scope));
  await phone.store.write(
    scopes
      .filter((scope) => !unsent.has(scope))
      .flatMap((scope): Write[] => [
        { clear: "docs", prefix: within(scope) },
        { clear: "staged", prefix: within(scope) },
        ...["token:", "scope:", "staged:"].map((name): Write => ({ drop: "meta", key: name + scope })),
      ]),
  );
  return scopes.some((scope) => unsent.has(scope));
}

/** Some days after its receipt an item is settled, unless a person has still to say something or a file is still missing. */
async function forgetOld(phone: Phone): Promise<void> {
  const limit = phone.now().getTime() - (await limitsOf(phone.store)).days_kept * 86_400_000;
  const own = new Map((await documents(phone, "outcome")).map(({ doc }) => [doc.id, doc]));
  const writes: Write[] = [];
  for (const done of await phone.store.all<Settled>("settled")) {
    if (Date.parse(done.at) > limit) continue;
    const outcome = own.get(done.item.id)?.outcome ?? (done.result.first ?? done.result).outcome;
    const open = outcome === "held" || outcome === "review" || missingFiles(done).length > 0;
    if (open) continue;
    writes.push({ drop: "settled", key: outboxKey(done.item) });
    if (done.item.task_id) writes.push({ drop: "meta", key: `title:${done.item.task_id}` });
  }
  if (writes.length) await phone.store.write(writes);
}

/** The hashes of its files that the server has not got as far as the phone knows, the required ones first. */
export function missingFiles(done: Settled): string[] {
  const files = done.item.files ?? [];
  const wantedOf = (required: boolean) =>
    files.filter((file) => file.required === required && (!required || done.result.missing.includes(file.sha256)));
  return [...wantedOf(true), ...wantedOf(false)].map((file) => file.sha256).filter((hash) => !done.sent.includes(hash));
}

/** All documents of a kind, each once, with a scope that holds it. Raises Shut while the store is locked. */
export async function documents(phone: Phone, kind: string): Promise<{ scope: string; doc: Doc }[]> {
  const found = new Map<string, { scope: string; doc: Doc }>();
  for (const scope of await heldScopes(phone)) {
    for (const doc of await phone.store.all<Doc>("docs", `${within(scope)}${kind}/`)) found.set(doc.id, { scope, doc });
  }
  return [...found.values()];
}
