/** The hash of an item is the one that the server computes: RFC 8785, then SHA-256. */

import { expect, test } from "vitest";
import guide from "../../../docs/sync.md?raw";
import { localInstant, uuid7 } from "../sync/ids";
import { canonical, itemSha256, sha256 } from "../sync/json";

// RFC 8785, sections 3.2.2 and 3.2.3 and appendix B, as in tests/sync/test_canonical.py
const VECTORS: [string, string][] = [
  [
    '{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],"string":"\\u20ac$\\u000F\\u000aA\'\\u0042\\u0022\\u005c\\\\\\"\\/","literals":[null,true,false]}',
    '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
  ],
  [
    '{"\\u20ac":"Euro Sign","\\r":"Carriage Return","\\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One","\\ud83d\\ude00":"Emoji: Grinning Face","\\u0080":"Control","\\u00f6":"Latin Small Letter O With Diaeresis"}',
    '{"\\r":"Carriage Return","1":"One","\u0080":"Control","ö":"Latin Small Letter O With Diaeresis","€":"Euro Sign","😀":"Emoji: Grinning Face","\ufb33":"Hebrew Letter Dalet With Dagesh"}',
  ],
  [
    "[0, -0, -0.0, 1.0, 12.0, 100.0, 1e21, 1e20, 123e-7, 1e-6, 1e-7]",
    "[0,0,0,1,12,100,1e+21,100000000000000000000,0.0000123,0.000001,1e-7]",
  ],
  [
    "[5e-324, 1.7976931348623157e308, 9007199254740991, -9007199254740991]",
    "[5e-324,1.7976931348623157e+308,9007199254740991,-9007199254740991]",
  ],
  ['{"b":1,"a":{"d":[],"c":{}}}', '{"a":{"c":{},"d":[]},"b":1}'],
];

test.each(VECTORS)("the canonical form of %s", (text, expected) => {
  expect(canonical(JSON.parse(text))).toBe(expected);
});

test("the example of docs/sync.md has the hash that stands there", async () => {
  const [, hash, text, form] = /```json canonical ([0-9a-f]{64})\n([\s\S]+?)\n\n([^\n]+)\n```/.exec(guide) ?? [];
  const item = JSON.parse(text ?? "");
  expect(canonical(item)).toBe(form);
  expect(await itemSha256(item)).toBe(hash);
  expect(await sha256(form ?? "")).toBe(hash);
});

test("an id carries its time and its version", () => {
  const now = new Date(0x0192f0c40000);
  expect(uuid7(now)).toMatch(/^0192f0c4-0000-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(uuid7(now)).not.toBe(uuid7(now));
});

test("an instant names the zone of the phone and stays the same instant", () => {
  const now = new Date("2026-11-20T02:11:12.345Z");
  const said = localInstant(now);
  expect(said).toMatch(/^2026-11-\d\dT\d\d:\d\d:12\.345[+-]\d\d:\d\d$/);
  expect(new Date(said).getTime()).toBe(now.getTime());
});
