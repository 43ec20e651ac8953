/** Page walks against tables made by hand and, where the host has it, against KVM_TRANSLATE. */
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { needsKvm } from '../../test/support/needs';
import * as abi from '../accelerator/kvm/abi';
import { KVM } from '../accelerator/kvm/abi';
import * as libc from '../accelerator/kvm/libc';
import { KvmVcpu } from '../accelerator/kvm/vcpu';
import { kvmRunSize, KvmVm } from '../accelerator/kvm/vm';
import type { CpuState } from '../base/cpu-state';
import { readLinear, readPhysical, translate } from './page-walk';

const RAM = 1 << 20;
const PG = 1n << 31n;
const PSE = 1n << 4n;
const PAE = 1n << 5n;
const LA57 = 1n << 12n;
const LONG = (1n << 8n) | (1n << 10n);
const NX = 1n << 63n;
const P = 7n;
const PS = 1n << 7n;

type Paging = Pick<CpuState, 'cr0' | 'cr3' | 'cr4' | 'efer'>;
const paging = (cr4: bigint, efer = 0n): Paging => ({ cr0: PG | 1n, cr3: 0x1000n, cr4, efer });

/** RAM with entries of 8 or 4 bytes at these addresses. */
function ram(entries: Record<number, bigint>, size: 4 | 8): Uint8Array {
  const bytes = new Uint8Array(RAM);
  const view = new DataView(bytes.buffer);
  for (const [address, entry] of Object.entries(entries)) {
    if (size === 8) view.setBigUint64(Number(address), entry, true);
    else view.setUint32(Number(address), Number(entry), true);
  }
  return bytes;
}

test('without paging an address is itself, to 32 bits', () => {
  const state = { cr0: 1n, cr3: 0n, cr4: 0n, efer: 0n };
  expect(translate(new Uint8Array(0), state, 0x1_2345_6789n)).toBe(0x2345_6789n);
});

test('32-bit paging: 4 KiB, and 4 MiB with PSE', () => {
  const memory = ram({ 0x1004: 0x2000n | P, 0x2004: 0x9000n | P, 0x1008: 0x0040_2000n | P | PS }, 4);
  expect(translate(memory, paging(PSE), 0x0040_1234n)).toBe(0x9234n);
  expect(translate(memory, paging(PSE), 0x0040_0000n)).toBeNull();
  // Bits 20:13 of the entry are bits 39:32 of the address.
  expect(translate(memory, paging(PSE), 0x0080_5678n)).toBe(0x1_0040_5678n);
  // Without PSE the entry names a table, which is not in RAM.
  expect(translate(memory, paging(0n), 0x0080_5678n)).toBeNull();
});

test('PAE: 4 KiB and 2 MiB, and tables of four pointers that need not fill a page', () => {
  const memory = ram(
    { 0x1028: 0x2001n, 0x2000: 0x3000n | P, 0x3008: 0x7000n | P | NX, 0x2008: 0x40_0000n | P | PS },
    8,
  );
  const state = { ...paging(PAE), cr3: 0x1020n };
  expect(translate(memory, state, 0x4000_1abcn)).toBe(0x7abcn);
  expect(translate(memory, state, 0x4020_1abcn)).toBe(0x40_1abcn);
  expect(translate(memory, state, 0x0000_1abcn)).toBeNull();
});

test('4 and 5 levels: 4 KiB, 2 MiB, 1 GiB; what is not canonical is not mapped', () => {
  const tables = {
    0x1000: 0x2000n | P,
    0x2000: 0x3000n | P,
    0x2008: 0xc000_0000n | P | PS,
    0x3000: 0x4000n | P,
    0x4ff8: 0x5000n | P,
  };
  const top = { ...tables, 0x1ff8: 0x2000n | P };
  const state = paging(PAE, LONG);
  expect(translate(ram(top, 8), state, 0x1f_f123n)).toBe(0x5123n);
  expect(translate(ram(top, 8), state, 0x4000_1234n)).toBe(0xc000_1234n);
  expect(translate(ram(top, 8), state, 0xffff_ff80_4000_0001n)).toBe(0xc000_0001n);
  expect(translate(ram(top, 8), state, 0x0000_ff80_4000_0001n)).toBeNull();
  const five = { ...tables, 0x8000: 0x1000n | P };
  expect(translate(ram(five, 8), { ...paging(PAE | LA57, LONG), cr3: 0x8000n }, 0x1f_f123n)).toBe(0x5123n);
});

