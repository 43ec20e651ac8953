/** Names of a stock kernel's addresses, by the table that it carries in its own memory. */
import { afterEach, expect, test } from 'vitest';
import { needsStockGuests } from '../support/linux';
import { TestMachine } from '../support/machine';

const machines: TestMachine[] = [];
afterEach(() => machines.splice(0).forEach(({ process }) => process.kill()));

/** Where Linux begins without KASLR: 16 MiB from the start of its image's part of the address space. */
const LINKED_TO = 'ffffffff81000000';
const NAME = /^[a-zA-Z_][\w.]*(\+0x[0-9a-f]+)?$/;

test('a kernel that has moved itself (KASLR) has names, in samples and in the inspector', async (ctx) => {
  const { cloud, initrd } = needsStockGuests(ctx);
  const config = {
    guest: cloud,
    initrd,
    cpus: 2,
    memory: 256 << 20,
    accelerator: 'wasm',
    cmdline: 'console=ttyS0',
  } as const;
  const machine = new TestMachine(config, { sampleEveryMs: 20 });
  machines.push(machine);
  const named = () =>
    machine.all('sample').flatMap(({ sample }) => sample.cpus.filter(({ symbol }) => symbol !== null));
  await machine.until(() => named().length > 0);
  await machine.request('pause', null);
  const { code } = await machine.inspect(0);
  expect(named().every(({ symbol }) => NAME.test(symbol ?? ''))).toBe(true);
  // It is elsewhere, and a table without KASLR would name it wrongly or not at all.
  const rips = named().map(({ rip }) => rip ?? '');
  expect(rips.every((rip) => rip.length === 16 && rip > LINKED_TO)).toBe(true);
  expect(code[0].symbol).toMatch(NAME);
  expect(code.every(({ target }) => target === null || NAME.test(target))).toBe(true);
});
