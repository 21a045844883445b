/** Sealing values with AES-256-GCM. Bytes stay bytes, everything else is JSON. */

export interface Sealed {
  iv: Uint8Array;
  data: ArrayBuffer;
  bytes: boolean;
}

/** `value` under `key`; `place` (where it lies) is bound to it, so that rows cannot be exchanged. */
export async function seal(key: CryptoKey, place: string, value: unknown): Promise<Sealed> {
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const bytes = value instanceof Uint8Array;
  const plain = bytes ? value : new TextEncoder().encode(JSON.stringify(value));
  return { iv, bytes, data: await crypto.subtle.encrypt(parameters(iv, place), key, plain as BufferSource) };
}

/** What was sealed. Rejects with OperationError when the key or the place is another one. */
export async function open<T>(key: CryptoKey, place: string, sealed: Sealed): Promise<T> {
  const plain = await crypto.subtle.decrypt(parameters(sealed.iv, place), key, sealed.data);
  return (sealed.bytes ? new Uint8Array(plain) : JSON.parse(new TextDecoder().decode(plain))) as T;
}

function parameters(iv: Uint8Array, place: string): AesGcmParams {
  return { name: "AES-GCM", iv: iv as BufferSource, additionalData: new TextEncoder().encode(place) };
}
