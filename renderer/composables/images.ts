/** Images on their way from a person's disk to a machine: both settle with a path; null: there is none. */
import { MOST_UPLOAD } from '../../preload/contract/channels';
import { useApp } from '../stores/app';
import { useBridge } from '../stores/bridge';
import { pickFile } from './files';

export function useImages() {
  const app = useApp();
  const bridge = useBridge();

  /** Asks the person for one. */
  async function choose(): Promise<string | null> {
    if (app.info?.shell === 'electron') {
      const picked = await app.attempt('Choosing an image', () => bridge.call('images.pick', null));
      return picked?.path ?? null;
    }
    const file = await pickFile();
    return file === null ? null : keep(file);
  }

  /** The app cannot see where a dropped file is: it gets a copy. */
  async function keep(file: File): Promise<string | null> {
    const path = await app.attempt(`Copying ${file.name}`, async () => {
      if (file.size > MOST_UPLOAD) {
        throw new Error(
          `${file.name} has more than ${MOST_UPLOAD >> 20} MiB, which is too large to be copied: write its path instead.`,
        );
      }
      const bytes = new Uint8Array(await file.arrayBuffer());
      return (await bridge.call('images.keep', { name: file.name.slice(-255), bytes })).path;
    });
    return path ?? null;
  }

  return { choose, keep };
}
