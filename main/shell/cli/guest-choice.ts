/** The guest that a command line names: a bundled one, a plugin's, or a file. */
import { dataDirectory } from '../../app/data-directory';
import { PLUGIN_GUEST, resolveGuest } from '../../app/guests';
import type { RunRequest } from '../../app/machine-runs';
import type { Installation } from './installation';

/** The request with its guest's path, and where it has no command line with the guest's own. */
export async function withGuest(request: RunRequest, { guests, plugins: bundled }: Installation): Promise<RunRequest> {
  const { guest: name, cmdline } = request;
  // Nothing of plugins is loaded unless the name may be of one.
  if (PLUGIN_GUEST.test(name)) {
    const [{ findPluginGuest }, { PluginStore }] = await Promise.all([
      import('../../app/plugin-guests'),
      import('../../app/plugin-store'),
    ]);
    const store = new PluginStore({ bundled, dataDirectory: dataDirectory() });
    const found = findPluginGuest(name, store.list());
    if (found !== null) return { ...request, guest: found.path, cmdline: cmdline ?? found.cmdline };
  }
  return { ...request, guest: resolveGuest(name, guests) };
}
