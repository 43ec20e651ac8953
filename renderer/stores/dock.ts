/** The panels of a machine's view and their arrangement, which is kept. */
import type { AddPanelPositionOptions, DockviewApi, SerializedDockview } from 'dockview-vue';
import { defineStore } from 'pinia';
import { shallowRef, toRaw } from 'vue';
import { DEBUG_CONSOLE, portId, portName, PORTS } from '../../preload/contract/ports';
import { useApp } from './app';

export interface PanelKind {
  id: string;
  title: string;
  component: string;
  params?: Record<string, unknown>;
}

export const PANELS: readonly PanelKind[] = [
  { id: 'cpus', title: 'CPUs', component: 'CpuDashboard' },
  { id: 'timeline', title: 'Timeline', component: 'TimelinePanel' },
  { id: 'events', title: 'Events', component: 'EventPanel' },
  { id: 'inspector', title: 'Inspector', component: 'CpuInspector' },
  ...Array.from({ length: PORTS }, (_, port) => ({
    id: portId(port),
    title: portName(port),
    component: 'SerialConsole',
    params: { port },
  })),
  { id: 'screen', title: 'Screen', component: 'ScreenPanel' },
];

/** A drag of a border changes the layout many times a second. */
const SAVE_AFTER_MS = 500;
const INSPECTOR_WIDTH = 320;
/** In a narrower dock the inspector lies behind the timeline: beside it four tiles in a row would have no room. */
const ROOM_BESIDE = 1000;
/** Parts of the dock's height; a low one has fewer lines of a console, and still the rows of tiles. */
const SHARES = { cpus: 0.28, console: 0.28 };
const LOW_SHARES = { cpus: 0.32, console: 0.24 };
const LOW = 700;

export const useDock = defineStore('dock', () => {
  const app = useApp();
  const api = shallowRef<DockviewApi | null>(null);
  let timer: number | undefined;

  function attach(dock: DockviewApi): void {
    api.value = dock;
    const layout = app.preferences?.layout ?? null;
    if (layout === null) arrange(dock);
    else restore(dock, structuredClone(toRaw(layout)) as SerializedDockview);
    dock.onDidLayoutChange(() => {
      window.clearTimeout(timer);
      timer = window.setTimeout(() => void app.prefer({ layout: dock.toJSON() }).catch(app.report), SAVE_AFTER_MS);
    });
  }

  /** A layout of another version may name panels that are gone: then the default one stands. */
  function restore(dock: DockviewApi, layout: SerializedDockview): void {
    try {
      dock.fromJSON(layout);
    } catch {
      dock.clear();
      arrange(dock);
    }
  }

  function arrange(dock: DockviewApi): void {
    const add = (id: string, position?: AddPanelPositionOptions, size?: { initialWidth: number }): void => {
      const kind = PANELS.find((panel) => panel.id === id);
      if (kind !== undefined) dock.addPanel({ ...kind, ...(position === undefined ? {} : { position }), ...size });
    };
    const { width, height } = dock;
    add('cpus');
    add('timeline', { referencePanel: 'cpus', direction: 'below' });
    add('events', { referencePanel: 'timeline', direction: 'within' });
    add('com1', { referencePanel: 'timeline', direction: 'below' });
    const beside = Array.from({ length: PORTS }, (_, port) => port).filter(
      (port) => port > 0 && port !== DEBUG_CONSOLE,
    );
    for (const id of [...beside.map(portId), 'screen']) add(id, { referencePanel: 'com1', direction: 'within' });
    if (width < ROOM_BESIDE) add('inspector', { referencePanel: 'timeline', direction: 'within' });
    else add('inspector', { direction: 'right' }, { initialWidth: INSPECTOR_WIDTH });
    const shares = height < LOW ? LOW_SHARES : SHARES;
    dock.getPanel('cpus')?.api.setSize({ height: height * shares.cpus });
    dock.getPanel('com1')?.api.setSize({ height: height * shares.console });
    for (const id of ['com1', 'timeline', 'cpus']) dock.getPanel(id)?.api.setActive();
  }

  function reset(): void {
    if (api.value === null) return;
    api.value.clear();
    arrange(api.value);
  }

  /** Shows a panel; one that was closed opens beside its like, where there is any. */
  function show(id: string): void {
    const dock = api.value;
    if (dock === null) return;
    const kind = PANELS.find((panel) => panel.id === id);
    if (dock.getPanel(id) === undefined && kind !== undefined) {
      const alike = PANELS.find((other) => other.component === kind.component && dock.getPanel(other.id) !== undefined);
      const position = { position: { referencePanel: alike?.id ?? '', direction: 'within' as const } };
      dock.addPanel({ ...kind, ...(alike === undefined ? {} : position) });
    }
    dock.getPanel(id)?.api.setActive();
  }

  /** Shows a panel of a plugin. */
  function showPlugin(plugin: string, panel: string, title: string): void {
    const id = `plugin ${plugin}/${panel}`;
    if (api.value?.getPanel(id) === undefined) {
      api.value?.addPanel({ id, title, component: 'PluginPanel', params: { plugin, panel } });
    }
    api.value?.getPanel(id)?.api.setActive();
  }

  return { attach, reset, show, showPlugin };
});
