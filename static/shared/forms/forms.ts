/**
 * What answers to a form mean: which questions show, which are due, what is wrong, which transfer conditions are met.
 * The same as gridwatch/domain/forms.py; one golden file, tests/domain/golden/form_rules.json, holds for both.
 */
import { holds, isDay, type Rule, type Scalar } from "./rules";

export interface Words {
  zh: string;
  en: string;
}

export type Answers = Record<string, unknown>;

/** Answers that count, by question. */
type Seen = Map<string, unknown>;

/** The answer to one entry of a list. */
export interface Entry {
  type: string;
  enum?: string[];
  labels?: Record<string, Words>;
  fields?: Field[];
  items?: Entry;
}

/** One question of a form (docs/items.md). */
export interface Field {
  name: string;
  title: Words;
  hint?: Words;
  type: string;
  enum?: string[];
  labels?: Record<string, Words>;
  format?: string;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  minItems?: number;
  maxItems?: number;
  items?: Entry;
  required?: boolean;
  requiredWhen?: Rule;
  visibleWhen?: Rule;
  folded?: boolean;
  known?: string;
}

export interface Transfer {
  name: string;
  title: Words;
  when: Rule;
  categories: string[];
  photos?: string[];
  after_recheck?: boolean;
}

/** What of an item is needed to read answers to it. */
export interface Form {
  fields: Field[];
  transfers?: Transfer[];
}

/** One answer that cannot stand: `limit` is what it breaks, where there is such a thing. */
export interface Wrong {
  path: string;
  code: "required" | "type" | "enum" | "format" | "maxLength" | "minimum" | "maximum" | "minItems" | "maxItems" | "nul";
  limit?: string | number | string[];
}

/** What answers mean. `visible` and `required` are paths in the order of the questions; `met` names transfer conditions. */
export interface Reading {
  visible: string[];
  required: string[];
  wrong: Wrong[];
  met: string[];
}

const FORMATS: Record<string, (value: string) => boolean> = {
  date: isDay,
  code: (value) => /^[0-9A-Za-z._-]+$/.test(value),
  industry: (value) => /^(?:[A-T]?[0-9]{2,4}|[A-T])$/.test(value),
};

const IS: Record<string, (value: unknown) => boolean> = {
  string: (value) => typeof value === "string",
  boolean: (value) => typeof value === "boolean",
  integer: (value) => Number.isInteger(value),
  number: (value) => typeof value === "number",
  array: (value) => Array.isArray(value),
  object: isRow,
};

/** Read the answers to a form. Nothing is thrown, whatever the answers are. */
export function read(form: Form, answers: Answers): Reading {
  const reading: Reading = { visible: [], required: [], wrong: [], met: [] };
  const seen = readFields(form.fields, answers, "", reading);
  for (const transfer of form.transfers ?? []) {
    if (holds(transfer.when, (name) => valuesOf(seen, name))) reading.met.push(transfer.name);
  }
  return reading;
}

/** Whether it is no answer: nothing, an empty text, an empty list. */
export function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || value === "" || (Array.isArray(value) && value.length === 0);
}

/** Read one level of questions; returns the answers that count. A question only asks for those before it. */
function readFields(fields: Field[], answers: Answers, prefix: string, reading: Reading): Seen {
  const said: Seen = new Map(Object.entries(answers));
  const given = new Set<string>();
  const seen: Seen = new Map(); // without answers of another type: they say nothing
  const values = (name: string) => valuesOf(seen, name);
  const shown = fields.filter((field) => {
    if (field.visibleWhen && !holds(field.visibleWhen, values)) return false;
    const value = said.get(field.name);
    if (!isEmpty(value)) {
      given.add(field.name);
      if (IS[field.type]?.(value)) seen.set(field.name, value);
    }
    return true;
  });
  for (const field of shown) {
    const path = prefix + field.name;
    reading.visible.push(path);
    const due = field.required || (field.requiredWhen !== undefined && holds(field.requiredWhen, values));
    if (due) reading.required.push(path);
    if (seen.has(field.name)) seen.set(field.name, check(field, seen.get(field.name), path, reading));
    else if (given.has(field.name)) reading.wrong.push({ path, code: "type", limit: field.type });
    else if (due) reading.wrong.push({ path, code: "required" });
  }
  return seen;
}

