/** Leaves made for a guest, read back as the SDM tells software to (vol. 3A, "Hierarchical Mapping of Shared Resources"). */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Topology } from '../../../preload/contract/machine';
import { cpuCount, defaultApicIds, placeOf } from '../../../preload/contract/topology';
import { apicIdShifts } from '../../machine/topology';
import { type CpuidEntry, cpuidFor, decodeCpuid, encodeCpuid } from './cpuid';

const leaf = (fn: number, index: number, eax: number, ebx: number, ecx: number, edx: number): CpuidEntry => ({
  function: fn,
  index,
  flags: 0,
  eax: eax >>> 0,
  ebx: ebx >>> 0,
  ecx: ecx >>> 0,
  edx: edx >>> 0,
});

/** EAX of leaf 4: type 1 data, 2 instruction, 3 unified; shared and counted as on the host, which must not show. */
const cache = (index: number, type: number, level: number) =>
  leaf(4, index, type | (level << 5) | (1 << 8) | (5 << 14) | (9 << 26), 0x01c0003f, 0x3f, 0);

const INTEL: CpuidEntry[] = [
  leaf(0, 0, 0x16, 0x756e6547, 0x6c65746e, 0x49656e69),
  leaf(1, 0, 0x000906ea, 0x02100800, 0x7ffafbff, 0xbfebfbff),
  cache(0, 1, 1),
  cache(1, 2, 1),
  cache(2, 3, 2),
  cache(3, 3, 3),
  leaf(4, 4, 0, 0, 0, 0),
  leaf(7, 0, 0, 0x029c67af, 0, 0),
  leaf(0xb, 0, 1, 2, 0x100, 0x77),
  leaf(0xb, 1, 4, 12, 0x201, 0x77),
  leaf(0x40000000, 0, 0x40000001, 0x4b4d564b, 0x564b4d56, 0x4d),
  leaf(0x40000001, 0, 0x01007efb, 0, 0, 0),
];

const AMD: CpuidEntry[] = [
  leaf(0, 0, 0x10, 0x68747541, 0x444d4163, 0x69746e65),
  leaf(1, 0, 0x00a20f10, 0x02100800, 0x7ed8320b, 0x178bfbff),
  leaf(0x80000008, 0, 0x3030, 0, 0x400f, 0),
  leaf(0x8000001d, 0, 1 | (1 << 5) | (1 << 14), 0x01c0003f, 0x3f, 0),
  leaf(0x8000001d, 1, 2 | (1 << 5) | (1 << 14), 0x01c0003f, 0x3f, 0),
  leaf(0x8000001d, 2, 3 | (2 << 5) | (1 << 14), 0x01c0003f, 0x3ff, 0),
  leaf(0x8000001d, 3, 3 | (3 << 5) | (15 << 14), 0x03c0003f, 0x7fff, 0),
  leaf(0x8000001d, 4, 0, 0, 0, 0),
  leaf(0x8000001e, 0, 0x77, 0x177, 0x77, 0),
];

interface Options {
  supported?: CpuidEntry[];
  kernelLapic?: boolean;
  tscDeadline?: boolean;
}

/** The leaves of every CPU of a machine. */
function machine(topology: Topology, apicIds: readonly number[], options: Options = {}): CpuidEntry[][] {
  const shifts = apicIdShifts(topology, apicIds);
  return apicIds.map((apicId) =>
    cpuidFor(options.supported ?? INTEL, {
      apicId,
      threadsPerPackage: topology.cores * topology.threads,
      threadsPerCore: topology.threads,
      smtShift: shifts.smt,
      packageShift: shifts.package,
      kernelLapic: options.kernelLapic ?? true,
      tscDeadline: options.tscDeadline ?? true,
    }),
  );
}

function find(entries: readonly CpuidEntry[], fn: number, index = 0): CpuidEntry {
  const found = entries.filter((entry) => entry.function === fn && entry.index === index);
  if (found.length !== 1) throw new Error(`there are ${found.length} leaves 0x${fn.toString(16)}, index ${index}`);
  return found[0];
}

