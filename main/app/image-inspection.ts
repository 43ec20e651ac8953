/** What guest images are, for whoever chooses one: their files are read and nothing is started. */
import { readFile, stat } from 'node:fs/promises';
import type { ImageReport } from '../../preload/contract/image-report';
import type { MachineSettings, SettingsProblem } from '../../preload/contract/app';
import { unpackImage } from '../host/gunzip';
import { inspectImage } from '../loader/inspect';
import { AppError, ReveilleError, sentence, systemReason } from './errors';

/** Guest RAM ends at 3 GiB; kernels with all their debugging information come close to one. */
const MOST_BYTES = 2 ** 30;
const MIB = 2 ** 20;

/** Throws a ReveilleError where it cannot be read, or no machine can load it. */
export async function inspectFile(path: string): Promise<ImageReport> {
  return inspectImage(unpackImage(path, await readImage(path), MOST_BYTES), path);
}

async function readImage(path: string): Promise<Uint8Array> {
  try {
    const file = await stat(path);
    // A pipe or a device may never end.
    if (!file.isFile()) throw new AppError('usage', `${path} is no file, so that no image can be read from it`);
    if (file.size > MOST_BYTES) {
      throw new AppError('usage', `${path} has ${file.size} bytes; a guest image has at most ${MOST_BYTES}`);
    }
    return await readFile(path);
  } catch (error) {
    if (error instanceof ReveilleError) throw error;
    throw new AppError('usage', `The image ${path} cannot be read: ${systemReason(error)}`);
  }
}

/** Reports of files as they were when they were last looked at: a form asks at every pause of a person who types. */
export class ImageInspector {
  #known: { path: string; state: string; report: Promise<ImageReport> } | null = null;

  async inspect(path: string): Promise<ImageReport> {
    const state = await stat(path).then(
      ({ ino, size, mtimeMs }) => `${ino} ${size} ${mtimeMs}`,
      () => '',
    );
    if (this.#known?.path !== path || this.#known.state !== state || state === '') {
      this.#known = { path, state, report: inspectFile(path) };
    }
    return this.#known.report;
  }

  /** What of a machine's settings does not go together with its image; `path`: where that is. */
  async problems(
    settings: Pick<MachineSettings, 'memory' | 'initrd' | 'cmdline'>,
    path: string,
  ): Promise<SettingsProblem[]> {
    try {
      return imageProblems(settings, await this.inspect(path));
    } catch (error) {
      if (!(error instanceof ReveilleError)) throw error;
      return [{ field: 'guest', message: sentence(error.message) }];
    }
  }
}

function imageProblems(
  { memory, initrd, cmdline }: Pick<MachineSettings, 'memory' | 'initrd' | 'cmdline'>,
  image: ImageReport,
): SettingsProblem[] {
  const problems: SettingsProblem[] = [];
  if (memory < image.memory) {
    const message = `The image is loaded up to ${Math.ceil(image.memory / MIB)} MiB: give the machine that much memory or more.`;
    problems.push({ field: 'memory', message });
  }
  if (initrd !== null && image.beside === null) {
    problems.push({ field: 'initrd', message: 'This kind of image takes no file beside it: leave the field empty.' });
  }
  const { length } = new TextEncoder().encode(cmdline);
  if (image.cmdline > 0 && length > image.cmdline) {
    const message = `The image takes a command line of at most ${image.cmdline} bytes, and this one has ${length}.`;
    problems.push({ field: 'cmdline', message });
  }
  return problems;
}
