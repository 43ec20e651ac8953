/** Machines that the app finds when it starts, as it would have kept them. */
import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FIRST_MACHINE } from '../../main/app/machine-settings';
import type { MachineSettings } from '../../preload/contract/app';

/** A folder for XDG_DATA_HOME with one machine, heartbeat but for `change`, and its image where it has one of its own. */
export function keptMachine(change: Partial<MachineSettings>, image?: Uint8Array): string {
  const home = mkdtempSync(join(tmpdir(), 'reveille-test-'));
  const folder = join(home, 'reveille');
  mkdirSync(folder);
  const settings = { ...FIRST_MACHINE, ...change };
  if (image !== undefined) {
    const path = join(home, 'guest.bin');
    writeFileSync(path, image);
    settings.guest = { kind: 'file', path };
  }
  writeFileSync(join(folder, 'machines.json'), JSON.stringify([{ id: randomUUID(), settings, snapshots: [] }]));
  writeFileSync(join(folder, 'preferences.json'), JSON.stringify({ welcomed: true }));
  return home;
}
