/** Work days as the calendar of the server says, and the light of a due day. */

interface Calendar {
  days: { on: string; kind: string; name: string; provisional: boolean }[];
}
export type DueLight = "late" | "warn" | "ok" | "none";
export interface DueState {
  light: DueLight;
  /** Work days until the due day, negative for those since; null without a due day. */
  left: number | null;
}

/** Says of a day whether it is worked: Monday to Friday, but for the days that the calendar names. */
export function workdayTest(calendar: Calendar | undefined): (on: string) => boolean {
  const named = new Map((calendar?.days ?? []).map((day) => [day.on, day.kind === "work" || day.kind === "makeup"]));
  return (on) => named.get(on) ?? ![0, 6].includes(new Date(`${on}T00:00:00Z`).getUTCDay());
}

export function nextDay(on: string, by = 1): string {
  return new Date(Date.parse(`${on}T00:00:00Z`) + by * 86_400_000).toISOString().slice(0, 10);
}

/** Work days after `from` up to and including `to`; negative when `to` lies before. Counting stops at 400 days. */
export function workdaysBetween(from: string, to: string, isWorkday: (on: string) => boolean): number {
  const [start, end, sign] = from <= to ? [from, to, 1] : [to, from, -1];
  let count = 0;
  for (let day = start, steps = 0; day < end && steps < 400; steps++) {
    day = nextDay(day);
    if (isWorkday(day)) count++;
  }
  return sign * count;
}

/** Red is overdue; yellow is due today, on the next work day, or with less than a third of the work days left; green the rest. */
export function dueState(start: string | null, due: string | null, today: string, isWorkday: (on: string) => boolean): DueState {
  if (!due) return { light: "none", left: null };
  const left = workdaysBetween(today, due, isWorkday);
  if (due < today) return { light: "late", left };
  const all = start && start < due ? workdaysBetween(start, due, isWorkday) : 0;
  return { light: left <= 1 || left * 3 < all ? "warn" : "ok", left };
}
