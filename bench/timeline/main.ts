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

/** Adds records in each frame, as many as machine time has gone on for; the frames' lengths and long tasks, in ms. */
async function live(perSecond: number, seconds: number): Promise<{ frames: number[]; longTasks: number[]; appended: number }> {
  const source = new EventSource(cpus, perSecond);
  const longTasks: number[] = [];
  const observer = new PerformanceObserver((list) => longTasks.push(...list.getEntries().map((entry) => entry.duration)));
  observer.observe({ entryTypes: ['longtask'] });
  const frames: number[] = [];
  state.live = true;
  const start = performance.now();
  let last = start;
  let appended = 0;
  while (last - start < seconds * 1000) {
    await frame();
    const now = performance.now();
    const due = Math.min(perSecond, Math.floor(((now - start) / 1000) * perSecond) - appended);
    if (due > 0) append(source.take(due, 1e9 / perSecond / 1.03));
    appended += Math.max(0, due);
    frames.push(now - last);
    last = now;
  }
  await settled();
  observer.disconnect();
  state.live = false;
  return { frames, longTasks, appended };
}

const labels = Array.from({ length: cpus }, (_, cpu) => `CPU ${cpu}${cpu === 0 ? ' BSP' : ''}`);
const perSocket = Math.ceil(cpus / (cpus > 8 ? 2 : 1));
const groups = Array.from({ length: Math.ceil(cpus / perSocket) }, (_, socket) => ({
  label: cpus > 8 ? `Socket ${socket}` : '',
  cpus: Array.from({ length: perSocket }, (_, n) => socket * perSocket + n),
}));
const serial = Array.from({ length: cpus - 1 }, (_, n) => ({ time: 10.5e6 * (n + 1), port: 0, text: `cpu ${n + 1} here` }));

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

Object.assign(window, { timelineBench: { open, live, settled } });
