/**
 * The page of a machine's screen, asked for while somebody looks: nobody tells of a change, since a guest's writes go to
 * memory and to nowhere else.
 */
import { onUnmounted, type Ref, ref, type ShallowRef, shallowRef, watch } from 'vue';
import type { ScreenPage } from '../../../preload/contract/screen';
import { useBridge } from '../../stores/bridge';

/** At most so often, in ms; after some looks that found nothing new less often. */
const LOOK_MS = 50;
const QUIET_MS = 250;
const QUIET_LOOKS = 20;

interface Looked {
  machine: string;
  run: number;
  /** It goes on, so that the page may change. */
  live: boolean;
}

export interface ScreenFeed {
  page: ShallowRef<ScreenPage | null>;
  /** Why there is none. */
  refusal: Ref<string | null>;
  /** Something was typed: the answer is to be seen soon. */
  hurry: () => void;
}

/** `at`: what is looked at; null while nobody looks. */
export function useScreenFeed(at: () => Looked | null): ScreenFeed {
  const bridge = useBridge();
  const page = shallowRef<ScreenPage | null>(null);
  const refusal = ref<string | null>(null);
  let timer: number | undefined;
  let quiet = 0;
  /** Counts what is looked at: an answer to an earlier one is dropped. */
  let turn = 0;

  async function look({ machine, run, live }: Looked, mine: number): Promise<void> {
    try {
      const seen = page.value?.version ?? 0;
      const answer = await bridge.call('screen.read', { machine, run, seen });
      if (mine !== turn) return;
      quiet = answer === null ? quiet + 1 : 0;
      if (answer !== null) page.value = answer;
      refusal.value = null;
    } catch (error) {
      if (mine !== turn) return;
      refusal.value = (error as Error).message;
      return;
    }
    if (live) again({ machine, run, live }, mine);
  }

  function again(looked: Looked, mine: number): void {
    timer = window.setTimeout(() => void look(looked, mine), quiet < QUIET_LOOKS ? LOOK_MS : QUIET_MS);
  }

  watch(
    at,
    (now, before) => {
      window.clearTimeout(timer);
      turn++;
      quiet = 0;
      if (now !== null && (now.machine !== before?.machine || now.run !== before.run)) {
        page.value = null;
        refusal.value = null;
      }
      if (now !== null) void look(now, turn);
    },
    { immediate: true },
  );
  onUnmounted(() => {
    turn++;
    window.clearTimeout(timer);
  });
  return { page, refusal, hurry: () => (quiet = 0) };
}
