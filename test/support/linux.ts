/** A stock Linux kernel with busybox on an emulated machine, at whose serial console a test types. */
import type { TestContext } from 'vitest';
import { type StockGuests, stockGuests } from '../../scripts/stock-guests.mjs';
import type { DiskConfig, NetworkConfig, SerialBackend } from '../../preload/contract/machine';
import { TestMachine } from './machine';

const MIB = 2 ** 20;
const PROMPT = '~ # ';

/** The kernels of Debian. Without them the test ends as skipped. */
export function needsStockGuests(ctx: Pick<TestContext, 'skip'>): StockGuests {
  return stockGuests() ?? ctx.skip('Debian’s kernels are not in the cache: npm run guests:fetch');
}

export interface LinuxOptions {
  kernel?: 'cloud' | 'generic';
  cpus?: number;
  cmdline?: string;
  seed?: number;
  acpi?: boolean;
  disks?: DiskConfig[];
  consoles?: SerialBackend[];
  network?: NetworkConfig | null;
  /** The port of its console. */
  port?: number;
  /** Goes on from there. */
  snapshot?: string;
}

export class Linux {
  readonly machine: TestMachine;
  readonly #port: number;
  /** Output up to here has been looked at. */
  #read = 0;

  constructor(
    guests: StockGuests,
    {
      kernel = 'cloud',
      cpus = 4,
      cmdline = '',
      seed = 0,
      acpi = true,
      disks = [],
      consoles = [],
      network = null,
      port = 0,
      snapshot,
    }: LinuxOptions,
  ) {
    this.#port = port;
    this.machine = new TestMachine(
      {
        guest: guests[kernel],
        initrd: guests.initrd,
        cpus,
        memory: 256 * MIB,
        accelerator: 'wasm',
        cmdline: `console=ttyS0 ${cmdline}`,
        seed,
        acpi,
        disks,
        consoles,
        network,
      },
      snapshot === undefined ? {} : { snapshot },
    );
  }

  /** All that the kernel and the shell have said. */
  get console(): string {
    return this.machine.outputs[this.#port] ?? '';
  }

  /** Waits for the text; gives what came before it. */
  async says(text: string): Promise<string> {
    const ended = () => this.machine.all('ended').length > 0;
    await this.machine.until(() => this.console.includes(text, this.#read) || ended());
    const at = this.console.indexOf(text, this.#read);
    if (at < 0) throw new Error(`the machine ended before ${JSON.stringify(text)}:\n${this.console}`);
    const before = this.console.slice(this.#read, at);
    this.#read = at + text.length;
    return before;
  }

  /** Logs in on the root file system of a disk, as root (scripts/root-image.mjs). */
  async login(): Promise<void> {
    await this.says('debian login: ');
    this.type('root');
    await this.prompt();
  }

  /** Waits for the shell. */
  prompt(): Promise<string> {
    return this.says(PROMPT);
  }

  type(line: string): void {
    this.machine.process.send({ type: 'serial-input', port: this.#port, bytes: new TextEncoder().encode(`${line}\n`) });
  }

  /** What a command says; with the prompt it has to fit into 80 columns, or its echo is broken. */
  async run(line: string): Promise<string> {
    this.type(line);
    await this.says(`${line}\r\n`);
    return (await this.prompt()).replaceAll('\r\n', '\n').trimEnd();
  }
}
