/** A machine of paper for the logic of policies: MP states, what is held and delayed, timers, and a clock moved by hand. */
import type {
  Machine,
  MpState,
  Options,
  Policies,
  Policy,
  PolicyDefinition,
  StartUpIpi,
  Verdict,
} from '../../plugins/api/index';

type StartUp = 'init' | 'sipi';

interface Timer {
  at: number;
  callback: () => void;
}

/** What a policy keeps back. */
interface Held {
  mode: StartUp;
  vector: number;
  timer: Timer | null;
}

interface MachineOptions {
  cpus?: number;
  irqchip?: Machine['irqchip'];
  random?: () => number;
}

export class FakeMachine {
  now = 0;
  /** What happened, a line each, with the time in us. */
  readonly events: string[] = [];
  verdict: { verdict: Verdict; reason: string } | null = null;
  readonly policy: Policy;
  readonly #states: MpState[];
  readonly #counts = { init: new Map<number, number>(), sipi: new Map<number, number>() };
  readonly #held = new Map<number, Held[]>();
  #timers: Timer[] = [];

  constructor(
    policies: Policies,
    name: string,
    options: Options,
    { cpus = 4, irqchip = 'exact', random = () => 0 }: MachineOptions = {},
  ) {
    this.#states = Array.from({ length: cpus }, (_, cpu) => (cpu === 0 ? 'RUNNABLE' : 'UNINITIALIZED'));
    const machine: Partial<Machine> = {
      cpus: this.#states.map((_, cpu) => ({ cpu, apicId: cpu, bsp: cpu === 0 })),
      bsp: 0,
      accelerator: 'wasm',
      irqchip,
      state: (cpu) => this.#states[cpu],
      random,
      release: (cpu) => this.#release(cpu),
      inject: ({ mode, cpu, vector = 0 }) => this.#arrive(mode, cpu, vector),
      suspend: (cpu) => this.#note(`CPU ${cpu} suspended`),
      resume: (cpu) => this.#note(`CPU ${cpu} resumed`),
      dutyCycle: (cpu, run, period) => this.#note(`CPU ${cpu} runs ${run / 1e3} of ${period / 1e3} us`),
      after: (delay, callback) => this.#after(delay, callback),
      mark: () => {},
      verdict: (verdict, reason) => (this.verdict ??= { verdict, reason }),
    };
    Object.defineProperty(machine, 'now', { get: () => this.now });
    this.policy = (policies[name] as Required<PolicyDefinition>).start(machine as Machine, options);
  }

  /** The guest sends an INIT to these CPUs. */
  init(...cpus: number[]): this {
    for (const cpu of cpus) this.#send('init', cpu, 0);
    return this;
  }

  /** The guest sends a SIPI to these CPUs. */
  sipi(...cpus: number[]): this {
    for (const cpu of cpus) this.#send('sipi', cpu, 8);
    return this;
  }

  /** So many us go by. */
  pass(us: number): this {
    const end = this.now + us * 1e3;
    for (;;) {
      const [next] = this.#timers.sort((a, b) => a.at - b.at);
      if (next === undefined || next.at > end) break;
      this.#timers.shift();
      this.now = next.at;
      next.callback();
    }
    this.now = end;
    return this;
  }

  #send(mode: StartUp, cpu: number, vector: number): void {
    const decision = this.policy[mode]?.(this.#ipi(mode, cpu, vector)) ?? { do: 'deliver' };
    if (decision.do === 'deliver') this.#arrive(mode, cpu, vector);
    else if (decision.do === 'redirect') this.#arrive(mode, cpu, decision.vector ?? vector);
    else if (decision.do === 'drop') this.#note(`CPU ${cpu} drop`);
    else {
      const held: Held = { mode, vector, timer: null };
      const list = this.#held.get(cpu) ?? [];
      this.#held.set(cpu, [...list, held]);
      if (decision.do === 'delay') {
        held.timer = { at: this.now + decision.by, callback: () => this.#expire(cpu, held) };
        this.#timers.push(held.timer);
      }
    }
  }

  #ipi(kind: StartUp, cpu: number, vector: number): StartUpIpi {
    const count = (this.#counts[kind].get(cpu) ?? 0) + 1;
    this.#counts[kind].set(cpu, count);
    return { cpu, source: 0, vector, count, state: this.#states[cpu] };
  }

  #expire(cpu: number, held: Held): void {
    this.#held.set(cpu, this.#held.get(cpu)?.filter((other) => other !== held) ?? []);
    this.#arrive(held.mode, cpu, held.vector);
  }

  #release(cpu: number): void {
    const list = this.#held.get(cpu) ?? [];
    this.#held.delete(cpu);
    this.#timers = this.#timers.filter((timer) => list.every((held) => held.timer !== timer));
    for (const { mode, vector } of list) this.#arrive(mode, cpu, vector);
  }

  #arrive(mode: 'init' | 'sipi' | 'nmi', cpu: number, vector: number): void {
    if (mode === 'nmi') this.#note(`CPU ${cpu} NMI`);
    else if (mode === 'init') {
      this.#note(`CPU ${cpu} INIT`);
      this.#states[cpu] = 'INIT_RECEIVED';
    } else if (this.#states[cpu] === 'INIT_RECEIVED') {
      this.#note(`CPU ${cpu} starts at ${vector}`);
      this.#states[cpu] = 'RUNNABLE';
    }
  }

  #after(delay: number, callback: () => void): () => void {
    const timer = { at: this.now + delay, callback };
    this.#timers.push(timer);
    return () => (this.#timers = this.#timers.filter((other) => other !== timer));
  }

  #note(text: string): void {
    this.events.push(`${this.now / 1e3}: ${text}`);
  }
}
