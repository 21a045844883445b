/** The golden file of forms holds here as it does on the server. */
import { expect, test } from "vitest";
import golden from "../../../tests/domain/golden/form_rules.json";
import { type Answers, type Form, inWords, read } from "./forms";
import { holds, type Rule, type Scalar } from "./rules";

const FORMS = golden.forms as unknown as Record<string, Form>;

test.each(golden.rules.map((one) => [JSON.stringify([one.rule, one.values]), one] as const))("rule %s", (_, one) => {
  const values = one.values as Record<string, Scalar[]>;
  expect(holds(one.rule as unknown as Rule, (name) => values[name] ?? [])).toBe(one.holds);
});

test.each(golden.cases.map((one) => [one.name, one] as const))("%s", (_, one) => {
  const form = FORMS[one.form] as Form;
  const answers = one.answers as Answers;
  const { visible, required, wrong, met } = read(form, answers);
  expect({ visible, required, wrong, met }).toEqual({
    visible: one.visible,
    required: one.required,
    wrong: one.errors,
    met: one.findings,
  });
  if ("zh" in one) expect(inWords(form, answers)).toBe(one.zh);
});

test("what a form inherits from JavaScript is no answer", () => {
  const form: Form = {
    fields: [{ name: "constructor", title: { zh: "问", en: "question" }, type: "string", maxLength: 5, required: true }],
  };
  expect(read(form, {}).wrong).toEqual([{ path: "constructor", code: "required" }]);
});