/** The scalars that were answered to a question, or to `list.question` in the rows of a list. */
function valuesOf(seen: Seen, path: string): Scalar[] {
  const [name = "", inner] = path.split(".");
  const value = seen.get(name);
  const values: unknown[] = Array.isArray(value) ? value : [value];
  if (inner === undefined && values.some(isRow)) return [true]; // rows have no value of their own: they are there
  const found = inner === undefined ? values : values.map((row) => (row instanceof Map ? row.get(inner) : undefined));
  return found.filter((one): one is Scalar => ["string", "number", "boolean"].includes(typeof one) && one !== "");
}

/** Note what is wrong with an answer of the right type; returns what of it counts. */
function check(field: Field, value: unknown, path: string, reading: Reading): unknown {
  const wrong = (code: Wrong["code"], limit?: Wrong["limit"]) => {
    reading.wrong.push(limit === undefined ? { path, code } : { path, code, limit });
  };
  if (Array.isArray(value)) return checkList(field, value, path, reading);
  if (typeof value === "number") {
    if (field.minimum !== undefined && value < field.minimum) wrong("minimum", field.minimum);
    else if (field.maximum !== undefined && value > field.maximum) wrong("maximum", field.maximum);
  } else if (typeof value === "string") {
    if (field.enum) {
      if (!field.enum.includes(value)) wrong("enum", field.enum);
    } else if (value.includes("\0")) wrong("nul");
    else if (field.maxLength !== undefined && [...value].length > field.maxLength) wrong("maxLength", field.maxLength);
    else if (field.format !== undefined && !FORMATS[field.format]?.(value)) wrong("format", field.format);
  }
  return value;
}

function checkList(field: Field, value: unknown[], path: string, reading: Reading): unknown[] {
  const items = field.items as Entry;
  if (field.maxItems !== undefined && value.length > field.maxItems) {
    reading.wrong.push({ path, code: "maxItems", limit: field.maxItems });
    return [];
  }
  if (field.minItems !== undefined && value.length < field.minItems) {
    reading.wrong.push({ path, code: "minItems", limit: field.minItems });
  }
  const counts: unknown[] = [];
  value.forEach((entry, number) => {
    const at = `${path}[${number}]`;
    if (!IS[items.type]?.(entry)) reading.wrong.push({ path: at, code: "type", limit: items.type });
    else if (items.fields) counts.push(readFields(items.fields, entry as Answers, `${at}.`, reading));
    else counts.push(check({ name: field.name, title: field.title, ...items }, entry, at, reading));
  });
  return counts;
}

/** The answers that count as a person reads them: 现场情况：空置；…, each question with its answer. */
export function inWords(form: Form, answers: Answers, language: "zh" | "en" = "zh"): string {
  return told(form.fields, answers, "", new Set(read(form, answers).visible), language);
}

function told(fields: Field[], answers: Answers, prefix: string, visible: Set<string>, language: "zh" | "en"): string {
  const known: Seen = new Map(Object.entries(answers));
  const said = fields
    .filter((field) => visible.has(prefix + field.name) && !isEmpty(known.get(field.name)))
    .map((field) => {
      const words = valueInWords(field, known.get(field.name), prefix + field.name, visible, language);
      return `${field.title[language]}${language === "zh" ? "：" : ": "}${words}`;
    });
  return said.join(language === "zh" ? "；" : "; ");
}

function valueInWords(field: Entry, value: unknown, path: string, visible: Set<string>, language: "zh" | "en"): string {
  if (Array.isArray(value)) {
    const rows = field.items?.fields;
    if (rows) {
      const words = value.map((row, number) => (isRow(row) ? told(rows, row as Answers, `${path}[${number}].`, visible, language) : ""));
      return words.map((row) => (language === "zh" ? `（${row}）` : ` (${row})`)).join("");
    }
    const entry = field.items ?? field;
    return value.map((one) => valueInWords(entry, one, path, visible, language)).join(language === "zh" ? "、" : ", ");
  }
  if (typeof value === "boolean") return language === "zh" ? (value ? "是" : "否") : value ? "yes" : "no";
  const label = typeof value === "string" && field.enum?.includes(value) ? field.labels?.[value] : undefined;
  return label ? label[language] : String(value);
}

function isRow(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
