/** Where the app is, as the hash of the address: `#/visit/<task>`. The back key of the phone works as everywhere. */
import { computed, ref } from "vue";

const hash = ref(location.hash);
addEventListener("hashchange", () => {
  hash.value = location.hash;
});

/** The parts of the place, the first being the screen. */
export const place = computed<string[]>(() => {
  const parts = hash.value.replace(/^#\/?/, "").split("/").filter(Boolean).map(decodeURIComponent);
  return parts.length ? parts : ["today"];
});

export function go(...parts: string[]): void {
  location.hash = `/${parts.map(encodeURIComponent).join("/")}`;
}

/** Back to where one came from; from an address that was opened directly, to the list. */
export function back(): void {
  if (history.length > 1) history.back();
  else go("today");
}
