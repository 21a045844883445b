/** Photos: kept until the server has them whole, sent by tus 1.0 behind the items, from where the last attempt stopped. */
import { sha256 } from "./json";
import { outboxKey, type Phone } from "./phone";
import { missingFiles } from "./pull";
import { Paused } from "./server";
import type { Write } from "./store";
import { API, type FileEntry, type Item, type Settled } from "./wire";

const CHUNK = 256 * 1024;
const MOST_LOOKS = 3;
const FRESH_S = 3600;
const TUS = { "Tus-Resumable": "1.0.0" };

/** Keep a photo; returns its entry for an item. Its hash is that of the moment in which it was taken. */
export async function keepPhoto(phone: Phone, data: Uint8Array, mime: string, role: string, required: boolean): Promise<FileEntry> {
  const hash = await sha256(data as BufferSource);
  await phone.store.write([{ put: "photos", key: hash, value: data, mark: seconds(phone) }]);
  return { sha256: hash, size: data.length, mime, role, required };
}

/** Send what acknowledged items need and the server has not got. Raises Paused; what was sent stays sent. */
export async function upload(phone: Phone): Promise<void> {
  const kept = await phone.store.marks("photos");
  for (const hash of await missing(phone)) {
    if (!kept.has(hash)) continue;
    const owner = (await phone.store.all<Settled>("settled")).find((done) => missingFiles(done).includes(hash));
    const data = await phone.store.get<Uint8Array>("photos", hash);
    if (!owner || !data) continue;
    await send(phone, hash, owner.item.id, data);
    await noteSent(phone, hash);
  }
  await forgetPhotos(phone);
}

/** Hashes that acknowledged items still need, those of required files first. */
async function missing(phone: Phone): Promise<string[]> {
  const done = await phone.store.all<Settled>("settled");
  const required = done.flatMap((one) => missingFiles(one).filter((hash) => one.result.missing.includes(hash)));
  return [...new Set([...required, ...done.flatMap(missingFiles)])];
}

async function noteSent(phone: Phone, hash: string): Promise<void> {
  const naming = (await phone.store.all<Settled>("settled")).filter((done) => done.item.files?.some((file) => file.sha256 === hash));
  await phone.store.write([
    ...naming.map((done): Write => ({ put: "settled", key: outboxKey(done.item), value: { ...done, sent: [...done.sent, hash] } })),
    { drop: "meta", key: `upload:${hash}` },
  ]);
  phone.changed("outbox");
}

const seconds = (phone: Phone): number => Math.floor(phone.now().getTime() / 1000);

/** Let go of the photos that no item and no draft names any more; one that was just taken is about to be named. */
async function forgetPhotos(phone: Phone): Promise<void> {
  const { store } = phone;
  const items = [
    ...(await store.all<Item>("outbox")),
    ...[...(await store.all<Settled>("settled")), ...(await store.all<Settled>("rejected"))].map((done) => done.item),
    ...(await store.all<{ files?: FileEntry[] }>("drafts")),
  ];
  const named = new Set(items.flatMap((item) => (item.files ?? []).map((file) => file.sha256)));
  const fresh = seconds(phone) - FRESH_S;
  const gone = [...(await store.marks("photos"))].filter(([hash, taken]) => !named.has(hash) && (taken ?? 0) < fresh).map(([hash]) => hash);
  if (gone.length) await store.write(gone.map((key): Write => ({ drop: "photos", key })));
}

async function send(phone: Phone, hash: string, itemId: string, data: Uint8Array): Promise<void> {
  let [url, offset] = await where(phone, hash, itemId, data);
  let looks = 0;
  while (offset < data.length) {
    const chunk = data.slice(offset, offset + CHUNK);
    const digest = base64(new Uint8Array(await crypto.subtle.digest("SHA-256", chunk as BufferSource)));
    const headers = {
      ...TUS,
      "Upload-Offset": String(offset),
      "Content-Type": "application/offset+octet-stream",
      "Upload-Checksum": `sha256 ${digest}`,
    };
    const answer = await phone.server.exchange("PATCH", url, headers, chunk as BodyInit, { takes: [204, 404, 409, 410, 423, 460] });
    const moved = Number(answer.header("upload-offset") ?? Number.NaN);
    if (answer.status === 204 && moved > offset) offset = moved;
    else if (answer.status === 423) throw new Paused("busy", 423, {}, 2);
    else if (++looks > MOST_LOOKS) throw new Paused("refused", answer.status, { code: "file.hash_mismatch" });
    else [url, offset] = await where(phone, hash, itemId, data); // somebody else was here, or it is gone: look again
  }
}

/** Where the upload of a photo is, and where it stands; begun where there is none. */
async function where(phone: Phone, hash: string, itemId: string, data: Uint8Array): Promise<[string, number]> {
  const known = await phone.store.get<string>("meta", `upload:${hash}`);
  if (known) {
    const answer = await phone.server.exchange("HEAD", known, TUS, null, { takes: [200, 404, 410] });
    const stands = answer.header("upload-offset");
    if (answer.status === 200 && stands !== null) return [known, Number(stands)];
  }
  const told = { sha256: hash, filename: `${hash.slice(0, 8)}.jpg`, mime: "image/jpeg", item_id: itemId };
  const metadata = Object.entries(told)
    .map(([name, value]) => `${name} ${base64(new TextEncoder().encode(value))}`)
    .join(",");
  const headers = { ...TUS, "Upload-Length": String(data.length), "Upload-Metadata": metadata };
  const answer = await phone.server.exchange("POST", `${API}/files`, headers, null, { takes: [201] });
  const location = answer.header("location");
  if (!location) throw new Paused("stranger", answer.status);
  const url = new URL(location, "http://phone.invalid").pathname;
  await phone.store.write([{ put: "meta", key: `upload:${hash}`, value: url }]);
  return [url, Number(answer.header("upload-offset") ?? 0)];
}

/** Bytes as Base64. */
export function base64(bytes: Uint8Array): string {
  let text = "";
  for (let start = 0; start < bytes.length; start += 0x8000) text += String.fromCharCode(...bytes.subarray(start, start + 0x8000));
  return btoa(text);
}
