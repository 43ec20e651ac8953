/** The timeline's state: what of the log is taken, what is in view, and when it is painted anew. */
import { useDevicePixelRatio, useElementSize, useMutationObserver, usePreferredDark } from '@vueuse/core';
import { type Ref, computed, onScopeDispose, shallowRef, watch } from 'vue';
import { CATEGORIES } from './describe';
import type { EventLog } from './event-log';
import { type EventQuery, recordTest } from './event-query';
import { type LaneGroup, fittingHeight, layOut } from './lane-layout';
import { MatchList } from './match-list';
import { Painter } from './painter';
import { LANES_TOP, type Measure, type Scene, type SerialLine } from './scene';
import { type Theme, readTheme } from './theme';
import { TimelineModel } from './timeline-model';
import { type Viewport, clampViewport, everything, following } from './viewport';

/** How long a frame may take records for, in ms: a live machine's, and a whole trace's, which is painted less often. */
const UPDATE_BUDGET = 6;
const OPENING_BUDGET = 25;
const OPENING_BACKLOG = 50_000;
const OPENING_PAINTS = 150;
/** How long a frame may make a picture for, in ms, its records with it. */
const PICTURE_BUDGET = 12;
/** Between two pictures of a machine that runs, in ms: what moves by itself needs no more of them. */
const LIVE_PAINTS = 25;
/** Between two pictures in which only time has passed: at least so long, in ms, and so far on the screen, in pixels. */
const QUIET_PAINTS = 4000;
const QUIET_PIXELS = 4;

/** Below this share of the run, an opened trace begins with its bring-up instead of the whole. */
const BRING_UP_SHARE = 0.08;

export interface TimelineProps {
  log: EventLog;
  revision: number;
  now: number;
  live: boolean;
  labels: readonly string[];
  groups: readonly LaneGroup[];
  serial: readonly SerialLine[];
  /** The machine has policies: there may be records of theirs. */
  withPolicies: boolean;
  query: EventQuery;
  selected: number | null;
}

/** A picture that is being made. */
interface Picture {
  shown: Scene;
  /** Serial lines in it. */
  lines: number;
  steps: Generator<void>;
  /** When the next one may come. */
  next: number;
  /** How long it has taken, in ms. */
  took: number;
}

/** `all`: everything, growing; `follow`: the latest, of one length; `free`: where the user has gone. */
export type ViewMode = 'all' | 'follow' | 'free';

