/** For what is made anew all over the page when another run is shown: each piece is made in a task of its own. */
import { type ShallowRef, shallowRef, watch } from 'vue';
import { breathe } from '../streams/breathe';

/** Follows `source` a task later. */
export function useLater<T>(source: () => T): Readonly<ShallowRef<T>> {
  const followed = shallowRef(source());
  watch(source, async () => {
    await breathe();
    followed.value = source();
  });
  return followed;
}
