/** What pointer and keyboard do to the timeline. */
import { type Ref, onScopeDispose, shallowRef, watch } from 'vue';
import { type Hit, hitTest } from './hit-test';
import { MAX_LANE, MIN_LANE } from './lane-layout';
import { type Direction, neighbour, nextPassing, nextStartUp } from './navigate';
import { recordTest } from './event-query';
import { GUTTER, type Scene, timeAt } from './scene';
import type { Timeline, TimelineProps } from './use-timeline';
import { following, revealing, zoomAt } from './viewport';

/** A notch of a wheel is 100 pixels in most browsers. */
const WHEEL_ZOOM = 1.0025;
const KEY_ZOOM = 1.5;
const KEY_PAN = 0.1;
const LANE_STEP = 60;
/** A pointer that moves less than this has clicked. */
const CLICK_REACH = 3;

export interface Hover {
  hit: Exclude<Hit, null>;
  x: number;
  y: number;
}

export interface InteractionEmits {
  select: (record: number | null, how: 'pointer' | 'keyboard') => void;
}

export function useInteraction(
  props: TimelineProps,
  canvas: Readonly<Ref<HTMLCanvasElement | null>>,
  timeline: Timeline,
  { select }: InteractionEmits,
) {
  const hover = shallowRef<Hover | null>(null);
  const measuring = shallowRef(false);
  let drag: { x: number; y: number; start: number; moved: boolean } | null = null;

  function withScene(act: (scene: Scene) => void): void {
    const scene = timeline.scene();
    if (scene !== null) act(scene);
  }

  function onWheel(event: WheelEvent): void {
    event.preventDefault();
    withScene((scene) => {
      const { viewport } = timeline;
      const { span, start } = viewport.value;
      const across = event.shiftKey ? event.deltaY || event.deltaX : event.deltaX;
      if (event.offsetX < GUTTER) {
        timeline.scrollBy(event.deltaY);
      } else if (event.altKey) {
        growLanes(event.deltaY < 0 ? 1.15 : 1 / 1.15);
      } else if (event.shiftKey || Math.abs(across) > Math.abs(event.deltaY)) {
        timeline.move({ start: start + (across / (scene.width - GUTTER)) * span, span });
      } else {
        const pixels = event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? event.deltaY : event.deltaY * 33;
        timeline.move(zoomAt(viewport.value, WHEEL_ZOOM ** pixels, timeAt(scene, event.offsetX)));
      }
    });
  }

  function growLanes(factor: number): void {
    const height = Math.round(timeline.layout.value.laneHeight * factor + (factor > 1 ? 0.5 : -0.5));
    timeline.laneHeight.value = Math.min(MAX_LANE, Math.max(MIN_LANE, height));
    timeline.scrollBy(0);
  }

  function onPointerDown(event: PointerEvent): void {
    if (event.button !== 0) return;
    canvas.value?.setPointerCapture(event.pointerId);
    drag = { x: event.offsetX, y: event.offsetY, start: timeline.viewport.value.start, moved: false };
    if (!measuring.value) return;
    withScene((scene) => {
      timeline.measure.value = { from: timeAt(scene, event.offsetX), to: null };
    });
  }

  function onPointerMove(event: PointerEvent): void {
    withScene((scene) => {
      const { offsetX: x, offsetY: y } = event;
      if (drag !== null) {
        drag.moved ||= Math.hypot(x - drag.x, y - drag.y) > CLICK_REACH;
        if (!drag.moved) return;
        hover.value = null;
        if (measuring.value) return setMeasureEnd(timeAt(scene, x));
        const { span } = timeline.viewport.value;
        timeline.move({ start: drag.start - ((x - drag.x) / (scene.width - GUTTER)) * span, span });
        timeline.scrollBy(-event.movementY);
        return;
      }
      const hit = hitTest(scene, x, y);
      hover.value = hit === null ? null : { hit, x, y };
    });
  }

  function onPointerUp(event: PointerEvent): void {
    const clicked = drag !== null && !drag.moved;
    drag = null;
    if (measuring.value) {
      if (timeline.measure.value?.to !== null) measuring.value = false;
      return;
    }
    if (!clicked) return;
    withScene((scene) => select(recordOf(scene, hitTest(scene, event.offsetX, event.offsetY)), 'pointer'));
  }

  function setMeasureEnd(time: number): void {
    const { measure } = timeline;
    if (measure.value !== null) measure.value = { ...measure.value, to: time };
  }

  /** Begins at the selected event, or in the middle; the arrow keys then move the other end. */
  function toggleMeasure(): void {
    if (measuring.value || timeline.measure.value !== null) {
      measuring.value = false;
      timeline.measure.value = null;
      return;
    }
    measuring.value = true;
    const { start, span } = timeline.viewport.value;
    const from = selectedTime() ?? start + span / 2;
    timeline.measure.value = { from, to: null };
  }

  function selectedTime(): number | null {
    const { log, selected } = props;
    return selected === null || selected < log.first || selected >= log.length ? null : log.time(selected);
  }

  function goTo(record: number | null): void {
    if (record === null || record < props.log.first) return;
    select(record, 'keyboard');
    timeline.move(revealing(timeline.viewport.value, props.log.time(record)));
  }

  function goToStartUp(way: Direction): void {
    const { start, span } = timeline.viewport.value;
    const time = selectedTime();
    const from =
      time === null || props.selected === null
        ? { time: way === 'next' ? start : start + span, record: -1 }
        : { time, record: props.selected };
    goTo(nextStartUp(timeline.model.value, from, way));
  }

  /** Through what the search has found, else through all that the filter shows. */
  function goToNeighbour(way: Direction): void {
    const { found } = timeline;
    const test = found.value === null ? recordTest(props.log, props.query, props.withPolicies) : null;
    goTo(
      found.value === null
        ? nextPassing(props.log, test, props.selected, way)
        : neighbour(found.value, props.selected, way),
    );
  }

  const zoomBy = (factor: number): void => {
    const { start, span } = timeline.viewport.value;
    timeline.move(zoomAt({ start, span }, factor, selectedInView() ?? start + span / 2));
  };

  function selectedInView(): number | null {
    const { start, span } = timeline.viewport.value;
    const time = selectedTime();
    return time !== null && time >= start && time <= start + span ? time : null;
  }

  function pan(share: number): void {
    const { start, span } = timeline.viewport.value;
    const { measure } = timeline;
    if (measuring.value && measure.value !== null) {
      setMeasureEnd((measure.value.to ?? measure.value.from) + (share * span) / 10);
      return;
    }
    timeline.move({ start: start + share * span, span });
  }

  function escape(): void {
    if (measuring.value || timeline.measure.value !== null) toggleMeasure();
    else select(null, 'keyboard');
  }

  const KEYS: Record<string, (event: KeyboardEvent) => void> = {
    ArrowLeft: (event) => (event.shiftKey ? goToNeighbour('previous') : pan(-KEY_PAN)),
    ArrowRight: (event) => (event.shiftKey ? goToNeighbour('next') : pan(KEY_PAN)),
    ArrowUp: () => timeline.scrollBy(-LANE_STEP),
    ArrowDown: () => timeline.scrollBy(LANE_STEP),
    '+': () => zoomBy(1 / KEY_ZOOM),
    '=': () => zoomBy(1 / KEY_ZOOM),
    '-': () => zoomBy(KEY_ZOOM),
    Home: () => (timeline.mode.value = 'all'),
    End: () => timeline.move(following(timeline.viewport.value, timeline.now.value)),
    f: () => (timeline.mode.value = timeline.mode.value === 'follow' ? 'free' : 'follow'),
    b: timeline.showBringUp,
    '[': () => goToStartUp('previous'),
    ']': () => goToStartUp('next'),
    m: toggleMeasure,
    Enter: () => (measuring.value = false),
    Escape: escape,
  };

  function onKeyDown(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const act = KEYS[event.key];
    if (act === undefined) return;
    event.preventDefault();
    act(event);
  }

  function onPointerLeave(): void {
    hover.value = null;
  }

  watch(canvas, (element, before) => {
    before?.removeEventListener('wheel', onWheel);
    // Not passive: the page must not scroll with it.
    element?.addEventListener('wheel', onWheel, { passive: false });
  });
  onScopeDispose(() => canvas.value?.removeEventListener('wheel', onWheel));

  return {
    ...{ hover, measuring },
    ...{ onPointerDown, onPointerMove, onPointerUp, onPointerLeave, onKeyDown },
    ...{ toggleMeasure, goToStartUp, goToNeighbour, growLanes },
  };
}

/** The event behind what was hit; a slice stands for the event that began it. */
export function recordOf(scene: Scene, hit: Hit): number | null {
  if (hit?.kind === 'record') return hit.record;
  if (hit?.kind !== 'slice') return null;
  const record = scene.model.lanes[hit.cpu].record(hit.slice);
  return record < scene.model.log.first ? null : record;
}

/** The pointer may rest on what a long run has forgotten meanwhile. */
export function isForgotten({ model }: Scene, hit: Exclude<Hit, null>): boolean {
  if (hit.kind === 'slice') return hit.slice < model.lanes[hit.cpu].first;
  return hit.kind === 'record' && hit.record < model.log.first;
}
