/**
 * The declared ABI against the kernel's own headers: a C program prints the size and the place of every field, and every
 * number, that abi.ts and kvm-run.ts declare.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ExitReason } from '../../../preload/contract/exit-reasons';
import { MpState } from '../../../preload/contract/mp-state';
import { needsProgram } from '../../../test/support/needs';
import type { Struct } from '../../base/struct';
import * as kvmRun from '../kvm-run';
import * as abi from './abi';
import * as libc from './libc';

/** Structs of the headers. Reserved space is ours to name, so it is told by where it starts and ends, not by its name. */
const structs: Struct[] = [abi, kvmRun, libc]
  .flatMap((module) => Object.values(module) as unknown[])
  .filter((value): value is Struct => typeof value === 'object' && value !== null && 'at' in value && 'name' in value);

/** Where a declaration is another word for the header's: the path of a field below a struct, by `struct.field`. */
const FIELD_NAMES: Record<string, string> = {
  'sigevent.tid': '_sigev_un._tid',
  'itimerspec.interval': 'it_interval',
  'itimerspec.value': 'it_value',
};

const isPadding = (field: string) => /^(pad|padding|padding1|reserved)$/.test(field);

/** The C expression of a struct's type. Members of kvm_run's union have no tag: they are named after the member. */
function typeOf({ name }: Struct): string {
  return isUnionMember(name) ? `__typeof__(((struct kvm_run *)0)->${name})` : `struct ${name}`;
}

const isUnionMember = (name: string) => !/^kvm_|^sigevent$|^itimerspec$|^sched_attr$/.test(name);

interface Fact {
  what: string;
  /** A C expression. */
  expression: string;
  declared: number;
}

function facts(): Fact[] {
  const list: Fact[] = [];
  for (const struct of structs) {
    const type = typeOf(struct);
    // A flexible array or a union's longest member follows what these declare; their users add its size.
    if (!isUnionMember(struct.name) && struct.name !== 'kvm_run') {
      list.push({ what: `sizeof ${struct.name}`, expression: `sizeof(${type})`, declared: struct.size });
    }
    for (const [field, offset] of Object.entries(struct.at)) {
      if (isPadding(field)) continue;
      const path = FIELD_NAMES[`${struct.name}.${field}`] ?? field;
      list.push({ what: `${struct.name}.${field}`, expression: `offsetof(${type}, ${path})`, declared: offset });
    }
  }
  list.push({
    what: 'the union of kvm_run',
    expression: 'offsetof(struct kvm_run, io)',
    declared: kvmRun.kvm_run.size,
  });
  const numbers = (prefix: string, table: Record<string, number>) => {
    for (const [name, declared] of Object.entries(table)) {
      list.push({ what: prefix + name, expression: `(unsigned long)${prefix}${name}`, declared });
    }
  };
  numbers('KVM_', abi.KVM);
  numbers('KVM_CAP_', abi.Cap);
  numbers('KVM_SYNC_X86_', abi.Sync);
  numbers('KVM_GUESTDBG_', abi.GuestDebug);
  for (const [field, declared] of Object.entries(abi.SyncOffset)) {
    list.push({ what: `kvm_run.${field}`, expression: `offsetof(struct kvm_run, ${field})`, declared });
  }
  numbers('KVM_EXIT_', ExitReason);
  numbers('KVM_MP_STATE_', MpState);
  list.push({ what: 'KVM_API_VERSION', expression: 'KVM_API_VERSION', declared: abi.API_VERSION });
  return list;
}

/** Prints a line for each fact; `undeclared` for a number that these headers, older than we, do not have. */
function program(list: readonly Fact[]): string {
  const lines = list.map(({ expression }) => {
    const macro = /^\(unsigned long\)(\w+)$/.exec(expression)?.[1];
    const print = `printf("%lu\\n", (unsigned long)(${expression}));`;
    return macro === undefined ? print : `#ifdef ${macro}\n${print}\n#else\nputs("undeclared");\n#endif`;
  });
  return `#define _GNU_SOURCE
#include <stddef.h>
#include <stdio.h>
#include <signal.h>
#include <time.h>
#include <sys/ioctl.h>
#include <linux/sched/types.h>
#include <linux/kvm.h>
int main(void)
{
${lines.join('\n')}
return 0;
}
`;
}

test('every struct, ioctl, capability, exit reason and MP state is as linux/kvm.h has it', (ctx) => {
  needsProgram(ctx, 'gcc');
  const directory = mkdtempSync(join(tmpdir(), 'reveille-abi-'));
  try {
    const list = facts();
    expect(list.length).toBeGreaterThan(200);
    writeFileSync(join(directory, 'abi.c'), program(list));
    execFileSync('gcc', ['-Werror', '-o', join(directory, 'abi'), join(directory, 'abi.c')]);
    const printed = execFileSync(join(directory, 'abi'), { encoding: 'utf8' }).trimEnd().split('\n');
    const found = new Map(list.map(({ what }, i) => [what, printed[i]]));
    const declared = new Map(list.map((fact) => [fact.what, String(fact.declared)]));
    // What is newer than these headers cannot be held against them.
    for (const [what, value] of found) if (value === 'undeclared') declared.set(what, 'undeclared');
    expect(Object.fromEntries(declared)).toEqual(Object.fromEntries(found));
    const unknown = [...found.values()].filter((value) => value === 'undeclared');
    expect(unknown.length).toBeLessThan(list.length / 20);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
