/**
 * A machine's process as plain Node makes it. Structured clone (`serialization: 'advanced'`) carries event batches and serial
 * bytes as they are.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { MachineCommand, MachineMessage } from '../../preload/contract/machine';
import { MachineProcess, yieldToWindowAsSession } from './machine-process';

/**
 * Starts a machine's process; `entry` is the built machine-process.js. `windowed`: there is a window that shows it.
 * It leads a session of its own, so that the terminal's Ctrl-C reaches the shell alone, which then decides. When the
 * shell dies, the IPC channel closes and the process ends by that.
 */
export function startMachineProcess(entry: URL, windowed = false): MachineProcess {
  const child = fork(fileURLToPath(entry), [], {
    serialization: 'advanced',
    // A guest's bytes go to the shell's stdout; whatever else is printed in there must not get between them.
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    execArgv: [],
    detached: true,
  });
  if (windowed) void yieldToWindowAsSession(child.pid);
  return new ForkedMachine(child);
}

class ForkedMachine extends MachineProcess {
  readonly closed: Promise<void>;
  readonly #child: ChildProcess;

  constructor(child: ChildProcess) {
    super();
    this.#child = child;
    child.on('message', (message) => this.deliver(message as MachineMessage));
    this.closed = this.#watch();
  }

  send(command: MachineCommand): void {
    // The callback takes the error of a channel that closes meanwhile; without one it would be thrown.
    if (this.#child.connected) this.#child.send(command, () => {});
  }

  protected terminate(): void {
    this.#child.kill('SIGKILL');
  }

  async #watch(): Promise<void> {
    const child = this.#child;
    const end = new Promise<string>((resolve) => {
      child.once('exit', (code, signal) =>
        resolve(signal === null ? `it exited with status ${code}` : `it was ended by ${signal}`),
      );
      child.once('error', (error) => {
        // Also emitted where a kill fails; only a process that never came to be ends here.
        if (child.pid !== undefined) return;
        this.fail(`The machine's process could not be started: ${error.message}.`);
        resolve('it was never there');
      });
    });
    // Messages may still be in the channel when the process is gone: it disconnects after the last one.
    const drained = new Promise<void>((resolve) => child.once('disconnect', resolve));
    const how = await end;
    if (child.connected) await drained;
    this.gone(how);
  }
}