const bits = (value: number, high: number, low: number) => (value >>> low) & (2 ** (high - low + 1) - 1);
const widthFor = (count: number) => Math.ceil(Math.log2(count));

interface Ids {
  package: number;
  core: number;
  thread: number;
}

/** "If CPUID leaf 1FH or 0BH is supported": each level gives the shift to the next one. */
function byLeafB(entries: readonly CpuidEntry[], fn: number): Ids {
  const shifts = new Map<number, number>();
  let apicId = -1;
  for (let index = 0; ; index++) {
    const { eax, ecx, edx } = find(entries, fn, index);
    expect(bits(ecx, 7, 0)).toBe(index);
    apicId = edx;
    const type = bits(ecx, 15, 8);
    if (type === 0) break;
    shifts.set(type, bits(eax, 4, 0));
  }
  const [smt, core] = [shifts.get(1) as number, shifts.get(2) as number];
  return {
    thread: apicId & (2 ** smt - 1),
    core: (apicId & (2 ** core - 1)) >>> smt,
    package: apicId >>> core,
  };
}

/** "If only leaves 1 and 4 are supported": initial APIC id, and the counts of addressable ids. */
function byLeaves1And4(entries: readonly CpuidEntry[]): Ids {
  const { ebx, edx } = find(entries, 1);
  const apicId = bits(ebx, 31, 24);
  const logical = bits(edx, 28, 28) === 1 ? bits(ebx, 23, 16) : 1;
  const cores = bits(find(entries, 4).eax, 31, 26) + 1;
  const packageWidth = widthFor(logical);
  const smtWidth = packageWidth - widthFor(Math.min(cores, 2 ** packageWidth));
  return {
    thread: apicId & (2 ** smtWidth - 1),
    core: (apicId & (2 ** packageWidth - 1)) >>> smtWidth,
    package: apicId >>> packageWidth,
  };
}

/** CPUs in groups that have the same of something. */
function groups(cpus: number, key: (cpu: number) => string | number): number[][] {
  const byKey = new Map<string | number, number[]>();
  for (let cpu = 0; cpu < cpus; cpu++) byKey.set(key(cpu), [...(byKey.get(key(cpu)) ?? []), cpu]);
  return [...byKey.values()];
}

function expectTopology(topology: Topology, ids: readonly Ids[]): void {
  const cpus = cpuCount(topology);
  const place = (cpu: number) => placeOf(cpu, topology);
  expect(groups(cpus, (cpu) => ids[cpu].package)).toEqual(groups(cpus, (cpu) => place(cpu).socket));
  expect(groups(cpus, (cpu) => `${ids[cpu].package} ${ids[cpu].core}`)).toEqual(
    groups(cpus, (cpu) => `${place(cpu).socket} ${place(cpu).core}`),
  );
  expect(new Set(ids.map((id) => Object.values(id).join())).size).toBe(cpus);
}

const topologies = fc.record({
  sockets: fc.integer({ min: 1, max: 4 }),
  cores: fc.integer({ min: 1, max: 9 }),
  threads: fc.integer({ min: 1, max: 4 }),
});

/** Ids with unused bits between their parts, as hardware with disabled cores has them. */
const sparse = fc.tuple(topologies, fc.nat(2), fc.nat(2), fc.nat(3)).map(([topology, inThread, inCore, offset]) => {
  const smt = widthFor(topology.threads) + inThread;
  const core = smt + widthFor(topology.cores) + inCore;
  const apicIds = Array.from({ length: cpuCount(topology) }, (_, cpu) => {
    const { socket, core: number, thread } = placeOf(cpu, topology);
    return ((socket + offset) << core) | (number << smt) | thread;
  });
  return { topology, apicIds };
});