test('reading stops where nothing is mapped, or no RAM is', () => {
  const memory = ram({ 0x1000: 0x2000n | P, 0x2000: 0x9000n | P, 0x2004: 0x8000n | P, 0x200c: BigInt(RAM) | P }, 4);
  memory.fill(1, 0x9000, 0xa000).fill(2, 0x8000, 0x9000);
  expect([...readLinear(memory, paging(0n), 0xffen, 4)]).toEqual([1, 1, 2, 2]);
  expect(readLinear(memory, paging(0n), 0x1ff0n, 64)).toHaveLength(16);
  expect(readLinear(memory, paging(0n), 0x3000n, 64)).toHaveLength(0);
  expect(readPhysical(memory, BigInt(RAM - 3), 64)).toHaveLength(3);
  expect(readPhysical(memory, 2n ** 63n, 64)).toHaveLength(0);
});

test('any tables: as KVM_TRANSLATE has it', (ctx) => {
  needsKvm(ctx);
  const runSize = kvmRunSize();
  const pages = Math.ceil((RAM + runSize) / 65536);
  const wasm = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  const buffer = wasm.buffer as SharedArrayBuffer;
  const identity = { apicId: 0, threadsPerPackage: 1, threadsPerCore: 1, smtShift: 0, packageShift: 0 };
  const vm = new KvmVm({
    buffer,
    ramOffset: 0,
    ramSize: RAM,
    runOffset: RAM,
    irqchip: 'exact',
    bsp: 0,
    cpus: [{ ...identity, kernelLapic: false, tscDeadline: true }],
  });
  const fd = vm.handles.vcpus[0];
  const vcpu = new KvmVcpu({ fd, buffer, runOffset: RAM, runSize, epoch: 0, lag: new Float64Array(1) });
  const memory = new Uint8Array(buffer, 0, RAM);
  const power = vcpu.state();
  const request = new DataView(new ArrayBuffer(abi.kvm_translation.size));
  const { at } = abi.kvm_translation;
  const kvmTranslate = (linear: bigint) => {
    request.setBigUint64(at.linear_address, linear, true);
    libc.checked(libc.ioctlPointer(fd, KVM.TRANSLATE, request), 'KVM_TRANSLATE');
    return request.getUint8(at.valid) === 0 ? null : request.getBigUint64(at.physical_address, true);
  };
  const index = fc.nat({ max: 3 });
  fc.assert(
    fc.property(
      fc.array(
        fc.record({
          table: fc.nat({ max: 3 }),
          index,
          to: fc.nat({ max: 6 }),
          flags: fc.constantFrom(P, P, P, 0n, P | PS),
        }),
        { maxLength: 24 },
      ),
      fc.tuple(index, index, index, index, fc.nat({ max: 4095 })),
      (entries, [l4, l3, l2, l1, offset]) => {
        memory.fill(0, 0x1000, 0x8000);
        const view = new DataView(buffer);
        for (const { table, index: slot, to, flags } of entries) {
          // A large page has a frame of its size. Pages of 1 GiB are not every processor's.
          const large = table === 2 && (flags & PS) !== 0n;
          const frame = large ? 0n : BigInt(0x1000 * (table < 3 ? table + 2 : to + 2));
          view.setBigUint64(0x1000 * (table + 1) + 8 * slot, frame | (large ? flags : flags & ~PS), true);
        }
        const state = { ...power, ...paging(PAE, LONG), cs: { ...power.cs, l: 1, db: 0 } };
        vcpu.setState(state);
        const linear = (BigInt(l4) << 39n) | (BigInt(l3) << 30n) | (BigInt(l2) << 21n) | BigInt((l1 << 12) | offset);
        expect(translate(memory, state, linear)).toBe(kvmTranslate(linear));
      },
    ),
    { numRuns: 300 },
  );
  vcpu.dispose();
  vm.dispose();
});
