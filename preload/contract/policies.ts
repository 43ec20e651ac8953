/** Policies as the shell hands them to a machine's process: checked, compiled, ready to run. */
import type { Options, Verdict } from '../../plugins/api/index';
import type { CommandManifest, OptionManifest, Permission } from '../../plugins/api/manifest';

/** One policy of one machine. Its author number in the event stream is its place in the machine's list, from 1. */
export interface PolicyProgram {
  plugin: string;
  version: string;
  policy: string;
  /** Checked against the manifest, defaults filled in. */
  options: Options;
  /** The options that are `aps`, which a policy's `configure` may make others. */
  aps: string[];
  permissions: Permission[];
  needs: 'gated' | 'exact';
  commands: CommandManifest[];
  /** One script, which leaves the plugin's exports in the global `plugin`. */
  code: string;
  /** Its source map (version 3, JSON), which leads back to the plugin's own lines. */
  sourceMap: string;
}

/** What became of a policy in a run. */
export interface PolicySummary {
  policy: string;
  /** Why it was made to stand aside; null: it was not. */
  fault: string | null;
}

export interface VerdictSummary {
  verdict: Verdict;
  reason: string;
  /** The policy whose verdict it is. */
  policy: string;
}

/** The arguments of a command, with the CPU where it is about one. */
export function commandArguments(command: CommandManifest): Record<string, OptionManifest> {
  const cpu = { type: 'cpu', title: 'CPU', default: 0 } as const;
  return { ...(command.cpu === true ? { cpu } : {}), ...command.arguments };
}

/** A command that a policy is given at a moment of machine time. */
export interface TimedPolicyCommand {
  /** Machine time in ns. */
  at: number;
  /** The policy's number, from 1. */
  author: number;
  command: string;
  args: Options;
}
