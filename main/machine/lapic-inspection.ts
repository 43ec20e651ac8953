/** A local APIC's register page in words (SDM vol. 3A, "Local APIC Register Address Map"), whoever keeps it. */
import * as reg from '../base/lapic-registers';
import { IpiMode, ipiModeName } from '../../preload/contract/events';
import type { LapicInspection, LvtInspection } from '../../preload/contract/inspection';

const APIC_BASE_ENABLE = 1n << 11n;
const APIC_BASE_X2APIC = 1n << 10n;
const APIC_BASE_ADDRESS = 0xf_ffff_ffff_f000n;

const LVT_CMCI = 0x2f;
const LVT_PENDING = 1 << 12;
const DELIVERY_MODES = ['fixed', 'reserved', 'smi', 'reserved', 'nmi', 'init', 'reserved', 'extint'] as const;
const TIMER_MODES = ['one-shot', 'periodic', 'tsc-deadline', 'reserved'] as const;

/** Each LVT with the least value of the version register's last-entry field with which it exists. */
const LVTS = [
  ['timer', reg.LVT_TIMER, 0],
  ['lint0', reg.LVT_LINT0, 0],
  ['lint1', reg.LVT_LINT1, 0],
  ['error', reg.LVT_ERROR, 0],
  ['performance', reg.LVT_PERFORMANCE, 4],
  ['thermal', reg.LVT_THERMAL, 5],
  ['cmci', LVT_CMCI, 6],
] as const;

const SHORTHANDS = ['', 'self', 'all including self', 'all excluding self'] as const;

/** `page`: a word for each 16 bytes of the page. `currentCount`: the timer's, where the page does not have it. */
export function describeLapic(
  page: Int32Array,
  apicBase: bigint,
  currentCount = page[reg.CURRENT_COUNT],
): LapicInspection {
  const mode = lapicMode(apicBase);
  const wide = mode === 'x2apic';
  const id = wide ? page[reg.ID] >>> 0 : page[reg.ID] >>> 24;
  const lastLvt = (page[reg.VERSION] >> 16) & 0xff;
  return {
    id,
    base: (apicBase & APIC_BASE_ADDRESS).toString(16),
    mode,
    softwareEnabled: (page[reg.SVR] & reg.SVR_ENABLE) !== 0,
    version: page[reg.VERSION] & 0xff,
    tpr: page[reg.TPR] & 0xff,
    ppr: page[reg.PPR] & 0xff,
    ldr: page[reg.LDR] >>> 0,
    dfr: page[reg.DFR] >>> 0,
    spuriousVector: page[reg.SVR] & reg.SVR_VECTOR,
    esr: page[reg.ESR] & 0xff,
    irr: vectors(page, reg.IRR),
    isr: vectors(page, reg.ISR),
    tmr: vectors(page, reg.TMR),
    lvts: LVTS.filter(([, , last]) => lastLvt >= last).map(([name, index]) => describeLvt(name, page[index])),
    icr: describeIcr(page[reg.ICR_LOW], page[reg.ICR_HIGH], wide),
    timer: {
      initial: page[reg.INITIAL_COUNT] >>> 0,
      current: currentCount >>> 0,
      divide: divisor(page[reg.DIVIDE]),
    },
  };
}

function lapicMode(apicBase: bigint): LapicInspection['mode'] {
  if ((apicBase & APIC_BASE_ENABLE) === 0n) return 'disabled';
  return (apicBase & APIC_BASE_X2APIC) === 0n ? 'xapic' : 'x2apic';
}

function vectors(page: Int32Array, first: number): number[] {
  return Array.from({ length: 256 }, (_, vector) => vector).filter(
    (vector) => ((page[first + (vector >> 5)] >>> (vector & 31)) & 1) !== 0,
  );
}

function describeLvt(name: LvtInspection['name'], lvt: number): LvtInspection {
  // The error entry has no delivery mode: it is fixed.
  const delivery = name === 'error' ? 'fixed' : DELIVERY_MODES[(lvt >> 8) & 7];
  return {
    name,
    vector: lvt & reg.LVT_VECTOR,
    mode: name === 'timer' ? TIMER_MODES[(lvt >> 17) & 3] : delivery,
    masked: (lvt & reg.LVT_MASKED) !== 0,
    pending: (lvt & LVT_PENDING) !== 0,
  };
}

function describeIcr(low: number, high: number, wide: boolean): LapicInspection['icr'] {
  const value = (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
  const mode = (low >> 8) & 7;
  const vector = `0x${(low & 0xff).toString(16).padStart(2, '0')}`;
  const isDeassert = mode === IpiMode.INIT && (low & reg.ICR_ASSERT) === 0 && (low & reg.ICR_LEVEL_TRIGGERED) !== 0;
  const name = ipiModeName(isDeassert ? IpiMode.INIT_DEASSERT : mode);
  const withVector = mode === IpiMode.FIXED || mode === IpiMode.LOWEST_PRIORITY || mode === IpiMode.SIPI;
  const destination = wide ? high >>> 0 : high >>> 24;
  const logical = (low & reg.ICR_LOGICAL) !== 0 ? 'logical destination' : 'APIC id';
  const target = SHORTHANDS[(low >> 18) & 3] || `${logical} ${destination}`;
  return { value: value.toString(16), text: `${name}${withVector ? ` ${vector}` : ''} to ${target}` };
}

/** Divide configuration register: 2, 4, 8, 16, 32, 64, 128, 1 by bits 3, 1 and 0. */
function divisor(divide: number): number {
  return 1 << ((((divide & 3) | ((divide >> 1) & 4)) + 1) & 7);
}
