/** Plugins as a person sees them: what there is, and whether it may be used. */
import type { Manifest, Permission } from '../../plugins/api/manifest';

export interface PluginInfo {
  name: string;
  /** `bundled`: came with Reveille; `folder`: is used where its author works on it; `package`: was unpacked from a .tgz. */
  origin: 'bundled' | 'folder' | 'package';
  /** Where its files are. */
  folder: string;
  /** Whether it is used: somebody wants it, it has every permission that it asks for, and there is no problem. */
  enabled: boolean;
  /** What it asks for and was not granted yet. */
  missing: Permission[];
  /** Null where it cannot be used as it is, and `problem` says why. */
  manifest: Manifest | null;
  problem: string | null;
}