describe('the topology', () => {
  test.each([
    ['0xB', 0xb],
    ['0x1F', 0x1f],
  ])('by leaf %s, with ids as hardware assigns them and sparse ones', (_, fn) => {
    const dense = topologies.map((topology) => ({ topology, apicIds: defaultApicIds(topology) }));
    fc.assert(
      fc.property(fc.oneof(dense, sparse), fc.constantFrom(INTEL, AMD), ({ topology, apicIds }, supported) => {
        const leaves = machine(topology, apicIds, { supported });
        leaves.forEach((entries, cpu) => {
          for (const index of [0, 1, 2]) expect(find(entries, fn, index).edx).toBe(apicIds[cpu]);
          expect(find(entries, fn, 0).ebx).toBe(topology.threads);
          expect(find(entries, fn, 1).ebx).toBe(topology.cores * topology.threads);
        });
        expectTopology(
          topology,
          leaves.map((entries) => byLeafB(entries, fn)),
        );
      }),
    );
  });

  test('by leaves 1 and 4, as far as their 8 and 6 bits reach', () => {
    fc.assert(
      fc.property(topologies, fc.constantFrom(INTEL, AMD), (topology, supported) => {
        const apicIds = defaultApicIds(topology);
        fc.pre(Math.max(...apicIds) < 255);
        const leaves = machine(topology, apicIds, { supported });
        leaves.forEach((entries, cpu) => expect(bits(find(entries, 1).ebx, 31, 24)).toBe(apicIds[cpu]));
        expectTopology(topology, leaves.map(byLeaves1And4));
      }),
    );
  });

  test('gaps between ids of one package', () => {
    const topology = { sockets: 1, cores: 4, threads: 1 };
    const leaves = machine(topology, [0, 2, 4, 6]);
    expectTopology(
      topology,
      leaves.map((entries) => byLeafB(entries, 0xb)),
    );
    expectTopology(topology, leaves.map(byLeaves1And4));
  });

  test('an id beyond 8 bits is whole in leaf 0xB, and its low bits are in leaf 1', () => {
    const [, entries] = machine({ sockets: 2, cores: 1, threads: 1 }, [0, 0x3e9]);
    expect(find(entries, 0xb).edx).toBe(0x3e9);
    expect(bits(find(entries, 1).ebx, 31, 24)).toBe(0xe9);
  });

  test('caches are shared by the threads of a core, the last level by the package', () => {
    fc.assert(
      fc.property(topologies, fc.constantFrom(INTEL, AMD), (topology, supported) => {
        const apicIds = defaultApicIds(topology);
        const leaves = machine(topology, apicIds, { supported });
        const sharing = (cpu: number, index: number) =>
          apicIds[cpu] >>> widthFor(bits(find(leaves[cpu], 4, index).eax, 25, 14) + 1);
        const cpus = apicIds.length;
        for (const index of [0, 1, 2]) {
          expect(groups(cpus, (cpu) => sharing(cpu, index))).toEqual(
            groups(cpus, (cpu) => `${placeOf(cpu, topology).socket} ${placeOf(cpu, topology).core}`),
          );
        }
        expect(groups(cpus, (cpu) => sharing(cpu, 3))).toEqual(groups(cpus, (cpu) => placeOf(cpu, topology).socket));
        expect(find(leaves[0], 4, 4).eax & 0x1f).toBe(0);
      }),
    );
  });

  test("AMD's own leaves", () => {
    const topology = { sockets: 2, cores: 3, threads: 2 };
    const apicIds = defaultApicIds(topology);
    machine(topology, apicIds, { supported: AMD }).forEach((entries, cpu) => {
      const ids = find(entries, 0x8000001e);
      expect(ids.eax).toBe(apicIds[cpu]);
      expect(bits(ids.ebx, 15, 8)).toBe(1);
      expect(bits(ids.ebx, 7, 0)).toBe(apicIds[cpu] >> 1);
      expect(bits(ids.ecx, 7, 0)).toBe(placeOf(cpu, topology).socket);
      const size = find(entries, 0x80000008).ecx;
      expect([bits(size, 7, 0), bits(size, 15, 12)]).toEqual([5, 3]);
      expect([0, 1, 2, 3].map((index) => bits(find(entries, 0x8000001d, index).eax, 25, 14) + 1)).toEqual([2, 2, 2, 6]);
      expect(find(entries, 0x8000001d, 4).eax).toBe(0);
    });
  });
});

