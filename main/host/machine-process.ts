/**
 * Entry of a machine's process: speaks MachineCommand and MachineMessage with the process that made it, and in Electron
 * sends its streams straight to windows, too.
 */
import type { FailureKind, MachineCommand, MachineMessage } from '../../preload/contract/machine';
import { ReveilleError } from '../base/errors';
import { MachineThread } from './machine-thread';
import { openParent } from './parent';

const parent = openParent();
if (parent === null) {
  process.stderr.write('machine-process is started by "reveille"; it does nothing by itself.\n');
  process.exit(2);
}

/** The last message is on its way before the process goes: what still waits in the channel would be lost with it. */
function post(message: MachineMessage): void {
  if (message.type === 'ended') parent?.sendLast(message, 0);
  else parent?.send(message);
}

function fail(error: unknown): void {
  const kind: FailureKind = error instanceof ReveilleError ? error.kind : 'internal';
  const message = error instanceof ReveilleError ? error.message : String(error instanceof Error ? error.stack : error);
  parent?.sendLast({ type: 'failed', kind, message }, 1);
}

const thread = new MachineThread(post);

parent.onCommand((command: MachineCommand) => {
  if (command.type !== 'start') {
    thread.command(command);
    return;
  }
  thread.run(command).catch(fail);
});
process.on('uncaughtException', fail);
// The terminal sends Ctrl-C to the whole group; the shell decides what it means.
process.on('SIGINT', () => {});
