/** Entry of a machine's process: speaks MachineCommand and MachineMessage with the process that forked it. */
import type { FailureKind, MachineCommand, MachineMessage } from '../../preload/contract/machine';
import { ReveilleError } from '../base/errors';
import { MachineThread } from './machine-thread';

if (process.send === undefined) {
  process.stderr.write('machine-process is started by "reveille"; it does nothing by itself.\n');
  process.exit(2);
}

/** The last message is on its way before the process goes: what still waits in the channel would be lost with it. */
function post(message: MachineMessage, sent?: () => void): void {
  if (message.type === 'ended') process.send?.(message, () => process.disconnect());
  else process.send?.(message, () => sent?.());
}

function fail(error: unknown): void {
  const kind: FailureKind = error instanceof ReveilleError ? error.kind : 'internal';
  const message = error instanceof ReveilleError ? error.message : String(error instanceof Error ? error.stack : error);
  process.send?.({ type: 'failed', kind, message } satisfies MachineMessage, () => process.exit(1));
}

const thread = new MachineThread(post);

process.on('message', (command: MachineCommand) => {
  if (command.type !== 'start') {
    thread.command(command);
    return;
  }
  thread.run(command).catch(fail);
});
// The shell is gone: nobody is left to tell anything. A killed shell must leave no machine behind.
process.on('disconnect', () => process.exit(0));
process.on('uncaughtException', fail);
// The terminal sends Ctrl-C to the whole group; the shell decides what it means.
process.on('SIGINT', () => {});
