/** Identifiers that a phone makes by itself. */
import { hex } from "./json";

/** A fresh UUIDv7: 48 bits of Unix time in milliseconds, the rest at random. */
export function uuid7(now: Date): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  let time = now.getTime();
  for (let place = 5; place >= 0; place--) {
    bytes[place] = time % 256;
    time = Math.floor(time / 256);
  }
  bytes[6] = 0x70 | ((bytes[6] ?? 0) & 0x0f);
  bytes[8] = 0x80 | ((bytes[8] ?? 0) & 0x3f);
  const digits = hex(bytes);
  return [digits.slice(0, 8), digits.slice(8, 12), digits.slice(12, 16), digits.slice(16, 20), digits.slice(20)].join("-");
}

/** An instant as the phone's own clock and zone say it, RFC 3339 with milliseconds and offset: `2026-11-20T10:11:12.000+08:00`. */
export function localInstant(now: Date): string {
  const minutes = -now.getTimezoneOffset();
  const shifted = new Date(now.getTime() + minutes * 60_000).toISOString().slice(0, 23);
  const [hours, rest] = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60];
  return `${shifted}${minutes < 0 ? "-" : "+"}${String(hours).padStart(2, "0")}:${String(rest).padStart(2, "0")}`;
}