describe('features', () => {
  const ONE = { sockets: 1, cores: 1, threads: 1 };
  const [X2APIC, TSC_DEADLINE, HYPERVISOR] = [21, 24, 31];

  test.each([true, false])('with a LAPIC in the kernel: %s', (kernelLapic) => {
    const [entries] = machine(ONE, [0], { kernelLapic });
    const { ecx } = find(entries, 1);
    expect(bits(ecx, X2APIC, X2APIC)).toBe(kernelLapic ? 1 : 0);
    expect(bits(ecx, HYPERVISOR, HYPERVISOR)).toBe(1);
    // PV_EOI, PV_UNHALT, PV_SEND_IPI, ASYNC_PF_INT, MSI_EXT_DEST_ID.
    const interrupts = [6, 7, 11, 14, 15].map((bit) => bits(find(entries, 0x40000001).eax, bit, bit));
    expect(interrupts).toEqual(kernelLapic ? [1, 1, 1, 1, 0] : [0, 0, 0, 0, 0]);
    expect(bits(find(entries, 0x40000001).eax, 5, 0)).toBe(0x3b);
  });

  test.each([true, false])('with a TSC deadline: %s', (tscDeadline) => {
    const [entries] = machine(ONE, [0], { tscDeadline });
    expect(bits(find(entries, 1).ecx, TSC_DEADLINE, TSC_DEADLINE)).toBe(tscDeadline ? 1 : 0);
  });

  test('hyper-threading says that a package has more than one logical processor', () => {
    expect(bits(find(machine(ONE, [0])[0], 1).edx, 28, 28)).toBe(0);
    expect(bits(find(machine({ ...ONE, cores: 2 }, [0, 1])[0], 1).edx, 28, 28)).toBe(1);
    expect(bits(find(machine({ ...ONE, sockets: 2 }, [0, 1])[0], 1).edx, 28, 28)).toBe(0);
  });

  test('leaf 0 admits to leaf 0x1F; what is not about identity stays as it is', () => {
    const [entries] = machine(ONE, [0]);
    expect(find(entries, 0)).toEqual({ ...INTEL[0], eax: 0x1f });
    expect(find(entries, 7)).toEqual(INTEL.find((entry) => entry.function === 7));
    expect(bits(find(entries, 1).ebx, 15, 0)).toBe(0x0800);
    expect(find(entries, 1).eax).toBe(0x000906ea);
  });

  test('what KVM supports is left for the next vcpu', () => {
    const before = structuredClone(INTEL);
    machine({ sockets: 1, cores: 2, threads: 2 }, [0, 1, 2, 3]);
    expect(INTEL).toEqual(before);
  });

  test('every register is an unsigned 32-bit number', () => {
    for (const supported of [INTEL, AMD]) {
      for (const entries of machine(
        { sockets: 2, cores: 64, threads: 2 },
        defaultApicIds({ sockets: 2, cores: 64, threads: 2 }),
        { supported },
      )) {
        for (const { eax, ebx, ecx, edx } of entries) {
          for (const register of [eax, ebx, ecx, edx]) expect(register).toBe(register >>> 0);
        }
      }
    }
  });
});

test('struct kvm_cpuid2 comes out as it went in', () => {
  expect(decodeCpuid(encodeCpuid(INTEL))).toEqual(INTEL);
  expect(encodeCpuid(INTEL)).toHaveLength(8 + 40 * INTEL.length);
});
