/**
 * Questions about INITs and SIPIs, played on a machine of paper: from its queue through the engine to a policy in a sandbox, and
 * with its answer to the router. V8 compiles a function when it is first called, and again when it is called often, on threads of
 * its own: without this both the thread that asks and the sandboxes' would learn their work between a guest's INIT and its SIPI,
 * when the machine's CPUs need the host's processors. A thread that asks rehearses while nobody wants anything of it.
 */
import { NO_CPU } from '../../preload/contract/events';
import type { PolicySandbox } from '../plugins/policy';
import { REHEARSAL_POLICY } from '../plugins/rehearsal-policy';
import { Board } from './board';
import { MachinePolicies } from './machine-policies';
import { PausableClock } from './pausable-clock';
import { paperConfig, type RehearsalHost } from './rehearsal';
import { MachineMemory } from './shared-memory';

const CPUS = 64;
const BSP = 0;
const VECTOR = 8;
/** As sets of CPUs: one AP, and all of them. */
const ONE = Int32Array.of(0b10, 0);
const ALL = Int32Array.of(~0b1, ~0);
/**
 * As many as it takes until V8 has learned the common path, and compiled the loops in which threads look for each other's word.
 * More would bring on what host/sandbox-threads.ts puts off.
 */
const ROUNDS = 40;
/** A question about all costs as much as twelve about one. */
const ROUNDS_PER_BROADCAST = 20;

/** Plays a round at each step, the first of which makes the machine. `sandbox`: of REHEARSAL_POLICY; it is asked no more at the end. */
export function* rehearseQuestions(host: RehearsalHost, sandbox: PolicySandbox): Generator<void> {
  const { hostClock, kicker, interrupts } = host;
  const config = paperConfig(CPUS);
  const shape = { cpus: CPUS, ramSize: 0, needs: { runSize: 0, staticBytes: 0, engineBytes: 0 } };
  const memory = new MachineMemory(new SharedArrayBuffer(MachineMemory.size(shape)), shape);
  const clock = new PausableClock(hostClock, memory);
  const board = new Board({ memory, config, clock, kicker, interrupts, cpu: NO_CPU });
  const policies = new MachinePolicies({
    memory,
    board,
    config,
    clock,
    seats: [{ name: REHEARSAL_POLICY.policy, permissions: [], sandbox, seed: 0, options: {} }],
    recording: null,
    commands: [],
    tell: () => {},
    nextOrder: () => null,
  });
  board.powerOn(0);
  policies.start();
  for (let round = 0; round < ROUNDS; round++) {
    yield;
    const targets = round % ROUNDS_PER_BROADCAST === 0 ? ALL : ONE;
    board.router.init(BSP, targets);
    policies.attend();
    board.router.startUp(BSP, targets, VECTOR);
    policies.attend();
  }
  sandbox.close();
}
