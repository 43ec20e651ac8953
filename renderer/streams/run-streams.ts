/** One run's streams in the window: its events, what is known of its CPUs, its serial ports. */
import { shallowRef } from 'vue';
import type { RunInfo } from '../../preload/contract/app';
import type { Bridge, StreamFrame } from '../../preload/contract/channels';
import { EVENT_BYTES } from '../../preload/contract/events';
import { MachineModel } from '../../preload/contract/machine-model';
import { EventLog } from '../timeline/event-log';
import { untilBeat } from './beat';
import { breathe } from './breathe';
import { RateHistory } from './rate-history';
import { SerialFeed } from './serial-feed';
import { SerialLines } from './serial-lines';

/** Records between two looks at the clock, and how long the page may be kept from drawing, in ms. */
const SLICE_RECORDS = 8192;
const BUDGET_MS = 10;
/** How often the page is drawn while much is still to come, in ms: what draws takes no records. */
const CATCHING_UP_MS = 200;
/** So many records between two beats are a flood. */
const FLOOD_RECORDS = 1500;
/** How long to wait for what the app is about to have, in ms. */
const BEHIND_MS = 15;

export class RunStreams {
  readonly machine: string;
  readonly run: RunInfo;
  readonly events: EventLog;
  readonly model: MachineModel;
  readonly rates: RateHistory;
  /** By port. */
  readonly serial: SerialFeed[];
  readonly lines: SerialLines;
  /** Counts, at most once a beat, when events or samples have come. */
  readonly version = shallowRef(0);
  readonly #bridge: Bridge;
  /** How far the run has come as far as is known here. */
  #target = 0;
  #catchingUp = false;
  #untold = false;
  #waiting = false;
  /** Records that had come when it was last told. */
  #told = 0;
  #closed = false;

  constructor(bridge: Bridge, machine: string, run: RunInfo) {
    this.#bridge = bridge;
    this.machine = machine;
    this.run = run;
    const cpus = run.apicIds.length;
    this.events = new EventLog(cpus);
    this.model = new MachineModel(run);
    this.rates = new RateHistory(cpus);
    this.serial = run.ports.map((_, port) => new SerialFeed(bridge, { machine, run: run.number, port }));
    this.lines = new SerialLines(this.serial);
    // What was before this window.
    void this.#catchUp();
  }

  /** Events of the run, those that are still to be fetched with them. */
  get known(): number {
    return Math.max(this.#target, this.events.length);
  }

  /** After the connection was lost: what came meanwhile is fetched. */
  resume(): void {
    void this.#catchUp();
    for (const feed of this.serial) feed.resume();
  }

  /** The run is no longer shown. */
  close(): void {
    this.#closed = true;
  }

  receive(frame: StreamFrame): void {
    switch (frame.type) {
      case 'events':
        this.#target = Math.max(this.#target, frame.first + frame.bytes.length / EVENT_BYTES);
        if (this.#catchingUp || frame.first !== this.events.length) void this.#catchUp();
        else this.#take(frame.first, frame.bytes);
        break;
      case 'serial':
        this.serial[frame.port]?.receive(frame.offset, frame.bytes);
        break;
      case 'sample':
        this.model.sample(frame.sample);
        this.rates.add(frame.sample);
        this.#changed();
        break;
    }
  }

  /** Fetches what this window has missed; frames that come meanwhile are among it. */
  async #catchUp(): Promise<void> {
    if (this.#catchingUp) return;
    this.#catchingUp = true;
    try {
      const { machine, run } = this;
      let from = this.events.length;
      let taken = Promise.resolve();
      do {
        // An answer is on its way while the one before it is taken in.
        const [answer] = await Promise.all([
          this.#bridge.call('events.read', { machine, run: run.number, from }),
          taken,
        ]);
        this.#target = Math.max(this.#target, answer.total);
        // Straight from the machine's process this window may have heard of events before the app has.
        if (answer.bytes.length === 0 && from < this.#target) await pause(BEHIND_MS);
        taken = this.#takeSlices(answer.first, answer.bytes);
        from = answer.first + answer.bytes.length / EVENT_BYTES;
        if (from >= this.#target) await taken;
      } while (!this.#closed && from < this.#target);
    } catch {
      // The connection is lost, or the run is over; both are shown, and `resume` or the next frame asks again.
    } finally {
      this.#catchingUp = false;
    }
  }

  async #takeSlices(first: number, bytes: Uint8Array): Promise<void> {
    const size = SLICE_RECORDS * EVENT_BYTES;
    let deadline = performance.now() + BUDGET_MS;
    for (let at = 0; at < bytes.length && !this.#closed; at += size) {
      this.#take(first + at / EVENT_BYTES, bytes.subarray(at, at + size));
      if (performance.now() < deadline) continue;
      await breathe();
      deadline = performance.now() + BUDGET_MS;
    }
  }

  #take(first: number, bytes: Uint8Array): void {
    const batch = bytes.slice().buffer;
    this.events.append(batch, first);
    this.lines.take(batch);
    this.model.applyRecords(batch);
    const { machine, run, events } = this;
    this.#bridge.acknowledge({ machine, run: run.number, port: null, position: events.length });
    this.#changed();
  }

  /** Tells it at once, and then no more until the next beat. */
  #changed(): void {
    this.#untold = true;
    if (this.#waiting) return;
    this.#waiting = true;
    this.#untold = false;
    this.version.value++;
    const flooded = this.events.length - this.#told > FLOOD_RECORDS;
    this.#told = this.events.length;
    const next = (): void => {
      this.#waiting = false;
      if (this.#untold) this.#changed();
    };
    setTimeout(next, this.#target - this.events.length > SLICE_RECORDS ? CATCHING_UP_MS : untilBeat(flooded));
  }
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
