/** The key that a PIN opens.
 *
 * PBKDF2 makes guessing slow, and HKDF mixes in a signature by a key that this browser keeps and never gives out: a copy of the
 * files alone cannot be tried against all PINs. What is wrapped is the key of the pulled documents. */

export const PIN_DIGITS = 6;
const ITERATIONS = 310_000;

export interface Lock {
  salt: Uint8Array;
  iterations: number;
  iv: Uint8Array;
  wrapped: ArrayBuffer;
}

/** A key of the device that signs and cannot be taken out. */
export async function newPepper(): Promise<CryptoKey> {
  return (await crypto.subtle.generateKey({ name: "HMAC", hash: "SHA-256" }, false, ["sign"])) as CryptoKey;
}

/** A key for one's own words: it works here and cannot be taken out. */
export function newOwnKey(): Promise<CryptoKey> {
  return crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
}

/** A fresh vault behind a PIN: the lock to keep, and the key to use now (it cannot be taken out either). */
export async function newVault(pin: string, pepper: CryptoKey): Promise<{ lock: Lock; key: CryptoKey }> {
  const salt = crypto.getRandomValues(new Uint8Array(16));
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const fresh = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, true, ["encrypt", "decrypt"]);
  const wrapping = await keyOfPin(pin, salt, ITERATIONS, pepper);
  const wrapped = await crypto.subtle.wrapKey("raw", fresh, wrapping, { name: "AES-GCM", iv });
  const lock = { salt, iterations: ITERATIONS, iv, wrapped };
  const key = await unlock(pin, lock, pepper);
  if (!key) throw new Error("a vault that was just made does not open");
  return { lock, key };
}

/** The key of the vault, or null for another PIN. */
export async function unlock(pin: string, lock: Lock, pepper: CryptoKey): Promise<CryptoKey | null> {
  const wrapping = await keyOfPin(pin, lock.salt, lock.iterations, pepper);
  const parameters = { name: "AES-GCM", iv: lock.iv as BufferSource };
  try {
    return await crypto.subtle.unwrapKey("raw", lock.wrapped, wrapping, parameters, { name: "AES-GCM" }, false, ["encrypt", "decrypt"]);
  } catch (problem) {
    if (problem instanceof DOMException && problem.name === "OperationError") return null; // the tag does not fit
    throw problem;
  }
}

async function keyOfPin(pin: string, salt: Uint8Array, iterations: number, pepper: CryptoKey): Promise<CryptoKey> {
  const typed = await crypto.subtle.importKey("raw", new TextEncoder().encode(pin), "PBKDF2", false, ["deriveBits"]);
  const slow = await crypto.subtle.deriveBits({ name: "PBKDF2", hash: "SHA-256", salt: salt as BufferSource, iterations }, typed, 256);
  const here = await crypto.subtle.sign("HMAC", pepper, slow);
  const both = await crypto.subtle.importKey("raw", here, "HKDF", false, ["deriveKey"]);
  const info = new TextEncoder().encode("gridwatch vault 1");
  return crypto.subtle.deriveKey(
    { name: "HKDF", hash: "SHA-256", salt: salt as BufferSource, info },
    both,
    { name: "AES-GCM", length: 256 },
    false,
    ["wrapKey", "unwrapKey"],
  );
}
