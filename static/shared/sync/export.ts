/** Unsent work as encrypted files, for the street to import: sealed with a key of this file (AES-256-GCM), and that key with the
 * server's public one (RSA-OAEP with SHA-256). Nobody who finds a file can read it. Format: docs/sync.md, section 11. */
import { base64 } from "./files";
import { canonical, size } from "./json";
import { limitsOf, type Phone, waiting } from "./phone";
import type { Item, Session, Settled } from "./wire";

export const FORMAT = "gridwatch-export";
/** A file stays well below what the import takes (10 MB), Base64 twice over. */
const MOST_PHOTO_BYTES = 4_000_000;

export interface ExportKey {
  key_id: string;
  algorithm: string;
  public_key: string;
}

interface Photo {
  sha256: string;
  item_id: string;
  data: string;
}

interface Content {
  user_id: string;
  device_id: string;
  app_build: number;
  exported_at: string;
  items: Item[];
  photos: Photo[];
}

/** Fetch the public key when there is a network, so that it is here when there is none. */
export async function fetchExportKey(phone: Phone): Promise<void> {
  const key = await phone.server.ask<ExportKey>("GET", "/sync/export-key");
  if (typeof key.public_key === "string") await phone.store.write([{ put: "ref", key: "export_key", value: key }]);
}

/** The files that hold everything the server has not got: items that wait or were rejected, photos that are missing.
 *
 * The same content always gives the same items: nothing is changed by exporting. Null when no key was ever fetched. */
export async function exported(phone: Phone): Promise<Blob[] | null> {
  const key = await phone.store.get<ExportKey>("ref", "export_key");
  if (!key) return null;
  const session = await phone.store.get<Session>("meta", "session");
  const owner = session?.user.id ?? (await phone.store.get<string>("meta", "user_id")) ?? "";
  const parts = await content(phone, owner);
  return Promise.all(parts.map(async (part) => new Blob([JSON.stringify(await seal(part, key))], { type: "application/json" })));
}

async function content(phone: Phone, user: string): Promise<Content[]> {
  const limits = await limitsOf(phone.store);
  const fresh = (): Content => ({
    user_id: user,
    device_id: phone.deviceId,
    app_build: phone.appBuild,
    exported_at: phone.now().toISOString(),
    items: [],
    photos: [],
  });
  const settled = await phone.store.all<Settled>("settled");
  const rejected = (await phone.store.all<Settled>("rejected")).map((done) => done.item);
  const items = [...(await waiting(phone.store)), ...rejected].sort((one, other) => one.device_no - other.device_no);
  const parts = [fresh()];
  let [bytes, photoBytes] = [0, 0];
  const last = () => parts[parts.length - 1] as Content;
  for (const item of items) {
    if (last().items.length === limits.items_a_batch || (last().items.length && bytes + size(item) > limits.bytes_a_batch)) {
      parts.push(fresh());
      bytes = 0;
    }
    last().items.push(item);
    bytes += size(item);
  }
  const unsent = [...items, ...settled.map((done) => done.item)];
  const sent = new Set(settled.flatMap((done) => done.sent));
  for (const item of unsent) {
    for (const file of item.files ?? []) {
      if (sent.has(file.sha256)) continue;
      sent.add(file.sha256);
      const data = await phone.store.get<Uint8Array>("photos", file.sha256);
      if (!data) continue;
      if (photoBytes && photoBytes + data.length > MOST_PHOTO_BYTES) {
        parts.push(fresh());
        photoBytes = 0;
      }
      last().photos.push({ sha256: file.sha256, item_id: item.id, data: base64(data) });
      photoBytes += data.length;
    }
  }
  return parts.filter((part) => part.items.length || part.photos.length);
}

async function seal(part: Content, key: ExportKey): Promise<object> {
  const spki = Uint8Array.from(atob(key.public_key), (letter) => letter.charCodeAt(0));
  const theirs = await crypto.subtle.importKey("spki", spki, { name: "RSA-OAEP", hash: "SHA-256" }, false, ["wrapKey"]);
  const ours = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, true, ["encrypt"]);
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const head = { format: FORMAT, version: 1, key_id: key.key_id };
  const additionalData = new TextEncoder().encode(canonical(head)); // what stands in the clear is bound to what is sealed
  const plain = new TextEncoder().encode(JSON.stringify(part));
  const data = await crypto.subtle.encrypt({ name: "AES-GCM", iv, additionalData }, ours, plain);
  const wrapped = await crypto.subtle.wrapKey("raw", ours, theirs, { name: "RSA-OAEP" });
  return { ...head, wrapped_key: base64(new Uint8Array(wrapped)), iv: base64(iv), data: base64(new Uint8Array(data)) };
}
