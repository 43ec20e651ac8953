/** `reveille probe`, `reveille guests` and `reveille inspect`: reports for a person, or as JSON. */
import type { AcceleratorProbe, HostProbe } from '../../../preload/contract/machine';
import { dataDirectory } from '../../app/data-directory';
import { type Guest, bundledGuests } from '../../app/guests';
import { probeHost } from '../../app/host';
import { pluginGuests } from '../../app/plugin-guests';
import { PluginStore } from '../../app/plugin-store';
import type { Installation } from './installation';
import { formatSize } from './quantities';
import { imageLines } from '../../../preload/contract/image-report';
import { inspectFile } from '../../app/image-inspection';
import { withGuest } from './guest-choice';
import { parseInspectOptions, parseReportOptions } from './run-options';

export async function probe(args: string[]): Promise<string> {
  const { json } = parseReportOptions('probe', args);
  const host = await probeHost();
  return json ? `${JSON.stringify(host)}\n` : probeReport(host);
}

export function guests(args: string[], { guests: directory, plugins: bundled }: Installation): string {
  const { json } = parseReportOptions('guests', args);
  const store = new PluginStore({ bundled, dataDirectory: dataDirectory() });
  const list = [...bundledGuests(directory), ...pluginGuests(store.list())];
  if (json) return `${JSON.stringify(list)}\n`;
  return list.map((guest, i) => groupHeading(guest, list[i - 1]) + guestReport(guest)).join('\n');
}

export async function inspect(args: string[], installation: Installation): Promise<string> {
  const { guest, json } = parseInspectOptions(args);
  const found = await withGuest({ guest, accelerator: 'auto' }, installation);
  const report = await inspectFile(found.guest);
  if (json) return `${JSON.stringify(report)}\n`;
  const [headline, ...lines] = imageLines(report);
  return `${[headline, ...lines.map((line) => `  ${line}`)].join('\n')}\n`;
}

/** A group's guests stand together. */
function groupHeading({ group }: Guest, before: Guest | undefined): string {
  return group === undefined || group === before?.group ? '' : `With ${group}:\n\n`;
}

function guestReport({ name, title, description, options, cmdline }: Guest): string {
  const width = Math.max(0, ...options.map((option) => option.name.length)) + 2;
  const lines = options.map((option) => `    ${option.name.padEnd(width)}${option.description}\n`);
  const own = cmdline === undefined ? '' : `  Its command line, where none is given: ${cmdline}\n`;
  return `${name} - ${title}\n  ${description}\n${own}${lines.length > 0 ? '  On its command line:\n' : ''}${lines.join('')}`;
}

function probeReport(host: HostProbe): string {
  const auto =
    host.auto === null ? 'nothing: no accelerator works here' : `${host.auto.accelerator}: ${host.auto.reason}`;
  return [
    `memory   ${formatSize(host.memory)}, at most ${formatSize(host.maxGuestMemory)} for a guest`,
    `auto     ${auto}`,
    `network  ${host.network ?? 'works (--net user)'}`,
    ...host.accelerators.flatMap((accelerator) => ['', ...acceleratorReport(accelerator)]),
    '',
  ].join('\n');
}

function acceleratorReport({ name, usable, reason, modes, facts }: AcceleratorProbe): string[] {
  if (!usable) return [`${name}: not usable. ${reason}`];
  const width = Math.max(...Object.keys(facts).map((fact) => fact.length)) + 2;
  return [
    `${name}: usable`,
    ...modes.map(
      (mode) => `  irqchip ${mode.mode.padEnd(8)}${mode.usable ? `up to ${mode.maxCpus} CPUs` : mode.reason}`,
    ),
    ...Object.entries(facts).map(([fact, value]) => `  ${fact.padEnd(width)}${value}`),
  ];
}
