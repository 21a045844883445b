/** Something that a screen reads from the store, read again after each change. */
import { type Ref, shallowRef, watch } from "vue";
import type { UserPhone } from "../../shared/store/user";
import { Shut } from "../../shared/sync/store";
import { app, phone } from "./phone";

export function useRead<T>(read: (one: UserPhone) => Promise<T>, initial: T): Ref<T> {
  const value = shallowRef(initial) as Ref<T>;
  let newest = 0;
  watch(
    () => app.version,
    async () => {
      const one = phone.value;
      const mine = ++newest;
      if (!one) return;
      try {
        const found = await read(one);
        if (mine === newest) value.value = found;
      } catch (problem) {
        if (!(problem instanceof Shut)) throw problem; // locked meanwhile: the screen is about to go
      }
    },
    { immediate: true },
  );
  return value;
}