export function useTimeline(props: TimelineProps, canvas: Readonly<Ref<HTMLCanvasElement | null>>) {
  const { width, height } = useElementSize(canvas);
  const { pixelRatio } = useDevicePixelRatio();
  const dark = usePreferredDark();
  const theme = shallowRef<Theme | null>(null);
  const model = shallowRef(new TimelineModel(props.log));
  const viewport = shallowRef<Viewport>(everything(props.now));
  const mode = shallowRef<ViewMode>('all');
  const scroll = shallowRef(0);
  const laneHeight = shallowRef<number | null>(null);
  const measure = shallowRef<Measure | null>(null);
  const found = shallowRef<MatchList | null>(null);
  const foundCount = shallowRef(0);
  let painter: Painter | null = null;
  let frame = 0;
  let timer: number | undefined;
  let opened = false;
  /** What the last picture showed. */
  let painted = { records: 0, lines: 0, now: 0, at: 0 };
  /** The next picture of what only the machine has changed; what the user changes is painted in the next frame. */
  let nextPaint = 0;
  let urgent = false;
  let picture: Picture | null = null;
  let searched = true;

  const now = computed(() => Math.max(props.now, props.revision > 0 ? props.log.endTime : 0));
  const hidden = computed(() => {
    const shown = props.query.categories;
    return new Set(shown === null ? [] : CATEGORIES.filter((name) => !shown.includes(name)));
  });
  const layout = computed(() => {
    const { cpus } = props.log;
    const lanes = props.query.cpus?.length ?? cpus;
    const fitting = fittingHeight(lanes, props.groups.length, height.value - LANES_TOP - 4);
    return layOut(cpus, props.groups, props.query.cpus, laneHeight.value ?? fitting);
  });
  const maxScroll = computed(() => Math.max(0, layout.value.height - (height.value - LANES_TOP - 4)));

  function scene(): Scene | null {
    if (theme.value === null || width.value === 0 || height.value === 0) return null;
    model.value.forget();
    return {
      model: model.value,
      layout: layout.value,
      viewport: viewport.value,
      theme: theme.value,
      width: width.value,
      height: height.value,
      ratio: pixelRatio.value,
      scroll: Math.min(scroll.value, maxScroll.value),
      now: now.value,
      labels: props.labels,
      serial: props.serial,
      hidden: hidden.value,
      found: found.value,
      selected: props.selected,
      measure: measure.value,
    };
  }

  function schedule(): void {
    urgent = true;
    scheduleLive();
  }

  function scheduleLive(): void {
    if (frame === 0) frame = requestAnimationFrame(draw);
  }

  /** A frame's part of the work. The model stands still while a picture of it is made. */
  function draw(): void {
    frame = 0;
    const start = performance.now();
    if (picture === null) take(start);
    if (picture !== null) goOn(picture, start);
    if (picture !== null || urgent || !searched || model.value.seen < props.log.length) scheduleLive();
    else paintLater();
  }

  /** Takes what is new, and begins a picture of it when one is due. */
  function take(start: number): void {
    const opening = props.log.length - model.value.seen > OPENING_BACKLOG;
    const deadline = start + (opening ? OPENING_BUDGET : UPDATE_BUDGET);
    const whole = model.value.update(deadline);
    searched = found.value?.update(deadline) ?? true;
    foundCount.value = found.value?.length ?? 0;
    if (whole && !opened && props.log.length > 0) open();
    if (urgent || paintDue() <= start) begin(start + (opening ? OPENING_PAINTS : LIVE_PAINTS));
  }

  function paintLater(): void {
    const due = paintDue();
    if (due === Infinity) return;
    window.clearTimeout(timer);
    timer = window.setTimeout(scheduleLive, due - performance.now());
  }

  /** When the picture is to be painted anew if nobody asks for it. */
  function paintDue(): number {
    const grown = model.value.seen !== painted.records || props.serial.length !== painted.lines;
    if (grown) return nextPaint;
    const { start, span } = viewport.value;
    const passed = now.value - painted.now;
    const endInView = mode.value !== 'free' || start + span > painted.now;
    const shows = endInView && passed > (QUIET_PIXELS / Math.max(1, width.value)) * span;
    return shows ? Math.max(nextPaint, painted.at + QUIET_PAINTS) : Infinity;
  }

  /** Begins a picture, after which the next one may come at `next`. */
  function begin(next: number): void {
    if (mode.value === 'all') viewport.value = everything(now.value);
    if (mode.value === 'follow') viewport.value = following(viewport.value, now.value);
    urgent = false;
    const shown = scene();
    if (shown === null || painter === null) return;
    picture = { shown, lines: shown.serial.length, steps: painter.paint(shown), next, took: 0 };
  }

  /** Goes on with a picture in the frame that began at `start`, by one step at least. */
  function goOn(it: Picture, start: number): void {
    const { shown, steps } = it;
    const from = performance.now();
    // The log may have forgotten some of it.
    shown.model.forget();
    shown.found?.update(start);
    let whole = steps.next().done === true;
    while (!whole && performance.now() < start + PICTURE_BUDGET) whole = steps.next().done === true;
    const at = performance.now();
    it.took += at - from;
    if (!whole) return;
    picture = null;
    // At most half of the time goes into pictures.
    nextPaint = Math.max(at + it.took, it.next);
    painted = { records: shown.model.seen, lines: it.lines, now: shown.now, at };
    canvas.value?.setAttribute('data-seen', String(shown.model.seen));
  }

  /** A trace whose bring-up is a small part of it begins with that part: it is what one opens it for. */
  function open(): void {
    opened = true;
    const bringUp = model.value.bringUp();
    if (!props.live && bringUp !== null && bringUp.to - bringUp.from < now.value * BRING_UP_SHARE) showBringUp();
  }

  function move(view: Viewport): void {
    mode.value = 'free';
    viewport.value = clampViewport(view, now.value);
  }

  function showBringUp(): void {
    const bringUp = model.value.bringUp();
    if (bringUp === null) return;
    const length = bringUp.to - bringUp.from;
    move({ start: bringUp.from - length * 0.04, span: length * 1.12 });
  }

  function scrollBy(pixels: number): void {
    scroll.value = Math.min(Math.max(0, scroll.value + pixels), maxScroll.value);
  }

  function refreshTheme(): void {
    if (canvas.value !== null) theme.value = readTheme(canvas.value);
  }

  watch(canvas, (element) => {
    const context = element?.getContext('2d', { alpha: false });
    painter = element && context ? new Painter(element, context) : null;
    refreshTheme();
  });
  watch(
    () => props.log,
    (log) => {
      model.value = new TimelineModel(log);
      opened = false;
      mode.value = 'all';
    },
  );
  watch(
    () => [props.log, props.query.text, props.query.cpus, props.query.categories, props.withPolicies] as const,
    () => {
      const test = props.query.text.trim() === '' ? null : recordTest(props.log, props.query, props.withPolicies);
      found.value = test === null ? null : new MatchList(props.log, test);
    },
    { immediate: true },
  );
  watch(dark, refreshTheme);
  useMutationObserver(() => document.documentElement, refreshTheme, { attributes: true });
  watch(
    () => [
      ...[props.selected, props.labels, hidden.value, found.value],
      ...[width.value, height.value, pixelRatio.value, theme.value, layout.value, model.value],
      ...[mode.value === 'free' ? viewport.value : null, mode.value, scroll.value, measure.value],
    ],
    schedule,
    { flush: 'post' },
  );
  watch(() => [props.revision, now.value, props.serial.length], scheduleLive);
  onScopeDispose(() => {
    cancelAnimationFrame(frame);
    window.clearTimeout(timer);
  });

  return {
    ...{ model, viewport, mode, measure, laneHeight, layout, found, foundCount, now },
    ...{ scene, move, scrollBy, showBringUp, schedule },
  };
}

export type Timeline = ReturnType<typeof useTimeline>;
