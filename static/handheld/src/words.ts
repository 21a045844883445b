/** Words in two languages, Chinese first; days and times as they are read in China. */
import { computed, ref } from "vue";
import type { Both } from "../../shared/sync/states";

export type Language = "zh" | "en";
const KEPT = "gridwatch.language";

export const language = ref<Language>(localStorage.getItem(KEPT) === "en" ? "en" : "zh");
export const other = computed<Language>(() => (language.value === "zh" ? "en" : "zh"));

export function speak(chosen: Language): void {
  language.value = chosen;
  localStorage.setItem(KEPT, chosen);
  document.documentElement.lang = chosen === "zh" ? "zh-CN" : "en";
}

/** The one of two texts that this reader reads. */
export function t(zh: string, en: string): string {
  return language.value === "zh" ? zh : en;
}

/** The same for a pair: `[zh, en]`, `{zh, en}`, or nothing. */
export function pick(both: Both | { zh: string; en: string } | null | undefined): string {
  if (!both) return "";
  return "zh" in both ? t(both.zh, both.en) : t(both[0], both[1]);
}

/** Members of a list of reference data: `{code: [zh, en]}`. */
export function named(names: Record<string, unknown> | undefined, code: string): string {
  const found = names?.[code];
  if (Array.isArray(found)) return t(String(found[0]), String(found[1]));
  return found && typeof found === "object" ? pick(found as { zh: string; en: string }) : code;
}

const ZONE = "Asia/Shanghai";

/** `10:42` in China. */
export function clock(at: Date | string): string {
  return new Date(at).toLocaleTimeString("zh-CN", { timeZone: ZONE, hour: "2-digit", minute: "2-digit", hour12: false });
}

/** `10月12日` or `12 Oct` of a day (`2026-10-12`) or an instant. */
export function dayWords(on: string): string {
  const at = new Date(on.length === 10 ? `${on}T12:00:00+08:00` : on);
  return at.toLocaleDateString(language.value === "zh" ? "zh-CN" : "en-GB", {
    timeZone: ZONE,
    month: language.value === "zh" ? "long" : "short",
    day: "numeric",
  });
}

/** Bytes in words: `12.3 MB`. */
export function bytesWords(bytes: number): string {
  return bytes < 1_000_000 ? `${Math.ceil(bytes / 1000)} KB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}

export const KINDS: Record<string, Both> = {
  "visit.submit": ["走访", "visit"],
  "visit.withdraw": ["收回走访", "visit taken back"],
  "lead.report": ["上报线索", "lead"],
  "lead.resubmit": ["补正线索", "lead completed"],
  "lead.withdraw": ["撤回线索", "lead withdrawn"],
  "notice.serve": ["告知书送达", "notice served"],
  "address.bind": ["绑定地址", "address bound"],
  "checklist.submit": ["自查记录", "checklist"],
  "suggestion.submit": ["建议", "suggestion"],
};
