/** Published forms on the phone: what shows, what is missing, and what the phone answers by itself. Read by shared/forms. */
import { type Answers, type Reading, read } from "../../shared/forms/forms";
import type { Json, JsonObject } from "../../shared/sync/json";
import type { Field, InspectionItem } from "../../shared/sync/reference";
import type { Duty } from "./doors";

/** Whether a question shows, among the questions of one level (a form, or a row of a list). */
export function isShown(field: Field, among: Field[], answers: JsonObject): boolean {
  return read({ fields: among }, answers as Answers).visible.includes(field.name);
}

/** What answers to an item mean. */
export function reading(item: InspectionItem, answers: JsonObject): Reading {
  return read(item, answers as Answers);
}

/** The questions with an answer that cannot stand yet, in the order of the form. */
export function wrongIn(item: InspectionItem, answers: JsonObject): string[] {
  return [...new Set(reading(item, answers).wrong.map((one) => one.path.split(/[.[]/)[0] ?? one.path))];
}

/** The answers to the questions that show, in the order of the form. */
export function answersThatCount(item: InspectionItem, answers: JsonObject): JsonObject {
  const { visible } = reading(item, answers);
  const counts = item.fields.filter((field) => visible.includes(field.name) && answers[field.name] !== undefined);
  return Object.fromEntries(counts.map((field) => [field.name, answers[field.name] as Json]));
}

/** What the register or the phone knows of the answers to an item (R37): nobody is asked for it. */
export function knownAnswers(item: InspectionItem, duty: Duty, now: Date): JsonObject {
  const { task, entity } = duty;
  const facts: Record<string, Json | undefined> = {
    "address.code": entity?.address_code ?? task.address_code ?? undefined,
    last_year: now.getFullYear() - 1,
    attempts: Array.isArray(task.attempts) ? task.attempts.length + 1 : 1,
  };
  const found: JsonObject = {};
  for (const field of item.fields) {
    const told = field.known === undefined ? rowsOf(field, entity?.permit_sectors) : facts[field.known];
    if (told !== undefined && told !== null) found[field.name] = told;
  }
  return found;
}

/** One row for each permit that the register says the entity needs, where a list asks for that. */
function rowsOf(field: Field, sectors: Json | undefined): Json | undefined {
  const inner = field.items?.fields?.find((one) => one.known === "entity.permit_sectors");
  return inner && Array.isArray(sectors) && sectors.length ? sectors.map((sector) => ({ [inner.name]: sector })) : undefined;
}

/** The answers of an ordinary result: those of the published item, in each row of a list that is known. */
export function ordinaryAnswers(item: InspectionItem, known: JsonObject): JsonObject {
  const answers: JsonObject = { ...known };
  for (const [name, value] of Object.entries(item.ordinary ?? {})) {
    const rows = known[name];
    const [first] = Array.isArray(value) ? value : [];
    const isRow = first !== null && typeof first === "object";
    answers[name] = Array.isArray(rows) && isRow ? rows.map((row) => ({ ...(row as JsonObject), ...(first as JsonObject) })) : value;
  }
  return answersThatCount(item, answers);
}
