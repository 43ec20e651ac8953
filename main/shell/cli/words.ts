/** How the command line words and colours what happens in a machine. */
import { portName } from '../../../preload/contract/ports';
import type { CpuModel } from '../../../preload/contract/machine-model';
import { formatTime as formatDelay } from '../../../preload/contract/quantities';
import {
  type DecisionEvent,
  type IpiEvent,
  isPolicysOwn,
  type MachineEvent,
} from '../../../preload/contract/machine-events';
import type { MpStateName } from '../../../preload/contract/mp-state';
import { SHOWN_PER_SECOND } from '../../../preload/contract/event-digest';
import { formatTime } from './quantities';

/** Wraps text in a colour (an SGR parameter), or leaves it as it is. */
export type Paint = (colour: number, text: string) => string;

export const plain: Paint = (_, text) => text;
export const coloured: Paint = (colour, text) => `\x1b[${colour}m${text}\x1b[0m`;

export const Colour = { BOLD: 1, DIM: 2, RED: 31, GREEN: 32, YELLOW: 33, BLUE: 34, MAGENTA: 35, CYAN: 36 } as const;

/** A state's shape fills as the CPU comes up, so that the column also reads without colour. */
const STATE_LOOKS: Partial<Record<MpStateName, { shape: string; colour: number }>> = {
  UNINITIALIZED: { shape: '○', colour: Colour.DIM },
  INIT_RECEIVED: { shape: '◔', colour: Colour.YELLOW },
  SIPI_RECEIVED: { shape: '◑', colour: Colour.MAGENTA },
  RUNNABLE: { shape: '●', colour: Colour.GREEN },
  HALTED: { shape: '■', colour: Colour.BLUE },
};

export function stateLook(state: MpStateName): { shape: string; colour: number } {
  return STATE_LOOKS[state] ?? { shape: '?', colour: Colour.RED };
}

function hexByte(value: number): string {
  return `0x${value.toString(16).padStart(2, '0')}`;
}

/** `INIT`, `SIPI 0x08`, `fixed 0x40`. */
export function describeIpi(ipi: IpiEvent): string {
  const mode = ['init', 'sipi', 'nmi', 'smi'].includes(ipi.mode) ? ipi.mode.toUpperCase() : ipi.mode;
  const vector = ['sipi', 'fixed', 'lowest-priority'].includes(ipi.mode) ? ` ${hexByte(ipi.vector)}` : '';
  return mode + vector;
}

/** What became of it, where it was not simply delivered: ` (ignored)`. */
export function describeDecision(ipi: IpiEvent): string {
  return ipi.decision === 'deliver' ? '' : ` (${ipi.decision})`;
}

function describeSource(ipi: IpiEvent): string {
  if (ipi.source !== null) return `cpu ${ipi.source}`;
  return isPolicysOwn(ipi) ? `policy ${ipi.author}` : 'an unseen cpu';
}

/** `apic 9, received by no cpu`. */
function describeNobody({ destination, logical }: IpiEvent): string {
  if (destination === undefined) return 'no cpu';
  return `${logical ? `logical destination ${hexByte(destination)}` : `apic ${destination}`}, received by no cpu`;
}

/** `1-3,5`. */
function describeCpus(cpus: readonly number[]): string {
  const parts: string[] = [];
  for (let i = 0; i < cpus.length;) {
    let last = i;
    while (cpus[last + 1] === cpus[last] + 1) last++;
    parts.push(last === i ? `${cpus[i]}` : `${cpus[i]}-${cpus[last]}`);
    i = last + 1;
  }
  return parts.join(',');
}

export function isHaltOrWakeUp(event: MachineEvent): boolean {
  if (event.kind !== 'mp-state') return false;
  const { from, to } = event;
  return (from === 'RUNNABLE' && to === 'HALTED') || (from === 'HALTED' && to === 'RUNNABLE');
}

/** Said where no more halts and wake-ups of this second of machine time are shown. */
export function haltsLeftOut(time: number): string {
  const next = (Math.floor(time / 1e9) + 1) * 1e9;
  return `${formatTime(time)}  ${SHOWN_PER_SECOND} halts and wake-ups in this second: no more of them until ${formatTime(next).trim()} (--events FILE has all)`;
}

/** ` by 20ms: the first one is lost`. */
function decisionDetail({ reason, delayNs, toCpu, toVector }: DecisionEvent): string {
  const by = delayNs === undefined ? '' : ` by ${formatDelay(delayNs)}`;
  const to = toCpu === undefined ? '' : ` to cpu ${toCpu} with vector ${hexByte(toVector ?? 0)}`;
  return `${by}${to}${reason === '' ? '' : `: ${reason}`}`;
}

/** The line of an event that plain output shows: a change of MP state, an INIT, a SIPI, a loss; null for the others. */
export function eventLine(event: MachineEvent, cpus: readonly CpuModel[]): string | null {
  const time = formatTime(event.t);
  switch (event.kind) {
    case 'mp-state': {
      const ipi = cpus[event.cpu]?.lastIpi ?? null;
      const cause =
        ipi !== null && event.to === `${ipi.mode.toUpperCase()}_RECEIVED`
          ? `  (${describeIpi(ipi)} from ${describeSource(ipi)})`
          : '';
      return `${time}  cpu ${event.cpu}  ${event.from} -> ${event.to}${cause}${event.derived ? '  [derived]' : ''}`;
    }
    case 'ipi': {
      if (event.mode !== 'init' && event.mode !== 'sipi') return null;
      const to = event.targets.length === 0 ? describeNobody(event) : `cpu ${describeCpus(event.targets)}`;
      return `${time}  ${describeSource(event)}  ${describeIpi(event)} to ${to}${describeDecision(event)}${event.derived ? '  [derived]' : ''}`;
    }
    case 'machine': {
      if (event.change !== 'paused' && event.change !== 'resumed') return null;
      return `${time}  machine ${event.change}${event.cpu === null ? '' : `, by what cpu ${event.cpu} met`}`;
    }
    case 'decision':
      return `${time}  policy ${event.author}  ${event.decision} ${event.mode.toUpperCase()} to cpu ${event.cpu}${decisionDetail(event)}`;
    case 'policy': {
      const cpu = event.cpu === null ? '' : ` cpu ${event.cpu}`;
      const verdict = event.verdict === undefined ? '' : ` ${event.verdict}`;
      return `${time}  policy ${event.author}  ${event.act}${verdict}${cpu}${event.text === '' ? '' : `: ${event.text}`}`;
    }
    case 'device-fault':
      return `${time}  PCI device ${event.device}: ${event.fault}`;
    case 'serial-lost':
      return `${time}  ${portName(event.port)} lost ${event.count} bytes that nobody received`;
    case 'lost':
      return `${time}  ${event.count} events were lost: the machine made them faster than they could be written`;
    default:
      return null;
  }
}
