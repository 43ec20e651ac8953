/** A disk as people write it: `PATH[,overlay=PATH][,readonly]`. */
import type { DiskConfig } from './machine';

export const DISK_SYNTAX = 'PATH[,overlay=PATH][,readonly]';

/** Null where it is none. A path with a comma in it cannot be written so. */
export function parseDisk(text: string): DiskConfig | null {
  const [path, ...options] = text.split(',');
  const disk: DiskConfig = { path, readonly: false, overlay: null };
  for (const option of options) {
    const [, overlay] = /^overlay=(.+)$/s.exec(option) ?? [];
    if (overlay !== undefined && disk.overlay === null) disk.overlay = overlay;
    else if (option === 'readonly' && !disk.readonly) disk.readonly = true;
    else return null;
  }
  return path === '' ? null : disk;
}

export function formatDisk({ path, readonly, overlay }: DiskConfig): string {
  return `${path}${overlay === null ? '' : `,overlay=${overlay}`}${readonly ? ',readonly' : ''}`;
}
