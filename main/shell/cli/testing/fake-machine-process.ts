/**
 * Stands in for a machine's process: speaks the protocol of preload/contract/machine.ts, with what happens chosen by
 * the first word of the guest's command line.
 */
import { EVENT_BYTES, IpiMode } from '../../../../preload/contract/events';
import type { MachineCommand, MachineConfig, MachineMessage, Outcome } from '../../../../preload/contract/machine';
import { MpState } from '../../../../preload/contract/mp-state';
import type { MachineAbilities } from '../../../../preload/contract/inspection';
import { batch, ipi, mpState } from '../../../app/testing/event-batch';

const { RUNNABLE, UNINITIALIZED, INIT_RECEIVED, HALTED, SIPI_RECEIVED } = MpState;
const NOT_HERE = 'This machine is not real.';
const ABILITIES: MachineAbilities = {
  pause: NOT_HERE,
  step: NOT_HERE,
  snapshot: NOT_HERE,
  pausePoints: {
    init: NOT_HERE,
    sipi: NOT_HERE,
    'first-instruction': NOT_HERE,
    'triple-fault': NOT_HERE,
    'state-change': NOT_HERE,
  },
};
const UNACKNOWLEDGED = 64 * 1024;

let config: MachineConfig;
let unacknowledged = 0;
let mostUnacknowledged = 0;
let printed = 0;
let told = 0;
let onStop = (kind: 'stopped' | 'timeout', reason: string): void => end({ kind, code: null, cpu: null, reason });
let onInput = (_bytes: Uint8Array): void => {};
let onAck = (): void => {};

function send(message: MachineMessage): void {
  process.send?.(message);
}

/** The last message; the process ends when it is on its way. */
function bye(message: MachineMessage): void {
  process.send?.(message, () => process.exit());
}

function print(text: string | Uint8Array): void {
  const bytes = typeof text === 'string' ? new TextEncoder().encode(text) : text;
  unacknowledged += bytes.length;
  mostUnacknowledged = Math.max(mostUnacknowledged, unacknowledged);
  send({ type: 'serial-output', port: 0, offset: printed, bytes });
  printed += bytes.length;
}

function tell(events: ArrayBuffer): void {
  send({ type: 'events', first: told, batch: events });
  told += events.byteLength / EVENT_BYTES;
}

function end(outcome: Outcome, diagnosis: string[] = []): void {
  const cpus = config.apicIds.map((apicId, id) => ({
    id,
    apicId,
    bsp: id === config.bsp,
    state: 'HALTED' as const,
    startedAtNs: id * 1000,
    exits: { io: 7 },
  }));
  const { accelerator: accel, irqchip } = config;
  bye({
    type: 'ended',
    summary: {
      accel,
      irqchip,
      parallel: true,
      cpus,
      events: 5,
      lost: 0,
      network: null,
      durationNs: 2e6,
      unimplemented: null,
      policies: [],
      verdict: null,
      outcome,
    },
    diagnosis,
  });
}

function guestExit(code: number): void {
  end({ kind: 'guest-exit', code, cpu: 0, reason: 'the guest wrote to the debug-exit port' });
}

/** The BSP wakes every AP by INIT-SIPI-SIPI; the last SIPI finds it running. */
function wake(): ArrayBuffer {
  const aps = config.apicIds.map((_, cpu) => cpu).filter((cpu) => cpu !== config.bsp);
  return batch(
    mpState(1000, config.bsp, UNINITIALIZED, RUNNABLE),
    ...aps.flatMap((cpu, i) => {
      const t = 1_000_000 * (i + 1);
      return [
        ...ipi(t, config.bsp, [cpu], IpiMode.INIT, 0),
        mpState(t, cpu, UNINITIALIZED, INIT_RECEIVED),
        ...ipi(t + 10_000, config.bsp, [cpu], IpiMode.SIPI, 8),
        mpState(t + 10_000, cpu, INIT_RECEIVED, SIPI_RECEIVED),
        mpState(t + 20_000, cpu, SIPI_RECEIVED, RUNNABLE),
        ...ipi(t + 200_000, config.bsp, [cpu], IpiMode.SIPI, 8, 1),
        ...ipi(t + 300_000, config.bsp, [cpu], IpiMode.FIXED, 0x40),
        mpState(t + 400_000, cpu, RUNNABLE, HALTED),
      ];
    }),
  );
}

