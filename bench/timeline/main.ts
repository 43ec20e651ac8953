/** The page that bench/timeline.mjs drives: a timeline over made-up events, and nothing else of the app. */
import { createApp, h, markRaw, nextTick, shallowReactive } from 'vue';
import { EventLog } from '../../renderer/timeline/event-log';
import { EVERYTHING } from '../../renderer/timeline/event-query';
import TimelineView from '../../renderer/timeline/TimelineView.vue';
import EventTable from '../../renderer/timeline/EventTable.vue';
import { EventSource } from './events';

const parameters = new URLSearchParams(location.search);
const cpus = Number(parameters.get('cpus') ?? 64);
const view = parameters.get('view') ?? 'timeline';
document.documentElement.dataset.theme = parameters.get('theme') ?? 'dark';

const state = shallowReactive({
  log: markRaw(new EventLog(cpus)),
  revision: 0,
  live: false,
  query: EVERYTHING,
  selected: null as number | null,
});

function append(batch: ArrayBuffer): void {
  state.log.append(batch, state.log.length);
  state.revision = state.log.length;
}

const frame = (): Promise<number> => new Promise((resolve) => requestAnimationFrame(resolve));

/** Time from the records to the picture, in ms. */
async function open(count: number, interval: number): Promise<number> {
  const batch = new EventSource(cpus, count).take(count, interval);
  const start = performance.now();
  append(batch);
  await nextTick();
  // The timeline goes on for as many frames as it needs; it is idle when one has passed with nothing to paint.
  await settled();
  return performance.now() - start;
}

async function settled(): Promise<void> {
  const canvas = document.querySelector('canvas');
  for (;;) {
    await frame();
    if (canvas === null || canvas.dataset.seen === String(state.log.length)) return;
  }
}

/**
 * How long each frame's work takes, in ms: from the callback that comes first in a frame to the task that comes after its
 * rendering. What the display waits for besides is not the page's.
 */
class FrameTimes {
  readonly busy: number[] = [];
  readonly #channel = new MessageChannel();
  #start = 0;

  constructor() {
    this.#channel.port1.addEventListener('message', () => this.busy.push(performance.now() - this.#start));
    this.#channel.port1.start();
  }

  /** To be called first in a frame. */
  begin(): void {
    this.#start = performance.now();
    this.#channel.port2.postMessage(null);
  }
}

function dispatch(type: string, init: PointerEventInit & WheelEventInit): void {
  const canvas = document.querySelector('canvas');
  const event = type === 'wheel' ? new WheelEvent(type, init) : new PointerEvent(type, init);
  canvas?.dispatchEvent(event);
}

/** Plays what a user does, a step a frame. */
async function script(name: 'scroll' | 'zoom'): Promise<number[]> {
  const times = new FrameTimes();
  const { width } = document.querySelector('canvas')?.getBoundingClientRect() ?? { width: 0 };
  const top = document.querySelector('canvas')?.getBoundingClientRect().top ?? 0;
  const at = { clientX: width * 0.6, clientY: top + 300, cancelable: true, bubbles: true };
  for (let step = 0; step < 360; step++) {
    await frame();
    times.begin();
    // Into it down to nanoseconds and out again; along it at three depths.
    if (name === 'zoom') dispatch('wheel', { ...at, deltaY: step % 180 < 90 ? -100 : 100 });
    else if (step % 120 === 0) for (let n = 0; n < 6; n++) dispatch('wheel', { ...at, deltaY: -100 });
    else dispatch('wheel', { ...at, shiftKey: true, deltaY: step % 120 < 60 ? -40 : 40 });
  }
  await frame();
  return times.busy;
}

/** Adds records in each frame, as many as machine time has gone on for. */
async function live(
  perSecond: number,
  seconds: number,
): Promise<{ busy: number[]; longTasks: number[]; appended: number }> {
  const source = new EventSource(cpus, perSecond);
  const longTasks: number[] = [];
  const observer = new PerformanceObserver((list) =>
    longTasks.push(...list.getEntries().map((entry) => entry.duration)),
  );
  observer.observe({ entryTypes: ['longtask'] });
  const times = new FrameTimes();
  state.live = true;
  const start = performance.now();
  let appended = 0;
  while (performance.now() - start < seconds * 1000) {
    await frame();
    times.begin();
    const due = Math.floor(((performance.now() - start) / 1000) * perSecond) - appended;
    if (due > 0) append(source.take(due, 1e9 / perSecond));
    appended += Math.max(0, due);
  }
  await settled();
  observer.disconnect();
  state.live = false;
  return { busy: times.busy, longTasks, appended };
}

const labels = Array.from({ length: cpus }, (_cpu, cpu) => `CPU ${cpu}${cpu === 0 ? ' BSP' : ''}`);
const perSocket = Math.ceil(cpus / (cpus > 8 ? 2 : 1));
const groups = Array.from({ length: Math.ceil(cpus / perSocket) }, (_group, socket) => ({
  label: cpus > 8 ? `Socket ${socket}` : '',
  cpus: Array.from({ length: perSocket }, (_cpu, n) => socket * perSocket + n),
}));
const serial = Array.from({ length: cpus - 1 }, (_, n) => ({
  time: 10.5e6 * (n + 1),
  port: 0,
  text: `cpu ${n + 1} here`,
}));

createApp({
  render: () =>
    h(view === 'table' ? EventTable : TimelineView, {
      ...state,
      ...{ labels, groups, serial, authors: ['machine', 'drop-sipi'] },
      now: state.log.endTime,
      'onUpdate:query': (query: typeof state.query) => (state.query = query),
      'onUpdate:selected': (record: number | null) => (state.selected = record),
    }),
}).mount('#app');

Object.assign(window, { timelineBench: { open, script, live } });
