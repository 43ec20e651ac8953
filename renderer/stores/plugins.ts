/** The plugins that there are, as the app tells. */
import { defineStore } from 'pinia';
import { computed, shallowRef } from 'vue';
import type { PolicyManifest } from '../../plugins/api/manifest';
import type { GuestInfo } from '../../preload/contract/app';
import type { Notice } from '../../preload/contract/channels';
import type { ShownPlugin } from '../../preload/contract/plugins';
import { useBridge } from './bridge';

type Told = Extract<Notice, { type: 'policy-told' }>;

/** A policy of an enabled plugin, and the name that a machine knows it by. */
export interface OfferedPolicy {
  name: string;
  plugin: string;
  manifest: PolicyManifest;
}

export const usePlugins = defineStore('plugins', () => {
  const bridge = useBridge();
  const list = shallowRef<readonly ShownPlugin[]>([]);

  /** Of two policies of one name each is called PLUGIN/NAME. */
  const policies = computed<OfferedPolicy[]>(() => {
    const all = list.value.flatMap(({ name: plugin, enabled, manifest }) =>
      enabled ? (manifest?.policies ?? []).map((found) => ({ plugin, manifest: found })) : [],
    );
    return all.map(({ plugin, manifest }) => {
      const several = all.filter((other) => other.manifest.name === manifest.name).length > 1;
      return { plugin, manifest, name: several ? `${plugin}/${manifest.name}` : manifest.name };
    });
  });

  /** The guests of enabled plugins. */
  const guests = computed<GuestInfo[]>(() =>
    list.value.flatMap(({ name: plugin, enabled, manifest }) =>
      (enabled ? (manifest?.guests ?? []) : []).map(({ name, description, cmdline = '' }) => {
        return { name: `${plugin}/${name}`, title: name, description, options: [], cmdline };
      }),
    ),
  );

  const told = new Set<(notice: Told) => void>();

  async function load(): Promise<void> {
    bridge.onNotice((notice) => {
      if (notice.type === 'plugins') list.value = notice.plugins;
      if (notice.type === 'policy-told') for (const listener of told) listener(notice);
    });
    list.value = await bridge.call('plugins.list', null);
  }

  /** By the name that a machine knows it by; undefined: it is not there, or not enabled. */
  function policy(name: string): OfferedPolicy | undefined {
    return policies.value.find(
      (offered) => offered.name === name || `${offered.plugin}/${offered.manifest.name}` === name,
    );
  }

  /** What policies tell panels; the result ends it. */
  function onTold(listener: (notice: Told) => void): () => void {
    told.add(listener);
    return () => told.delete(listener);
  }

  return { list, policies, guests, load, policy, onTold };
});
