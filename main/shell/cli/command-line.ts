/** The `reveille` command: its subcommands, and what becomes of their errors. */
import { readFileSync } from 'node:fs';
import { ReveilleError, sentence } from '../../app/errors';
import type { Installation } from './installation';
import { Status, failureStatus } from './outcome';
import { run } from './run';
import { HELP, UsageError } from './usage';

/** Settles with the exit status; every error has been told on stderr by then. */
export async function commandLine(args: string[], installation: Installation): Promise<number> {
  // Without a listener the error would be thrown. Nobody can be told on a closed stderr; stdout decides the status.
  process.stderr.on('error', () => {});
  let stdoutClosed = false;
  process.stdout.on('error', () => (stdoutClosed = true));
  try {
    const status = await dispatch(args, installation);
    return stdoutClosed ? Status.SIGPIPE : status;
  } catch (error) {
    const known = error instanceof ReveilleError;
    process.stderr.write(`reveille: ${known ? sentence(error.message) : (error as Error).stack}\n`);
    return failureStatus(known ? error.kind : 'internal');
  }
}

async function dispatch([command, ...args]: string[], installation: Installation): Promise<number> {
  const before = args.slice(0, args.includes('--') ? args.indexOf('--') : undefined);
  if (command === undefined) throw new UsageError(`There is no command.\n\n${HELP}`);
  if (isHelp(command) || before.some(isHelp)) return print(HELP);
  switch (command) {
    case '--version':
      return print(`${JSON.parse(readFileSync(installation.packageJson, 'utf8')).version}\n`);
    case 'run':
      return run(args, installation);
    case 'probe':
    case 'guests':
    case 'inspect': {
      const reports = await import('./reports');
      return print(await reports[command](args, installation));
    }
    case 'app': {
      // The desktop app's services are not loaded for a run.
      const { app } = await import('./app-command');
      return app(args, installation);
    }
    case 'sweep': {
      const { sweep } = await import('./sweep/sweep');
      return sweep(args, installation);
    }
    case 'plugin': {
      const { plugin } = await import('./plugin/plugin');
      return plugin(args, installation);
    }
    case 'replay': {
      const { replay } = await import('./replay');
      return replay(args, installation);
    }
    default:
      throw new UsageError(
        `There is no command "${command}"; the commands are run, replay, sweep, app, plugin, probe, guests and inspect (see reveille --help).`,
      );
  }
}

function isHelp(arg: string): boolean {
  return arg === '--help' || arg === '-h';
}

function print(text: string): Promise<number> {
  return new Promise((resolve) => process.stdout.write(text, () => resolve(Status.SUCCESS)));
}
