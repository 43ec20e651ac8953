/** The app itself: what it can do, what a person prefers, what has gone wrong. */
import { defineStore } from 'pinia';
import { computed, ref, shallowRef } from 'vue';
import type { CommandManifest } from '../../plugins/api/manifest';
import type { AppInfo, Preferences } from '../../preload/contract/app';
import { useBridge } from './bridge';

export interface Message {
  id: number;
  kind: 'problem' | 'done';
  text: string;
}

/** What lies over the main view. */
export type Dialog =
  | { kind: 'machine-form'; machine: string | null }
  | { kind: 'delete-machine'; machine: string }
  | { kind: 'snapshots'; machine: string }
  /** A command that wants arguments; `cpu`: the one that it is about, where that is known. */
  | { kind: 'policy-command'; machine: string; author: number; command: CommandManifest; cpu: number | null }
  | { kind: 'plugins' }
  | { kind: 'quit' }
  | { kind: 'welcome' }
  | { kind: 'about' };

const DONE_MS = 5000;

export const useApp = defineStore('app', () => {
  const bridge = useBridge();
  const info = shallowRef<AppInfo | null>(null);
  const preferences = shallowRef<Preferences | null>(null);
  const connected = ref(true);
  const messages = ref<Message[]>([]);
  const dialog = shallowRef<Dialog | null>(null);
  const paletteOpen = ref(false);
  /** What is under way, a line each, and since when (for what takes longer than half a second). */
  const tasks = ref<{ id: number; label: string; since: number }[]>([]);
  const systemDark = window.matchMedia('(prefers-color-scheme: dark)');
  const dark = ref(systemDark.matches);
  let next = 1;

  const theme = computed<'dark' | 'light'>(() => {
    const wanted = preferences.value?.theme ?? 'system';
    if (wanted !== 'system') return wanted;
    return dark.value ? 'dark' : 'light';
  });

  async function load(): Promise<void> {
    systemDark.addEventListener('change', ({ matches }) => (dark.value = matches));
    bridge.onConnection((now) => (connected.value = now));
    bridge.onNotice((notice) => {
      if (notice.type === 'preferences') preferences.value = notice.preferences;
      if (notice.type === 'problem') report(notice.message);
    });
    [info.value, preferences.value] = await Promise.all([
      bridge.call('app.info', null),
      bridge.call('preferences.get', null),
    ]);
    if (!preferences.value.welcomed) dialog.value = { kind: 'welcome' };
  }

  async function prefer(change: Partial<Preferences>): Promise<void> {
    preferences.value = await bridge.call('preferences.set', change);
  }

  function report(error: unknown): void {
    const text = error instanceof Error ? error.message : String(error);
    messages.value.push({ id: next++, kind: 'problem', text });
  }

  function tell(text: string): void {
    const id = next++;
    messages.value.push({ id, kind: 'done', text });
    setTimeout(() => dismiss(id), DONE_MS);
  }

  function dismiss(id: number): void {
    messages.value = messages.value.filter((message) => message.id !== id);
  }

  /** Runs something a person asked for: shows that it is under way, and what became of it where it failed. */
  async function attempt<T>(label: string, work: () => Promise<T>): Promise<T | undefined> {
    const id = next++;
    tasks.value.push({ id, label, since: performance.now() });
    try {
      return await work();
    } catch (error) {
      report(error);
      return undefined;
    } finally {
      tasks.value = tasks.value.filter((task) => task.id !== id);
    }
  }

  return {
    info,
    preferences,
    connected,
    messages,
    dialog,
    paletteOpen,
    tasks,
    theme,
    load,
    prefer,
    report,
    tell,
    dismiss,
    attempt,
  };
});
