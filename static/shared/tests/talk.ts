/** A server of a few lines, for the engine's own tests: it keeps the protocol and does to answers what bad networks do.
 * The real server plays against the real engine in tests/handheld. */
import { hex, itemSha256, type JsonObject } from "../sync/json";
import { MemoryStore } from "../sync/memory";
import type { Phone } from "../sync/phone";
import { type Answer, type Send, Server } from "../sync/server";
import type { Item, PullAnswer, Result } from "../sync/wire";

export const DEVICE = "11111111-1111-4111-8111-111111111111";
export const USER = "22222222-2222-4222-8222-222222222222";
export const NOW = new Date("2026-09-18T01:00:00.000Z");

export interface Heard {
  method: string;
  path: string;
  body: JsonObject;
}

type Reply = { status?: number; body?: unknown; type?: string; after?: number } | "lost";

/** Answers each request by the first rule that has something to say; what it was asked stands in `heard`. */
export class Town {
  heard: Heard[] = [];
  stored = new Map<string, string>();
  pages: PullAnswer[] = [];
  rules: ((heard: Heard) => Reply | undefined | Promise<Reply | undefined>)[] = [];
  uploads = new Map<string, Uint8Array>();

  send: Send = async (method, path, headers, body) => {
    const text = typeof body === "string" ? body : "{}";
    const heard = { method, path, body: JSON.parse(text) as JsonObject };
    this.heard.push(heard);
    for (const rule of this.rules) {
      const reply = await rule(heard);
      if (reply === "lost") throw new TypeError("Failed to fetch");
      if (reply) return answer(reply.status ?? 200, reply.body ?? {}, reply.type, reply.after);
    }
    if (path.endsWith("/push")) return answer(200, await this.push(heard.body.items as unknown as Item[]));
    if (path.endsWith("/pull")) return answer(200, this.pages.shift() ?? { ...QUIET });
    if (path.includes("/files")) return this.file(method, path, headers, body);
    return answer(404, { code: "http.not_found" });
  };

  async push(items: Item[]): Promise<object> {
    const results: Result[] = [];
    for (const item of items) {
      const sha256 = await itemSha256(item);
      const again = this.stored.get(item.id) === sha256;
      this.stored.set(item.id, sha256);
      const receipt = { id: item.id, item_sha256: sha256, received_at: NOW.toISOString(), no: 100 + item.device_no };
      const missing = (item.files ?? []).map((file) => file.sha256).filter((hash) => !this.uploads.has(hash));
      const first = again ? { outcome: "accepted" as const, code: null } : null;
      results.push({
        id: item.id,
        outcome: again ? "duplicate" : "accepted",
        code: null,
        message: "",
        facts: {},
        receipt,
        missing,
        rev: 1,
        first,
      });
    }
    return { server_time: NOW.toISOString(), results };
  }

  private file(method: string, path: string, headers: Record<string, string>, body: BodyInit | null): Answer {
    if (method === "POST") {
      const hash = atob(/sha256 (\S+?)(,|$)/.exec(headers["Upload-Metadata"] ?? "")?.[1] ?? "");
      this.uploads.set(`open:${hash}`, new Uint8Array());
      return answer(201, {}, "", 0, { location: `/api/v1/files/${hash}`, "upload-offset": "0" });
    }
    const hash = path.split("/").pop() ?? "";
    const here = this.uploads.get(`open:${hash}`) ?? new Uint8Array();
    if (method === "HEAD") return answer(200, {}, "", 0, { "upload-offset": String(here.length) });
    const whole = new Uint8Array([...here, ...(body as Uint8Array)]);
    this.uploads.set(`open:${hash}`, whole);
    this.uploads.set(hash, whole);
    return answer(204, {}, "", 0, { "upload-offset": String(whole.length) });
  }
}

export const QUIET: PullAnswer = { server_time: NOW.toISOString(), epoch: "e1", granted: [], revoked: [], scopes: [], more: false };

function answer(status: number, body: unknown, type = "application/json", after = 0, headers: Record<string, string> = {}): Answer {
  const told: Record<string, string> = { "content-type": type, ...(after ? { "retry-after": String(after) } : {}), ...headers };
  const bytes = new TextEncoder().encode(typeof body === "string" ? body : JSON.stringify(body));
  return { status, bytes, header: (name) => told[name.toLowerCase()] ?? null };
}

export const SESSION = {
  access_token: "access-1",
  refresh_token: "refresh-1",
  access_expires_at: "",
  refresh_expires_at: "2026-10-18T01:00:00.000Z",
  user: { id: USER, name: "网格员", roles: ["grid_worker"], area: null },
  server_time: NOW.toISOString(),
};

/** A phone that is signed in, over a store in memory. */
export async function phoneOf(town: Town, store = new MemoryStore(), now = () => NOW): Promise<Phone & { store: MemoryStore }> {
  await store.write([{ put: "meta", key: "session", value: SESSION }]);
  return {
    store,
    now,
    deviceId: DEVICE,
    appBuild: 20,
    changed: () => undefined,
    numbered: () => undefined,
    storage: async () => ({ storage_persisted: true }),
    server: new Server(store, town.send, now, DEVICE),
  };
}

/** What the digest of some documents must be, computed the slow way. */
export async function digestOf(docs: { kind: string; id: string; rev: number }[]): Promise<{ count: number; hash: string }> {
  let total = 0n;
  for (const { kind, id, rev } of docs) {
    const bytes = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(`${kind}/${id}/${rev}`));
    total ^= BigInt(`0x${hex(bytes).slice(0, 16)}`);
  }
  return { count: docs.length, hash: total.toString(16).padStart(16, "0") };
}
