/**
 * One gdb that is connected: what it asks is done one after the other, as the protocol wants it. While the machine runs, gdb waits
 * for word of its stop, and may only send an interrupt.
 */
import { type Action, ALL_THREADS, ANY_THREAD, type Command, parseCommand } from '../../gdb/commands';
import { encodePacket, type Incoming, PACKET_BYTES, PacketReader, toHex } from '../../gdb/packet';
import {
  type Architecture,
  describeTarget,
  readRegister,
  type Register,
  type RegisterFile,
  type TargetDescription,
  writeRegister,
} from '../../gdb/registers';
import { endReply, interruptReply, stopReply, type StopFeatures } from '../../gdb/stop-reply';
import { ReveilleError } from '../../base/errors';
import type { Machine } from '../../machine/machine';
import type { AddressSpace, DebuggerStop, MachineDebugger } from '../../machine/machine-debugger';
import type { DebugAbilities } from '../../accelerator/index';
import type { MachineAbilities, PausePoint, PauseReason } from '../../../preload/contract/inspection';
import type { Outcome } from '../../../preload/contract/machine';
import { MpState } from '../../../preload/contract/mp-state';
import type { MachineRequestDesk } from '../machine-requests';
import type { Symbolizer } from '../symbolizer';
import { GdbPoints } from './gdb-points';
import { monitor } from './monitor';
import { describeThread, threadList, threadOf } from './threads';

export interface DebuggedMachine {
  machine: Machine;
  desk: MachineRequestDesk;
  abilities: MachineAbilities;
  points: DebugAbilities;
  names: Symbolizer;
  /** How a gdb that connects sees the CPUs: it asks only then. */
  shown: { architecture: Architecture };
}

const OK = 'OK';
const EMPTY = '';
const ERROR_INVALID = 'E16';
const ERROR_ADDRESS = 'E0e';
/** A crash that the machine has met, and stands still at. */
const TRIPLE_FAULT: PausePoint = { on: 'triple-fault', cpu: null };

export class GdbSession {
  readonly #machine: Machine;
  readonly #desk: MachineRequestDesk;
  readonly #debugger: MachineDebugger;
  readonly #abilities: MachineAbilities;
  readonly #points: GdbPoints;
  readonly #shown: DebuggedMachine['shown'];
  readonly #names: Symbolizer;
  readonly #write: (bytes: Uint8Array) => void;
  readonly #reader = new PacketReader();
  readonly #target: TargetDescription;
  readonly #subscription: { dispose(): void };
  readonly #features: StopFeatures = { swbreak: false, hwbreak: false };
  #acknowledges = true;
  #last: Buffer = encodePacket('');
  /** The CPU that commands are about. */
  #cpu: number;
  #space: AddressSpace = 'linear';
  /** gdb waits for the machine's stop. */
  #running = false;
  #closed = false;
  #queue: Promise<void> = Promise.resolve();
  /** What the machine stands still for. */
  #stop: string;

  constructor({ machine, desk, abilities, points, names, shown }: DebuggedMachine, write: (bytes: Uint8Array) => void) {
    this.#machine = machine;
    this.#desk = desk;
    this.#debugger = machine.debugger;
    this.#abilities = abilities;
    this.#points = new GdbPoints(machine.debugger, points);
    this.#shown = shown;
    this.#names = names;
    this.#write = write;
    this.#target = describeTarget(shown.architecture);
    this.#cpu = machine.config.bsp;
    this.#stop = interruptReply(this.#cpu);
    this.#subscription = desk.onPaused((reason) => this.#paused(reason));
    machine.pause.points = [...machine.pause.points, TRIPLE_FAULT];
    this.#do(async () => void (await desk.ask({ name: 'pause', argument: null })));
  }

