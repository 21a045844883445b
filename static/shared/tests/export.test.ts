/** What an export holds, and that only the owner of the private key reads it. */
import { expect, test } from "vitest";
import { type ExportKey, exported } from "../sync/export";
import { base64, keepPhoto } from "../sync/files";
import { canonical } from "../sync/json";
import { queue } from "../sync/outbox";
import type { Phone } from "../sync/phone";
import { sync } from "../sync/sync";
import { phoneOf, Town, USER } from "./talk";

const RSA = { name: "RSA-OAEP", hash: "SHA-256", modulusLength: 3072, publicExponent: new Uint8Array([1, 0, 1]) };

async function street(
  phone: Phone,
): Promise<(blob: Blob) => Promise<{ items: { device_no: number }[]; photos: { sha256: string }[]; user_id: string }>> {
  const pair = await crypto.subtle.generateKey(RSA, true, ["wrapKey", "unwrapKey"]);
  const spki = await crypto.subtle.exportKey("spki", pair.publicKey);
  const key: ExportKey = { key_id: "k1", algorithm: "", public_key: base64(new Uint8Array(spki)) };
  await phone.store.write([{ put: "ref", key: "export_key", value: key }]);
  const bytes = (text: string) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  return async (blob) => {
    const file = JSON.parse(await blob.text());
    const head = new TextEncoder().encode(canonical({ format: file.format, version: file.version, key_id: file.key_id }));
    const own = await crypto.subtle.unwrapKey("raw", bytes(file.wrapped_key), pair.privateKey, { name: "RSA-OAEP" }, "AES-GCM", false, [
      "decrypt",
    ]);
    const plain = await crypto.subtle.decrypt({ name: "AES-GCM", iv: bytes(file.iv), additionalData: head }, own, bytes(file.data));
    return JSON.parse(new TextDecoder().decode(plain));
  };
}

test("without a key there is no export, and it says so instead of writing something readable", async () => {
  expect(await exported(await phoneOf(new Town()))).toBeNull();
});

test("everything unsent is in it once, in files that the server takes, and nothing of it in the clear", async () => {
  const phone = await phoneOf(new Town());
  const open = await street(phone);
  const photo = await keepPhoto(phone, new Uint8Array(5000).fill(7), "image/jpeg", "door_plate", true);
  for (let number = 0; number < 201; number++)
    await queue(phone, "suggestion.submit", { text: "路灯坏了" }, number === 0 ? { files: [photo] } : {});
  const blobs = (await exported(phone)) ?? [];
  const parts = await Promise.all(blobs.map(open));
  expect(parts.map((part) => part.items.length)).toEqual([200, 1]);
  expect(parts.flatMap((part) => part.photos.map((one) => one.sha256))).toEqual([photo.sha256]);
  expect(parts[0]?.user_id).toBe(USER);
  expect(await blobs[0]?.text()).not.toContain("路灯");
});

test("what has a receipt is not exported again, a photo that is still missing is", async () => {
  const town = new Town();
  const phone = await phoneOf(town);
  const open = await street(phone);
  const photo = await keepPhoto(phone, new Uint8Array(9).fill(7), "image/jpeg", "door_plate", true);
  await queue(phone, "suggestion.submit", {}, { files: [photo] });
  town.rules = [(heard) => (heard.path.includes("/files") ? "lost" : undefined)];
  await expect(sync(phone, "send", "u")).rejects.toMatchObject({ why: "offline" });
  const [blob] = (await exported(phone)) ?? [];
  const part = blob && (await open(blob));
  expect([part?.items, part?.photos.length]).toEqual([[], 1]);
});
