/** The path of a Unix socket: one that nobody listens at any more may be taken over, nothing else. */
import { lstatSync, rmSync } from 'node:fs';
import { connect, type Server } from 'node:net';
import { SerialError } from './serial-error';

/** Listens at `path`, for messages `whose`; resolves when clients can connect. */
export async function listenAt(path: string, whose: string, server: Server): Promise<void> {
  await removeStaleSocket(path, whose);
  await new Promise<void>((resolve, reject) => {
    const failed = (error: Error): void => {
      reject(new SerialError('usage', `${whose}: no socket at ${path}: ${error.message}.`));
    };
    server.once('error', failed);
    server.listen(path, () => {
      server.off('error', failed);
      resolve();
    });
  });
}

/** A killed process leaves its socket behind: connecting to it is refused (unix(7), ECONNREFUSED). */
async function removeStaleSocket(path: string, whose: string): Promise<void> {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return;
  if (!stats.isSocket()) {
    throw new SerialError('usage', `${whose}: ${path} exists and is no socket; choose another path.`);
  }
  const answer = await connecting(path);
  if (answer === 'connected') {
    throw new SerialError(
      'usage',
      `${whose}: somebody listens at ${path} already, another machine perhaps; choose another path.`,
    );
  }
  if (answer !== 'ECONNREFUSED') {
    throw new SerialError(
      'usage',
      `${whose}: whether anybody still listens at ${path} cannot be told (${answer}); choose another path.`,
    );
  }
  rmSync(path, { force: true });
}

/** `connected`, or the name of the error. */
function connecting(path: string): Promise<string> {
  return new Promise((resolve) => {
    const client = connect(path);
    client.once('connect', () => {
      client.destroy();
      resolve('connected');
    });
    client.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });
}
