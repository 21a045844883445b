/**
 * The rule language of forms: eight operators as JSON. The same as gridwatch/domain/form_rules.py; one golden file,
 * tests/domain/golden/form_rules.json, holds for both. The server refuses at publishing what is no rule, so nothing is checked here.
 */
export type Scalar = string | number | boolean;

export type Rule =
  | { eq: [string, Scalar] }
  | { in: [string, Scalar[]] }
  | { gt: [string, number | string] }
  | { lt: [string, number | string] }
  | { present: string }
  | { and: Rule[] }
  | { or: Rule[] }
  | { not: Rule };

/** Gives the answers to a question as a list, [] without any. */
export type Values = (name: string) => Scalar[];

/** Whether a rule is fulfilled. A list of answers fulfils a comparison when one of them does. */
export function holds(rule: Rule, values: Values): boolean {
  if ("and" in rule) return rule.and.every((one) => holds(one, values));
  if ("or" in rule) return rule.or.some((one) => holds(one, values));
  if ("not" in rule) return !holds(rule.not, values);
  if ("present" in rule) return values(rule.present).length > 0;
  if ("eq" in rule) return values(rule.eq[0]).includes(rule.eq[1]);
  if ("in" in rule) return values(rule.in[0]).some((value) => rule.in[1].includes(value));
  if ("gt" in rule) return values(rule.gt[0]).some((value) => isAbove(value, rule.gt[1]));
  return values(rule.lt[0]).some((value) => isAbove(rule.lt[1], value));
}

function isAbove(one: Scalar, other: Scalar): boolean {
  const bothNumbers = typeof one === "number" && typeof other === "number";
  return (bothNumbers || (isDay(one) && isDay(other))) && one > other;
}

/** Whether it is a day of the years 1900 to 2099, written 2026-11-20. */
export function isDay(value: unknown): boolean {
  if (typeof value !== "string") return false;
  const parts = /^((?:19|20)[0-9]{2})-([0-9]{2})-([0-9]{2})$/.exec(value);
  if (!parts) return false;
  const [year, month, day] = parts.slice(1).map(Number) as [number, number, number];
  const date = new Date(Date.UTC(year, month - 1, day));
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
}