const scenarios: Record<string, (argument: string) => void> = {
  hello: () => {
    tell(wake());
    print('hello\n');
    guestExit(0x10);
  },
  /** So many halts and wake-ups, a microsecond apart. */
  restless: (count) => {
    const change = (i: number) =>
      i % 2 === 0 ? mpState(i * 1000, 0, RUNNABLE, HALTED) : mpState(i * 1000, 0, HALTED, RUNNABLE);
    tell(batch(...Array.from({ length: Number(count) }, (_, i) => change(i))));
    guestExit(0x10);
  },
  exit: (code) => guestExit(Number(code)),
  crash: () => end({ kind: 'crash', code: null, cpu: 1, reason: 'triple fault of cpu 1' }, ['rip 0x8000']),
  fail: (kind) => {
    bye({ type: 'failed', kind: kind as 'usage' | 'host', message: 'The guest image is empty' });
  },
  die: () => process.kill(process.pid, 'SIGSEGV'),
  wait: () => print('waiting\n'),
  deaf: () => {
    onStop = () => {};
    print('waiting\n');
  },
  /** Says how many bytes were on their way at most. */
  flood: (total) => {
    let left = Number(total);
    onAck = () => {
      while (left > 0 && unacknowledged < UNACKNOWLEDGED) {
        const count = Math.min(left, 4096);
        left -= count;
        print(new Uint8Array(count).fill(0x41));
      }
      if (left === 0 && unacknowledged === 0) {
        end({ kind: 'guest-exit', code: 0, cpu: 0, reason: `at most ${mostUnacknowledged} bytes unacknowledged` });
      }
    };
    onAck();
  },
  echo: () => {
    onInput = (bytes) => {
      print(bytes);
      if (bytes.includes(0x71)) guestExit(0);
    };
    print('ready\n');
  },
  /** For a person to look at. */
  show: () => {
    tell(wake());
    let beat = 0;
    setInterval(() => {
      beat++;
      const cpu = beat % config.cpus;
      const now = beat * 1e8;
      const turn = Math.floor(beat / config.cpus) % 2;
      tell(batch(mpState(now, cpu, turn ? HALTED : RUNNABLE, turn ? RUNNABLE : HALTED)));
      print(`beat ${beat} of cpu ${cpu}\n`);
      const cpus = config.apicIds.map((_, id) => ({
        state: id <= cpu === (turn === 1) ? RUNNABLE : HALTED,
        exits: [0, 0, beat * id * 37, 0, 0, beat * 10, beat * 123 * id],
        rip: (0x8000 + beat * 16 + id).toString(16),
        symbol: null,
        mode: 'long' as const,
      }));
      send({ type: 'sample', sample: { time: now, cpus, network: null } });
    }, 100);
    onInput = (bytes) => {
      print(bytes);
      if (bytes.includes(0x71)) guestExit(0);
    };
  },
};

// The shell is gone.
process.on('disconnect', () => process.exit());

process.on('message', (command: MachineCommand) => {
  switch (command.type) {
    case 'start': {
      config = command.config;
      const [scenario, argument = ''] = config.cmdline.split(' ');
      if (scenario !== 'fail' && scenario !== 'die')
        send({ type: 'started', config, memory: config.memory, abilities: ABILITIES, image: null });
      scenarios[scenario](argument);
      break;
    }
    case 'serial-input':
      onInput(command.bytes);
      break;
    case 'serial-ack':
      unacknowledged -= command.count;
      onAck();
      break;
    case 'stop':
      onStop(command.kind, command.reason);
      break;
  }
});
