/** KVM's paravirtual clock (Linux, Documentation/virt/kvm/x86/cpuid.rst and msr.rst), as a guest finds and uses it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestMachine } from './support/machine';
import { needsKvm } from './support/needs';

/** Says EBX, ECX and EDX of leaf 0x40000000, EAX of leaf 0x40000001, and struct pvclock_vcpu_time_info, which it has KVM write to 0x500. */
const readsClock = Uint8Array.of(
  ...[0x31, 0xc0, 0x8e, 0xd8, 0x8e, 0xc0, 0xfc, 0xbf, 0x00, 0x06], // xor ax, ax; mov ds, ax; mov es, ax; cld; mov di, 0x600
  ...[0x66, 0xb8, 0x00, 0x00, 0x00, 0x40, 0x0f, 0xa2], // mov eax, 0x40000000; cpuid
  ...[0x66, 0x93, 0x66, 0xab, 0x66, 0x91, 0x66, 0xab, 0x66, 0x92, 0x66, 0xab], // xchg eax, ebx; stosd; the same with ecx and edx
  ...[0x66, 0xb8, 0x01, 0x00, 0x00, 0x40, 0x0f, 0xa2, 0x66, 0xab], // mov eax, 0x40000001; cpuid; stosd
  ...[0x66, 0xb9, 0x01, 0x4d, 0x56, 0x4b], // mov ecx, MSR_KVM_SYSTEM_TIME_NEW
  ...[0x66, 0xb8, 0x01, 0x05, 0x00, 0x00, 0x66, 0x31, 0xd2, 0x0f, 0x30], // mov eax, 0x500 | enabled; xor edx, edx; wrmsr
  ...[0xbe, 0x00, 0x05, 0xb9, 0x08, 0x00, 0xf3, 0x66, 0xa5], // mov si, 0x500; mov cx, 8; rep movsd
  ...[0xbe, 0x00, 0x06, 0xb9, 0x30, 0x00, 0xba, 0xf8, 0x03, 0xf3, 0x6e], // mov si, 0x600; mov cx, 48; mov dx, 0x3f8; rep outsb
  ...[0xba, 0x04, 0x06, 0xb8, 0x00, 0x3c, 0xef, 0xf4], // mov dx, 0x604; mov ax, 0x3c00; out dx, ax; hlt
);
/** KVM_FEATURE_CLOCKSOURCE2: the clock is at MSR_KVM_SYSTEM_TIME_NEW. */
const CLOCKSOURCE2 = 1 << 3;

let folder: string;
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'reveille-clock-'))));
afterAll(() => rmSync(folder, { recursive: true }));

test.for(['exact', 'kernel', 'split'] as const)(
  'irqchip %s: is announced, and written for the guest',
  async (irqchip, ctx) => {
    needsKvm(ctx);
    const guest = join(folder, 'guest.bin');
    writeFileSync(guest, readsClock);
    const machine = new TestMachine({ guest, cpus: 1, memory: 16 << 20, accelerator: 'kvm', irqchip });
    const { outcome } = await machine.end();
    expect(outcome).toMatchObject({ kind: 'power-off' });
    const said = Buffer.from(machine.output, 'latin1');
    expect(said).toHaveLength(48);
    expect(said.toString('latin1', 0, 12)).toBe('KVMKVMKVM\0\0\0');
    expect(said.readUInt32LE(12) & CLOCKSOURCE2).toBe(CLOCKSOURCE2);
    // What KVM has written is whole where its version is even, and scales the TSC by something.
    const version = said.readUInt32LE(16);
    const multiplier = said.readUInt32LE(16 + 24);
    expect([version % 2, version > 0, multiplier > 0]).toEqual([0, true, true]);
  },
);
