import { describe, expect, it } from 'vitest';
import { Core } from '../../bench/bare-core.mjs';
import { X87Comparer } from './x87/compare';
import { X87_FORMS } from './x87/forms';
import { LONG } from '../support/needs';

/** REVEILLE_LONG=1 takes two million. */
const CASES = LONG ? 2_000_000 : 60_000;
const SEED = 1;
const PATIENCE = 600_000;

/** What a core without an interrupt table leaves with after a fault; after HLT. */
const SHUTDOWN = 8;
const HLT = 5;
const ADDRESS = 0x1_0000;

/** Encodings that are #UD (SDM vol. 2D, "Escape Opcodes"): bytes after D8 to DF, a memory operand at [rsi] among them. */
const RESERVED = new Set([
  ...ranges('d9', [0x0e, 0x0e], [0xd1, 0xd7], [0xe2, 0xe3], [0xe6, 0xe7], [0xef, 0xef]),
  ...ranges('da', [0xe0, 0xe8], [0xea, 0xff]),
  ...ranges('db', [0x26, 0x26], [0x36, 0x36], [0xe5, 0xe7], [0xf8, 0xff]),
  ...ranges('dd', [0x2e, 0x2e], [0xf0, 0xff]),
  ...ranges('de', [0xd8, 0xd8], [0xda, 0xdf]),
  ...ranges('df', [0xe1, 0xe7], [0xf8, 0xff]),
]);

function ranges(opcode: string, ...all: [number, number][]): string[] {
  return all.flatMap(([first, last]) =>
    Array.from({ length: last - first + 1 }, (_, n) => opcode + (first + n).toString(16).padStart(2, '0')),
  );
}

describe("the emulator's x87 instructions", () => {
  it(`do what those of the host's processor do, in ${CASES} generated cases`, { timeout: PATIENCE }, (context) => {
    if (process.arch !== 'x64' || process.platform !== 'linux') context.skip('the host is no x86-64 Linux');
    const result = new X87Comparer().compare(SEED, CASES);
    expect(result.differences.slice(0, 10).join('\n')).toBe('');
    expect([...new Set(X87_FORMS.map(({ name }) => name))].filter((name) => !result.forms.has(name))).toEqual([]);
    expect(result.pending).toBeGreaterThan(CASES / 20);
    // Transcendental results: the emulator's are correctly rounded, the host's in nearly all cases.
    expect(result.approximate).toBeLessThan(CASES / 1000);
  });

  it('are #UD where the map of opcodes is empty, and nowhere else', () => {
    const core = new Core();
    const undefinedOnes: string[] = [];
    for (let opcode = 0xd8; opcode <= 0xdf; opcode++) {
      const forms = Array.from({ length: 72 }, (_, n) => (n < 8 ? (n << 3) | 6 : 0xb8 + n));
      for (const modrm of forms) {
        // fninit; the instruction, which no exception of before keeps from its #UD; hlt
        core.x.reset(core.cpu);
        core.x.clearBlocks(core.cpu);
        core.flat(64, Uint8Array.of(0xdb, 0xe3, opcode, modrm, 0xf4), ADDRESS);
        core.setReg('rsi', 2 * ADDRESS);
        core.setField('IDTR_LIMIT', 0);
        const reason = core.run(100, 100);
        expect([SHUTDOWN, HLT]).toContain(reason);
        if (reason === SHUTDOWN) undefinedOnes.push(opcode.toString(16) + modrm.toString(16).padStart(2, '0'));
      }
    }
    expect(new Set(undefinedOnes)).toEqual(RESERVED);
  });
});
