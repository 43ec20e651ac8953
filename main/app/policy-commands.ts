/**
 * Commands for a run's policies, from a file: a line each, `@5ms POLICY COMMAND [NAME=VALUE …]`, by machine time. Empty lines and
 * those that begin with # say nothing.
 */
import { readFileSync } from 'node:fs';
import type { MachineConfig } from '../../preload/contract/machine';
import { commandArguments, type PolicyProgram, type TimedPolicyCommand } from '../../preload/contract/policies';
import { parseTime } from '../../preload/contract/quantities';
import { AppError, ReveilleError, systemReason } from './errors';
import { readOptions } from '../plugins/options';

export function readPolicyCommands(
  path: string,
  programs: readonly PolicyProgram[],
  machine: Pick<MachineConfig, 'cpus' | 'bsp'>,
): TimedPolicyCommand[] {
  const lines = read(path).split('\n');
  return lines.flatMap((line, index) => {
    const text = line.trim();
    if (text === '' || text.startsWith('#')) return [];
    try {
      return [parseLine(text, programs, machine)];
    } catch (error) {
      if (!(error instanceof ReveilleError)) throw error;
      throw new AppError('usage', `${path === '-' ? 'stdin' : path}:${index + 1}: ${error.message}`);
    }
  });
}

function read(path: string): string {
  try {
    return readFileSync(path === '-' ? 0 : path, 'utf8');
  } catch (error) {
    throw new AppError('usage', `The policy commands in ${path} cannot be read: ${systemReason(error)}.`);
  }
}

function parseLine(
  text: string,
  programs: readonly PolicyProgram[],
  machine: Pick<MachineConfig, 'cpus' | 'bsp'>,
): TimedPolicyCommand {
  const [time, policy, name, ...rest] = text.split(/\s+/);
  const at = time.startsWith('@') ? parseTime(time.slice(1)) : null;
  if (at === null || name === undefined) {
    throw new AppError('usage', `A line is "@TIME POLICY COMMAND NAME=VALUE …", such as "@5ms manual release cpu=1".`);
  }
  const author = programs.findIndex((program) => program.policy === policy) + 1;
  if (author === 0) {
    throw new AppError('usage', `This run has no policy ${policy}; it has ${namesOf(programs.map((p) => p.policy))}.`);
  }
  const { commands } = programs[author - 1];
  const command = commands.find((candidate) => candidate.name === name);
  if (command === undefined) {
    throw new AppError('usage', `${policy} has no command ${name}; it has ${namesOf(commands.map((c) => c.name))}.`);
  }
  const given = Object.fromEntries(rest.map((part) => splitArgument(part)));
  return {
    at,
    author,
    command: name,
    args: readOptions(`${policy} ${name}`, commandArguments(command), given, machine),
  };
}

function splitArgument(part: string): [string, string] {
  const [, name, value] = /^([^=]+)=(.*)$/.exec(part) ?? [];
  if (name === undefined) throw new AppError('usage', `An argument is NAME=VALUE, not "${part}".`);
  return [name, value];
}

function namesOf(names: readonly string[]): string {
  return names.length === 0 ? 'none' : names.join(', ');
}
