/**
 * `struct kvm_run`: how a vcpu says why it stopped (Linux Documentation/virt/kvm/api.rst, "The kvm_run structure").
 * KVM writes it; so does the emulator, so that one run loop and one exit handler serve both.
 */
import { array, struct, u16, u32, u64, u8 } from '../base/struct';

/** The head of `struct kvm_run`; the union of exit data follows at offset 32. */
export const kvm_run = struct('kvm_run', {
  request_interrupt_window: u8,
  immediate_exit: u8,
  padding1: array(u8, 6),
  exit_reason: u32,
  ready_for_interrupt_injection: u8,
  if_flag: u8,
  flags: u16,
  cr8: u64,
  apic_base: u64,
});

const UNION = kvm_run.size;

/** Members of kvm_run's union; their offsets count from the start of the union. */
export const exit_io = struct('io', { direction: u8, size: u8, port: u16, count: u32, data_offset: u64 });
export const exit_mmio = struct('mmio', { phys_addr: u64, data: array(u8, 8), len: u32, is_write: u8 });
export const exit_msr = struct('msr', { error: u8, pad: array(u8, 7), reason: u32, index: u32, data: u64 });
export const exit_debug = struct('kvm_debug_exit_arch', { exception: u32, pad: u32, pc: u64, dr6: u64, dr7: u64 });
export const exit_fail_entry = struct('fail_entry', { hardware_entry_failure_reason: u64, cpu: u32 });
export const exit_internal = struct('internal', { suberror: u32, ndata: u32, data: array(u64, 16) });
/** Of suberror EMULATION: bit 0 of its flags says that the bytes are there (linux/kvm.h). */
export const exit_emulation_failure = struct('emulation_failure', {
  suberror: u32,
  ndata: u32,
  flags: u64,
  insn_size: u8,
  insn_bytes: array(u8, 15),
});
export const exit_system_event = struct('system_event', { type: u32, ndata: u32, data: array(u64, 16) });
export const exit_eoi = struct('eoi', { vector: u8 });

/** KVM_INTERNAL_ERROR_EMULATION, a suberror. */
export const INTERNAL_ERROR_EMULATION = 1;

/**
 * A flyweight over one vcpu's kvm_run pages: each getter is a typed-array load, nothing is allocated.
 * The pages start at `offset` of the buffer, a multiple of 4096.
 */
export class VcpuExit {
  readonly #u8: Uint8Array;
  readonly #u16: Uint16Array;
  readonly #u32: Uint32Array;
  readonly #view: DataView;

  constructor(buffer: ArrayBufferLike, offset: number, size: number) {
    this.#u8 = new Uint8Array(buffer, offset, size);
    this.#u16 = new Uint16Array(buffer, offset, size / 2);
    this.#u32 = new Uint32Array(buffer, offset, size / 4);
    this.#view = new DataView(buffer, offset, size);
  }

  get reason(): number {
    return this.#u32[kvm_run.at.exit_reason / 4];
  }

  /** Asks for an exit as soon as the guest can take an external interrupt. */
  set requestInterruptWindow(wanted: boolean) {
    this.#u8[kvm_run.at.request_interrupt_window] = wanted ? 1 : 0;
  }

  /** Makes the next entry return before the guest runs, after pending I/O has been completed. */
  set immediateExit(wanted: boolean) {
    this.#u8[kvm_run.at.immediate_exit] = wanted ? 1 : 0;
  }

  get readyForInterruptInjection(): boolean {
    return this.#u8[kvm_run.at.ready_for_interrupt_injection] !== 0;
  }

  /** RFLAGS.IF at the exit. */
  get interruptFlag(): boolean {
    return this.#u8[kvm_run.at.if_flag] !== 0;
  }

