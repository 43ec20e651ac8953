/**
 * Questions that are asked often, as numbers in shared memory, since to make JSON and to read it costs more than a policy's answer:
 *
 *     kind, machine time, count of changed CPUs, for each its CPU and state
 *     of an INIT or SIPI: source, vector, count of targets, for each its CPU, state and how often it was sent one
 *     of a change of an MP state: CPU, state before, state after
 */
import { type SandboxRequest, STATE_INDEX, STATE_NAMES } from './protocol';

const KINDS = ['init', 'sipi', 'mp-state'] as const;
const NOBODY = -1;

type FrequentRequest = Extract<SandboxRequest, { ask: (typeof KINDS)[number] }>;

/** False: it is none of those, and nothing is written. `to` has room for five numbers of each CPU, and six more. */
export function writeQuestion(to: Float64Array, request: SandboxRequest): boolean {
  const kind = KINDS.indexOf(request.ask as FrequentRequest['ask']);
  if (kind < 0) return false;
  const { now, changed = [], ...asked } = request as FrequentRequest;
  let at = 0;
  const put = (value: number): void => {
    to[at++] = value;
  };
  put(kind);
  put(now);
  put(changed.length);
  for (const { cpu, state } of changed) {
    put(cpu);
    put(STATE_INDEX[state]);
  }
  if (asked.ask === 'mp-state') {
    put(asked.cpu);
    put(STATE_INDEX[asked.from]);
    put(STATE_INDEX[asked.to]);
    return true;
  }
  const { source, vector, targets, states, counts } = asked;
  put(source ?? NOBODY);
  put(vector);
  put(targets.length);
  targets.forEach((cpu, i) => {
    put(cpu);
    put(STATE_INDEX[states[i]]);
    put(counts[i]);
  });
  return true;
}

export function readQuestion(from: Float64Array): SandboxRequest {
  let at = 0;
  const take = (): number => from[at++];
  const state = () => STATE_NAMES[take()];
  const ask = KINDS[take()];
  const now = take();
  const changed = Array.from({ length: take() }, () => ({ cpu: take(), state: state() }));
  if (ask === 'mp-state') return { ask, now, changed, cpu: take(), from: state(), to: state() };
  const source = take();
  const vector = take();
  const targets: number[] = [];
  const states: ReturnType<typeof state>[] = [];
  const counts: number[] = [];
  for (let left = take(); left > 0; left--) {
    targets.push(take());
    states.push(state());
    counts.push(take());
  }
  return { ask, now, changed, source: source === NOBODY ? null : source, vector, targets, states, counts };
}
