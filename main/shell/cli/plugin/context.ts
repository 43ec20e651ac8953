import type { PluginStore } from '../../../app/plugin-store';
import type { Installation } from '../installation';

/** What the commands of `reveille plugin` work with. */
export interface PluginContext {
  installation: Installation;
  store: PluginStore;
}
