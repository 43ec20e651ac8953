/** The state of the machine form: the draft, what is wrong with it, and what becomes of it. */
import { watchDebounced } from '@vueuse/core';
import { computed, type InjectionKey, inject, reactive, ref, shallowRef, toRaw } from 'vue';
import type { AppInfo, MachineInfo, MachineSettings, SettingsProblem } from '../../../preload/contract/app';
import type { Bridge } from '../../../preload/contract/channels';
import type { ImageReport } from '../../../preload/contract/image-report';
import type { AcceleratorProbe } from '../../../preload/contract/machine';
import { type Draft, draftOf, settingsOf, writingProblems } from './draft';

/** A pause of a person who types. */
const CHECK_AFTER_MS = 150;

const NEW_MACHINE: Omit<MachineSettings, 'name' | 'guest'> = {
  initrd: null,
  symbols: null,
  disks: [],
  topology: { sockets: 1, cores: 4, threads: 1 },
  apicIds: null,
  bsp: 0,
  memory: 128 * 2 ** 20,
  accelerator: 'auto',
  irqchip: 'exact',
  cmdline: '',
  seed: 0,
  realtime: true,
  parallel: false,
  acpi: true,
  vga: 'text',
  serial: [{ kind: 'stdio' }, { kind: 'none' }, { kind: 'none' }, { kind: 'none' }],
  consoles: [],
  network: null,
  policies: [],
};

export type MachineForm = ReturnType<typeof createMachineForm>;

/** `machine`: the one to edit; null: a new one. */
export function createMachineForm(bridge: Bridge, info: AppInfo, machine: MachineInfo | null) {
  const firstGuest = info.guests[0]?.name ?? '';
  const settings = machine?.settings ?? {
    ...NEW_MACHINE,
    name: firstGuest,
    guest: { kind: 'bundled', name: firstGuest },
  };
  const draft: Draft = reactive(draftOf(settings, firstGuest));
  const found = shallowRef<SettingsProblem[]>([]);
  /** What the chosen image is; null: none is chosen, or it is none. */
  const image = shallowRef<ImageReport | null>(null);
  const saving = ref(false);
  let checks = 0;

  /** The way it is written comes first: what the app makes of a field that is no number says less. */
  const problems = computed(() => {
    const written = writingProblems(draft);
    return [...written, ...found.value.filter(({ field }) => !written.some((other) => other.field === field))];
  });

  async function check(): Promise<void> {
    const number = ++checks;
    const now = settingsOf(toRaw(draft));
    const [answer, report] = await Promise.all([
      bridge.call('machines.check', { settings: now }),
      // Why it is none, the check says.
      bridge.call('images.inspect', { guest: now.guest }).catch(() => null),
    ]);
    // An answer to what was typed before is late.
    if (number !== checks) return;
    found.value = answer;
    image.value = report;
  }

  /** The reason beside a field; undefined where all is well. */
  function problem(field: keyof MachineSettings | null): string | undefined {
    return problems.value.find((candidate) => candidate.field === field)?.message;
  }

  /** The reason beside an option of a policy, or (`option` null) beside the policy itself. */
  function policyProblem(index: number, option: string | null): string | undefined {
    return problems.value.find(({ policy }) => policy?.index === index && policy.option === option)?.message;
  }

  /** The accelerator that it would run on; undefined where there is none. */
  const accelerator = computed<AcceleratorProbe | undefined>(() => {
    const name = draft.accelerator === 'auto' ? info.host.auto?.accelerator : draft.accelerator;
    return info.host.accelerators.find((candidate) => candidate.name === name);
  });

  /** Null where there are still problems, which are shown then. */
  async function save(): Promise<MachineInfo | null> {
    saving.value = true;
    try {
      await check();
      if (problems.value.length > 0) return null;
      const content = settingsOf(toRaw(draft));
      if (machine === null) return await bridge.call('machines.create', { settings: content });
      return await bridge.call('machines.update', { machine: machine.id, settings: content });
    } finally {
      saving.value = false;
    }
  }

  watchDebounced(draft, check, { debounce: CHECK_AFTER_MS, deep: true, immediate: true });

  return { info, machine, draft, image, problems, problem, policyProblem, accelerator, saving, save };
}

export const FORM: InjectionKey<MachineForm> = Symbol('machine form');

/** The form that a part of it is in. */
export function useForm(): MachineForm {
  const form = inject(FORM);
  if (form === undefined) throw new Error('This component is a part of the machine form, and stands outside of one.');
  return form;
}
