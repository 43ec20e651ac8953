import type { Machine, Options, Policies, Policy } from 'reveille';

/** Sends each of the CPUs, once, what it should not get: some time after its SIPI, or at a line on a serial port. */
function spurious(machine: Machine, options: Options, send: (cpu: number, vector: number) => void): Policy {
  const { cpus, after, line, port } = options as { cpus: number[]; after: number; line: string; port: number };
  /** The vectors by which the CPUs were started; a CPU without one is left alone. */
  const vectors = new Map<number, number>();
  const done = new Set<number>();

  function disturb(cpu: number): void {
    if (done.has(cpu) || !vectors.has(cpu)) return;
    done.add(cpu);
    send(cpu, vectors.get(cpu) as number);
  }

  return {
    sipi({ cpu, vector, state }) {
      if (!cpus.includes(cpu) || state !== 'INIT_RECEIVED') return;
      vectors.set(cpu, vector);
      if (line === '') machine.after(after, () => disturb(cpu));
    },
    serial:
      line === '' ? [] : [{ port, pattern: /.+/, matched: ([text]) => text.includes(line) && cpus.forEach(disturb) }],
  };
}

export const policies: Policies = {
  'spurious-init': {
    start: (machine, options) =>
      spurious(machine, options, (cpu, vector) => {
        machine.inject({ mode: 'init', cpu }, 'an INIT that nobody asked for');
        if (options.restart) machine.inject({ mode: 'sipi', cpu, vector }, 'and a SIPI: it starts anew');
      }),
  },

  'spurious-sipi': {
    start: (machine, options) =>
      spurious(machine, options, (cpu, vector) =>
        machine.inject({ mode: 'sipi', cpu, vector }, 'a SIPI that nobody asked for'),
      ),
  },
};