  /** The vcpu is in system management mode (KVM_RUN_X86_SMM). */
  get inSmm(): boolean {
    return (this.#u8[kvm_run.at.flags] & 1) !== 0;
  }

  get cr8(): number {
    return this.#u8[kvm_run.at.cr8];
  }

  set cr8(value: number) {
    this.#u8[kvm_run.at.cr8] = value;
  }

  /** IA32_APIC_BASE as last seen, low 32 bits. */
  get apicBase(): number {
    return this.#u32[kvm_run.at.apic_base / 4];
  }

  get ioIsWrite(): boolean {
    return this.#u8[UNION + exit_io.at.direction] !== 0;
  }

  get ioSize(): number {
    return this.#u8[UNION + exit_io.at.size];
  }

  get ioPort(): number {
    return this.#u16[(UNION + exit_io.at.port) / 2];
  }

  /** Repetitions of a string instruction; 1 for a plain IN or OUT. */
  get ioCount(): number {
    return this.#u32[(UNION + exit_io.at.count) / 4];
  }

  /** Offset of the data of IN and OUT from the start of kvm_run. */
  get ioDataOffset(): number {
    return this.#u32[(UNION + exit_io.at.data_offset) / 4];
  }

  /** Guest-physical address of a memory access that met no RAM. */
  get mmioAddress(): number {
    const word = (UNION + exit_mmio.at.phys_addr) / 4;
    return this.#u32[word] + this.#u32[word + 1] * 2 ** 32;
  }

  /** The same address as number of its page of 4 KiB, which for all but the highest is a small integer, and offset in it. */
  get mmioFrame(): number {
    const word = (UNION + exit_mmio.at.phys_addr) / 4;
    const high = this.#u32[word + 1];
    const low = this.#u32[word] >>> 12;
    return high === 0 ? low : low + high * 2 ** 20;
  }

  get mmioPageOffset(): number {
    return this.#u32[(UNION + exit_mmio.at.phys_addr) / 4] & 0xfff;
  }

  get mmioLength(): number {
    return this.#u32[(UNION + exit_mmio.at.len) / 4];
  }

  get mmioIsWrite(): boolean {
    return this.#u8[UNION + exit_mmio.at.is_write] !== 0;
  }

  /** Offset of the data of a memory access from the start of kvm_run. */
  get mmioDataOffset(): number {
    return UNION + exit_mmio.at.data;
  }

  /** All of kvm_run. */
  get bytes(): Uint8Array {
    return this.#u8;
  }

  /** Reads 1, 2 or 4 bytes at an offset from the start of kvm_run. */
  readData(offset: number, size: number): number {
    if (size === 1) return this.#u8[offset];
    return size === 2 ? this.#view.getUint16(offset, true) : this.#view.getUint32(offset, true);
  }

  writeData(offset: number, size: number, value: number): void {
    if (size === 1) this.#u8[offset] = value;
    else if (size === 2) this.#view.setUint16(offset, value, true);
    else this.#view.setUint32(offset, value, true);
  }

  get msrIndex(): number {
    return this.#u32[(UNION + exit_msr.at.index) / 4];
  }

  get msrData(): bigint {
    return this.#view.getBigUint64(UNION + exit_msr.at.data, true);
  }

  set msrData(value: bigint) {
    this.#view.setBigUint64(UNION + exit_msr.at.data, value, true);
  }

  /** The same in two halves. */
  get msrLow(): number {
    return this.#u32[(UNION + exit_msr.at.data) / 4];
  }

  set msrLow(value: number) {
    this.#u32[(UNION + exit_msr.at.data) / 4] = value;
  }

  get msrHigh(): number {
    return this.#u32[(UNION + exit_msr.at.data) / 4 + 1];
  }

  set msrHigh(value: number) {
    this.#u32[(UNION + exit_msr.at.data) / 4 + 1] = value;
  }

  /** Answers the access with #GP. */
  set msrError(refused: boolean) {
    this.#u8[UNION + exit_msr.at.error] = refused ? 1 : 0;
  }

  /** Vector of the exception of which an exit DEBUG tells. */
  get debugException(): number {
    return this.#u32[(UNION + exit_debug.at.exception) / 4];
  }

  /** The low half of its DR6. */
  get debugDr6(): number {
    return this.#u32[(UNION + exit_debug.at.dr6) / 4];
  }

  get failEntryReason(): bigint {
    return this.#view.getBigUint64(UNION + exit_fail_entry.at.hardware_entry_failure_reason, true);
  }

  get internalSuberror(): number {
    return this.#u32[(UNION + exit_internal.at.suberror) / 4];
  }

  /** Of an internal error, the instruction that KVM could not emulate, with what follows it; empty: KVM does not say. */
  failedInstruction(): Uint8Array {
    const { flags, insn_size, insn_bytes } = exit_emulation_failure.at;
    const known = this.internalSuberror === INTERNAL_ERROR_EMULATION && (this.#u8[UNION + flags] & 1) !== 0;
    const size = known ? Math.min(this.#u8[UNION + insn_size], 15) : 0;
    return this.#u8.subarray(UNION + insn_bytes, UNION + insn_bytes + size);
  }

  /** Data words of an internal error, at most 16. */
  internalData(): bigint[] {
    const count = Math.min(this.#u32[(UNION + exit_internal.at.ndata) / 4], 16);
    return Array.from({ length: count }, (_, i) =>
      this.#view.getBigUint64(UNION + exit_internal.at.data + 8 * i, true),
    );
  }

  get systemEventType(): number {
    return this.#u32[(UNION + exit_system_event.at.type) / 4];
  }

  get eoiVector(): number {
    return this.#u8[UNION + exit_eoi.at.vector];
  }
}
