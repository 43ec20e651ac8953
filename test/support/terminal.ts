/** A terminal as tests see it: the master of a pseudo-terminal whose slave a command runs on. */
import { spawn, execFileSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync } from 'node:fs';
import { ReadStream } from 'node:tty';
import { openPty, type Pty } from '../../main/host/serial/pty';

/** Ends an SGR, CSI or other escape sequence (ECMA-48), so that the text between them is left. */
// eslint-disable-next-line no-control-regex -- control characters are what this is about
const ESCAPE_SEQUENCES = /\x1b(?:\[[0-9;?]*[ -/]*[@-~]|[ -/]*[0-~])/g;

export class Terminal {
  readonly #pty: Pty = openPty();
  readonly #master = new ReadStream(this.#pty.master);
  readonly #children: ChildProcess[] = [];
  /** All that was written to it. */
  output = '';

  constructor(rows: number, columns: number) {
    // The helper makes a serial line; this is what a shell leaves to a command.
    this.#stty('sane', 'rows', `${rows}`, 'cols', `${columns}`);
    this.#master.setEncoding('utf8').on('data', (text: string) => (this.output += text));
    // A master whose slaves are all closed reads EIO.
    this.#master.on('error', () => {});
  }

  /** The line discipline's settings, in stty's own notation. */
  get settings(): string {
    return this.#stty('-g');
  }

  /** What was written, without escape sequences. */
  get text(): string {
    return this.output.replace(ESCAPE_SEQUENCES, '');
  }

  /** Runs a command with the terminal as its stdin, stdout and stderr. */
  spawn(program: string, args: readonly string[], env: NodeJS.ProcessEnv): ChildProcess {
    const { slave } = this.#pty;
    const child = spawn(program, args, { stdio: [slave, slave, slave], env });
    this.#children.push(child);
    return child;
  }

  type(text: string): void {
    this.#master.write(text);
  }

  async shows(text: string | RegExp): Promise<void> {
    const there = () => (typeof text === 'string' ? this.text.includes(text) : text.test(this.text));
    while (!there()) await once(this.#master, 'data');
  }

  /** Waits until all that was written before has arrived. */
  async settled(): Promise<void> {
    const mark = `-- ${Math.random()} --`;
    const child = this.spawn('/bin/echo', [mark], process.env);
    await once(child, 'close');
    while (!this.output.includes(mark)) await once(this.#master, 'data');
    this.output = this.output.slice(0, this.output.indexOf(mark));
  }

  close(): void {
    for (const child of this.#children) child.kill('SIGKILL');
    this.#master.destroy();
    closeSync(this.#pty.slave);
  }

  #stty(...args: string[]): string {
    return execFileSync('stty', ['-F', this.#pty.path, ...args], { encoding: 'utf8' });
  }
}
