/** Reference data: forms, words, calendar and limits, each fetched once for each content. */
import type { Field, Transfer, Words } from "../forms/forms";
import type { JsonObject } from "./json";
import type { Phone } from "./phone";

export const NAMES = ["items", "words", "calendar", "limits"] as const;

export type { Field };

/** An inspection item as it is published: what is asked, and what an ordinary result answers. */
export interface InspectionItem {
  code: string;
  version: number;
  title: Words;
  elements: Record<string, Words>;
  fields: Field[];
  /** Pictures that an ordinary result forces. */
  photos?: string[];
  /** The answers of an ordinary result; without them every question is asked. */
  ordinary?: JsonObject;
  transfers: Transfer[];
}

/** Fetch what is new. Every version of a form that a held task may name is kept, since a task keeps the form of its day. */
export async function fetchReference(phone: Phone): Promise<void> {
  const hashes = await phone.server.ask<Record<string, string>>("GET", "/ref");
  for (const name of NAMES) {
    const hash = hashes[name];
    if (!hash || (await phone.store.get<string>("ref", `${name}:hash`)) === hash) continue;
    const body = await phone.server.ask<unknown>("GET", `/ref/${name}/${hash}`);
    await phone.store.write([
      { put: "ref", key: name, value: body },
      { put: "ref", key: `${name}:hash`, value: hash },
    ]);
  }
}

/** The items of a form such as `RG01@1+RG02@1`, in order; those that this phone does not know are left out. */
export function itemsOfForm(all: InspectionItem[], form: string): InspectionItem[] {
  const known = new Map(all.map((item) => [`${item.code}@${item.version}`, item]));
  return form.split("+").flatMap((name) => known.get(name) ?? []);
}
