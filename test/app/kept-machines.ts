/** Machines that the app finds when it starts, as it would have kept them. */
import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { MachineSettings } from '../../preload/contract/app';

const MIB = 2 ** 20;

const HEARTBEAT: MachineSettings = {
  name: 'heartbeat',
  guest: { kind: 'bundled', name: 'heartbeat' },
  topology: { sockets: 1, cores: 4, threads: 1 },
  apicIds: null,
  bsp: 0,
  memory: 128 * MIB,
  accelerator: 'auto',
  irqchip: 'exact',
  cmdline: '',
  seed: 0,
  realtime: true,
  serial: [{ kind: 'stdio' }, { kind: 'stdio' }, { kind: 'stdio' }, { kind: 'stdio' }],
};

/** A folder for XDG_DATA_HOME with one machine, heartbeat but for `change`, and its image where it has one of its own. */
export function keptMachine(change: Partial<MachineSettings>, image?: Uint8Array): string {
  const home = mkdtempSync(join(tmpdir(), 'reveille-test-'));
  const folder = join(home, 'reveille');
  mkdirSync(folder);
  const settings = { ...HEARTBEAT, ...change };
  if (image !== undefined) {
    const path = join(home, 'guest.bin');
    writeFileSync(path, image);
    settings.guest = { kind: 'file', path };
  }
  writeFileSync(join(folder, 'machines.json'), JSON.stringify([{ id: randomUUID(), settings, snapshots: [] }]));
  writeFileSync(join(folder, 'preferences.json'), JSON.stringify({ welcomed: true }));
  return home;
}
