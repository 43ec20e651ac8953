/** What is done with files that a person picks or drops: machine files and traces. */
import { useApp } from '../stores/app';
import { useBridge } from '../stores/bridge';
import { useDock } from '../stores/dock';
import { useMachines } from '../stores/machines';
import { useTraces } from '../stores/traces';
import { pickFile } from './files';

/** A machine file takes a few hundred bytes. */
const MOST_MACHINE_FILE = 2 ** 20;

export interface FileActions {
  pickMachine: () => void;
  importMachine: (file: File) => void;
  pickTrace: () => void;
}

export function useFileActions(): FileActions {
  const app = useApp();
  const bridge = useBridge();
  const dock = useDock();
  const machines = useMachines();
  const traces = useTraces();

  function importMachine(file: File): void {
    void app.attempt('Importing', async () => {
      if (file.size > MOST_MACHINE_FILE) {
        throw new Error(`${file.name} is no machine file: it has ${file.size} bytes, and those are small.`);
      }
      const machine = await bridge.call('machines.import', { text: await file.text() });
      machines.select(machine.id);
      app.tell(`${machine.settings.name} was imported.`);
    });
  }

  function openTrace(file: File): void {
    void app.attempt('Opening the trace', async () => {
      await traces.open(file);
      dock.show('timeline');
    });
  }

  const pick = async (accept: string, use: (file: File) => void): Promise<void> => {
    const file = await pickFile(accept);
    if (file !== null) use(file);
  };

  return {
    pickMachine: () => void pick('.reveille', importMachine),
    importMachine,
    pickTrace: () => void pick('.json,.jsonl,.ndjson,.pftrace,.perfetto-trace', openTrace),
  };
}
