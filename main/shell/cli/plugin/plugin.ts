/** `reveille plugin`: plugins for those who use them, and for those who write them. */
import { PluginStore } from '../../../app/plugin-store';
import { dataDirectory } from '../../../app/data-directory';
import type { Installation } from '../installation';
import { UsageError } from '../usage';
import type { PluginContext } from './context';
import { checkCommand, newCommand, packCommand } from './author';
import { disableCommand, enableCommand, installCommand, listCommand, removeCommand } from './manage';
import { testCommand } from './test';

type Command = (args: string[], context: PluginContext) => number | Promise<number>;

const COMMANDS: Record<string, Command> = {
  new: newCommand,
  check: checkCommand,
  test: testCommand,

  pack: packCommand,
  install: installCommand,
  list: listCommand,
  enable: enableCommand,
  disable: disableCommand,
  remove: removeCommand,
};

/** Settles with the exit status; rejects with a ReveilleError where it cannot be done. */
export async function plugin([name, ...args]: string[], installation: Installation): Promise<number> {
  const command = name !== undefined && Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command === undefined) {
    const known = Object.keys(COMMANDS).join(', ');
    throw new UsageError(
      `reveille plugin takes ${known}${name === undefined ? '' : `, not "${name}"`} (see reveille --help).`,
    );
  }
  const store = new PluginStore({ bundled: installation.plugins, dataDirectory: dataDirectory() });
  return command(args, { installation, store });
}