  receive(bytes: Uint8Array): void {
    for (const incoming of this.#reader.push(bytes)) this.#take(incoming);
  }

  /** gdb has gone: the machine runs or stands still as it did, and stops at nothing any more. Resolves when that is so. */
  async close(): Promise<void> {
    if (this.#closed) return this.#queue;
    this.#closed = true;
    this.#subscription.dispose();
    this.#machine.pause.points = this.#machine.pause.points.filter((point) => point !== TRIPLE_FAULT);
    this.#points.clear();
    if (!this.#running || this.#machine.stopping) return this.#queue;
    // Points are taken out while nothing runs.
    this.#do(async () => {
      await this.#desk.ask({ name: 'pause', argument: null });
      this.#debugger.settle();
      this.#debugger.takeStop(this.#cpu);
      await this.#resume(new Set(), new Set());
    });
    return this.#queue;
  }

  ended(outcome: Outcome): void {
    this.#send(endReply(outcome));
    this.#closed = true;
    this.#subscription.dispose();
  }

  #take(incoming: Incoming): void {
    switch (incoming.kind) {
      case 'packet': {
        if (this.#acknowledges) this.#write(Buffer.from('+'));
        const command = parseCommand(incoming.data);
        this.#do(async () => {
          const answer = this.#running ? ERROR_INVALID : await this.#answer(command);
          if (answer !== null) this.#send(answer);
          if (command.name === 'no-ack-mode') this.#acknowledges = false;
        });
        break;
      }
      case 'damaged':
        if (this.#acknowledges) this.#write(Buffer.from('-'));
        break;
      case 'nak':
        if (this.#acknowledges) this.#write(this.#last);
        break;
      case 'interrupt':
        this.#do(async () => {
          if (this.#running) await this.#desk.ask({ name: 'pause', argument: null });
        });
        break;
      case 'ack':
        break;
    }
  }

