/** JSON, and the canonical form of it (RFC 8785) over which the server and the phone compute the hash of an item. */

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };
export type JsonObject = { [name: string]: Json };

/** `value` as RFC 8785 writes it: keys in the order of UTF-16 units, numbers and strings as ECMAScript writes them. */
export function canonical(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value !== null && typeof value === "object") {
    const members = Object.keys(value).sort(); // by UTF-16 units, as ECMAScript sorts
    return `{${members.map((name) => `${JSON.stringify(name)}:${canonical(value[name] as Json)}`).join(",")}}`;
  }
  return JSON.stringify(value);
}

/** Bytes as lower-case hex. */
export function hex(bytes: ArrayBuffer | Uint8Array): string {
  return Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** SHA-256 of a text (as UTF-8) or of bytes, in hex. */
export async function sha256(data: string | BufferSource): Promise<string> {
  const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
  return hex(await crypto.subtle.digest("SHA-256", bytes));
}

/** What the server's receipt must say of an item. */
export function itemSha256(item: object): Promise<string> {
  return sha256(canonical(item as JsonObject));
}

/** How many bytes a value takes in a request. */
export function size(value: unknown): number {
  return new TextEncoder().encode(JSON.stringify(value)).length;
}