  /** In turn. What is refused because the machine ends is told by its end. */
  #do(work: () => Promise<void>): void {
    this.#queue = this.#queue.then(async () => {
      try {
        await work();
      } catch (error) {
        if (!(error instanceof ReveilleError)) throw error;
        if (!this.#machine.stopping) this.#say(`${error.message}\n`);
      }
    });
  }

  #send(data: string): void {
    if (this.#closed) return;
    this.#last = encodePacket(data);
    this.#write(this.#last);
  }

  /** Text for the person at gdb. */
  #say(text: string): void {
    const hex = Buffer.from(text).toString('hex');
    for (let at = 0; at < hex.length; at += PACKET_BYTES - 2) this.#send(`O${hex.slice(at, at + PACKET_BYTES - 2)}`);
  }

  /** Null: the answer comes when the machine stands still. */
  async #answer(command: Command): Promise<string | null> {
    switch (command.name) {
      case 'supported':
        return this.#supported(command.features);
      case 'no-ack-mode':
      case 'symbols':
        return OK;
      case 'stop-reason':
        return this.#stop;
      case 'actions':
        return 'vCont;c;C;s;S';
      case 'current-thread':
        return `QC${threadOf(this.#cpu)}`;
      case 'attached':
        return '1';
      case 'first-threads':
        return `m${this.#machine.board.vcpus.map(({ cpu }) => threadOf(cpu)).join(',')}`;
      case 'more-threads':
        return 'l';
      case 'thread-alive':
        return this.#cpuOf(command.thread) === null ? ERROR_INVALID : OK;
      case 'thread-info': {
        const cpu = this.#cpuOf(command.thread);
        return cpu === null ? ERROR_INVALID : toHex(Buffer.from(describeThread(this.#machine, cpu)));
      }
      case 'set-thread':
      case 'set-step-thread': {
        const cpu = command.thread === ALL_THREADS ? this.#cpu : this.#cpuOf(command.thread);
        if (cpu === null) return ERROR_INVALID;
        if (command.name === 'set-thread') this.#cpu = cpu;
        return OK;
      }
      case 'read-object':
        return this.#readObject(command);
      case 'read-registers': {
        const file = this.#registerFile();
        return this.#target.registers.map((register) => toHex(readRegister(register, file))).join('');
      }
      case 'write-registers':
        return this.#writeRegisters(command.bytes);
      case 'read-register': {
        const register = this.#target.registers[command.register];
        return register === undefined ? ERROR_INVALID : toHex(readRegister(register, this.#registerFile()));
      }
      case 'write-register': {
        const register = this.#target.registers[command.register];
        return register === undefined ? ERROR_INVALID : this.#change([[register, command.bytes]]);
      }
      case 'read-memory': {
        const bytes = this.#debugger.read(this.#cpu, this.#space, command.address, command.length);
        return bytes.length === 0 && command.length > 0 ? ERROR_ADDRESS : toHex(bytes);
      }
      case 'write-memory':
        return this.#debugger.write(this.#cpu, this.#space, command.address, command.bytes) ? OK : ERROR_ADDRESS;
      case 'insert':
      case 'remove':
        return this.#changePoint(command);
      case 'resume':
        return this.#go(command.actions, command.address);
      case 'monitor':
        return this.#monitor(command.text);
      case 'detach':
        this.#send(OK);
        this.#points.clear();
        await this.#resume(new Set(), new Set());
        this.#running = false;
        void this.close();
        return null;
      case 'kill':
        this.#machine.stop({ kind: 'stopped', code: null, cpu: null, reason: 'killed by gdb' });
        return null;
      case 'malformed':
        return ERROR_INVALID;
      case 'unknown':
        return EMPTY;
    }
  }

  #supported(features: string[]): string {
    this.#features.swbreak = features.includes('swbreak+');
    this.#features.hwbreak = features.includes('hwbreak+');
    return [
      `PacketSize=${PACKET_BYTES.toString(16)}`,
      'QStartNoAckMode+',
      'qXfer:features:read+',
      'qXfer:threads:read+',
      'vContSupported+',
      'swbreak+',
      'hwbreak+',
    ].join(';');
  }

  #readObject({ object, annex, offset, length }: Extract<Command, { name: 'read-object' }>): string {
    if (object === 'features' && annex !== 'target.xml') return 'E00';
    const text = object === 'features' ? this.#target.xml : threadList(this.#machine);
    // Room for the letter before it; nothing in it needs to be escaped.
    const part = text.slice(offset, offset + Math.min(length, PACKET_BYTES - 1));
    return `${offset + part.length < text.length ? 'm' : 'l'}${part}`;
  }

  #cpuOf(thread: number): number | null {
    if (thread === ANY_THREAD) return this.#cpu;
    return thread >= 1 && thread <= this.#machine.config.cpus ? thread - 1 : null;
  }

  #registerFile(): RegisterFile {
    const registers = this.#debugger.registers(this.#cpu);
    const image = registers.vectors();
    return { state: registers.state(), vectors: new DataView(image.buffer, image.byteOffset, image.byteLength) };
  }

  #writeRegisters(bytes: Uint8Array): string {
    const changes: [Register, Uint8Array][] = [];
    let at = 0;
    for (const register of this.#target.registers) {
      if (at >= bytes.length) break;
      changes.push([register, bytes.subarray(at, at + register.bits / 8)]);
      at += register.bits / 8;
    }
    return at === bytes.length ? this.#change(changes) : ERROR_INVALID;
  }

  /** All of them, or where one cannot have its value none. */
  #change(changes: [Register, Uint8Array][]): string {
    const file = this.#registerFile();
    const before = toHex(new Uint8Array(file.vectors.buffer.slice(0)));
    if (!changes.every(([register, bytes]) => writeRegister(register, file, bytes))) return ERROR_INVALID;
    const registers = this.#debugger.registers(this.#cpu);
    registers.setState(file.state);
    const image = new Uint8Array(file.vectors.buffer);
    if (toHex(image) !== before) registers.setVectors(image);
    return OK;
  }

  #changePoint(command: Extract<Command, { name: 'insert' | 'remove' }>): string {
    const reason = this.#points.change(this.#cpu, command);
    if (reason === null) return OK;
    this.#say(`${reason}\n`);
    return ERROR_ADDRESS;
  }

  async #go(actions: Action[], address: bigint | null): Promise<string | null> {
    if (address !== null) {
      const pc = this.#target.registers.find(({ type }) => type === 'code_ptr') as Register;
      const bytes = new Uint8Array(BigUint64Array.of(address).buffer).slice(0, pc.bits / 8);
      if (this.#change([[pc, bytes]]) !== OK) return ERROR_INVALID;
    }
    const stepping = new Set<number>();
    const frozen = new Set<number>();
    for (const { cpu } of this.#machine.board.vcpus) {
      const action = actions.find(({ thread }) => thread === ALL_THREADS || this.#cpuOf(thread) === cpu);
      // With the letters of old, others go on, too.
      if (action === undefined && !actions.some(({ thread }) => thread === ANY_THREAD)) frozen.add(cpu);
      else if (action?.kind === 'step') stepping.add(cpu);
    }
    if (stepping.size > 0 && this.#abilities.step !== null) {
      this.#say(`${this.#abilities.step}\n`);
      return this.#stop;
    }
    const [cpu] = stepping;
    if (cpu !== undefined && frozen.size === this.#machine.config.cpus - 1) return this.#stepAlone(cpu);
    await this.#resume(frozen, stepping);
    return null;
  }

  /** One instruction while all others stand still. */
  async #stepAlone(cpu: number): Promise<string | null> {
    const { mpState } = this.#machine.board.vcpus[cpu];
    this.#debugger.prepareStep(cpu);
    this.#running = true;
    try {
      await this.#desk.ask({ name: 'step', argument: { cpu } });
      return null;
    } catch (error) {
      if (!(error instanceof ReveilleError)) throw error;
      // It may have been told already that the machine stands still.
      const told = !this.#running;
      this.#running = false;
      this.#debugger.settle();
      if (!this.#machine.stopping) this.#say(`${error.message}\n`);
      if (mpState !== MpState.RUNNABLE) this.#stop = stopReply({ cpu, why: 'step' }, this.#features);
      return told ? null : this.#stop;
    }
  }

  async #resume(frozen: Set<number>, stepping: Set<number>): Promise<void> {
    const pending = this.#debugger.takeStop(this.#cpu);
    if (pending !== null && !this.#closed) {
      this.#tellStop(pending);
      return;
    }
    this.#debugger.prepare(frozen, stepping);
    this.#running = true;
    await this.#desk.ask({ name: 'resume', argument: null });
  }

  /** The machine has come to stand still, whoever wanted it to. */
  #paused(reason: PauseReason): void {
    this.#debugger.settle();
    const stop = this.#debugger.takeStop(reason.why === 'asked' ? this.#cpu : reason.cpu);
    if (!this.#running) return;
    this.#running = false;
    if (stop !== null) this.#tellStop(stop);
    else if (reason.why === 'debugger') {
      // An INT3 of the guest's own, which it has now been given.
      this.#do(() => this.#resume(new Set(), new Set()));
    } else if (reason.why === 'step') this.#tellStop({ cpu: reason.cpu, why: 'step' });
    else {
      if (reason.why === 'point') this.#cpu = reason.cpu;
      this.#stop = interruptReply(this.#cpu, reason);
      this.#send(this.#stop);
    }
  }

  #tellStop(stop: DebuggerStop): void {
    this.#cpu = stop.cpu;
    this.#stop = stopReply(stop, this.#features);
    this.#send(this.#stop);
  }

  #monitor(text: string): string {
    const said = monitor(text, {
      machine: this.#machine,
      nameOf: (address) => this.#names.name(address),
      space: (wanted) => (this.#space = wanted ?? this.#space),
      architecture: (wanted) => (this.#shown.architecture = wanted ?? this.#shown.architecture),
    });
    this.#say(said);
    return OK;
  }
}
