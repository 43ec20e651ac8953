// The cases of the interpreter's switch (main/accelerator/emulator/core/interpret.in.ts): each common operation once, in all
// its forms and sizes. A case ends with `continue` to go on with the next operation, or with `break` and `way` set.
const KINDS = ['ADD', 'OR', 'ADC', 'SBB', 'AND', 'SUB', 'XOR', 'CMP', 'TEST'];
const WITHOUT_FLAGS = ['ADD_NF', 'OR_NF', 'AND_NF', 'SUB_NF', 'XOR_NF'];
const SIZES = [8, 16, 32, 64];
const WIDE = [32, 64];

/** By condition code: how a comparison's operands have to stand, and how a result that was tested. */
const COMPARISONS = { 2: '<', 3: '>=', 4: '==', 5: '!=', 6: '<=', 7: '>', 12: '<', 13: '>=', 14: '<=', 15: '>' };
const TESTS = { 4: '== 0', 5: '!= 0', 8: '< 0', 9: '>= 0', 12: '< 0', 13: '>= 0', 14: '<= 0', 15: '> 0' };
const FIRST_SIGNED = 12;

const cases = [];
const add = (label, body) => cases.push({ label, text: `case ${label}: {\n${body.trim()}\n}` });
const on = (label, body) => add(label, `${body.trim()}\nu += UOP_SIZE;\ncontinue;`);
const leaving = (label, body) => add(label, `${body.trim()}\nbreak;`);
/** An operation with a memory operand at \`p\`. */
const reading = (label, bytes, body) => on(label, `const p = reading(cpu, u, ${bytes});\nif (p == 0) break;\n${body}`);
/** After a store: on, unless it has to be brought to its place first. */
const storing = (label, pointer, body) =>
  leaving(
    label,
    `${pointer}\nif (p == 0) break;\n${body}\nu += UOP_SIZE;\nif (!isScratch(cpu, p)) continue;\nway = COMMIT;`,
  );

const source = (t) => `source<${t}>(cpu, u)`;
const destination = (t) => `destination<${t}>(cpu, u)`;
const immediate = (t) => `immediateOf<${t}>(u)`;
const set = (t, value) => `setDestination<${t}>(cpu, u, ${value});`;

function arithmetic() {
  for (const bits of WIDE) {
    const t = `u${bits}`;
    for (const [form, operand] of [
      ['RR', source(t)],
      ['RI', immediate(t)],
    ]) {
      for (const kind of [...KINDS, ...WITHOUT_FLAGS]) {
        on(`OPS.A_${form}${bits} + OPS.K_${kind}`, `arithmetic<${t}>(cpu, u, OPS.K_${kind}, ${operand});`);
      }
    }
    for (const kind of KINDS) {
      reading(`OPS.A_RM${bits} + OPS.K_${kind}`, bits / 8, `arithmetic<${t}>(cpu, u, OPS.K_${kind}, load<${t}>(p));`);
    }
  }
  SIZES.forEach((bits, log2) => {
    const t = `u${bits}`;
    if (bits < 32) {
      on(`OPS.ANY_RR + ${log2}`, `arithmeticAny<${t}>(cpu, u, ${source(t)});`);
      on(`OPS.ANY_RI + ${log2}`, `arithmeticAny<${t}>(cpu, u, ${immediate(t)});`);
      reading(`OPS.ANY_RM + ${log2}`, bits / 8, `arithmeticAny<${t}>(cpu, u, load<${t}>(p));`);
    }
    for (const [form, operand] of [
      ['MR', source(t)],
      ['MI', immediate(t)],
    ]) {
      storing(
        `OPS.ANY_${form} + ${log2}`,
        `const p = modifying(cpu, u, ${bits / 8});`,
        `arithmeticAt<${t}>(cpu, u, p, ${operand});`,
      );
      reading(
        `OPS.COMPARE_${form} + ${log2}`,
        bits / 8,
        `computeAny<${t}>(cpu, load<u8>(u, U_EXTRA), load<${t}>(p), ${operand});`,
      );
    }
  });
}

function branches() {
  for (const bits of WIDE) {
    const t = `u${bits}`;
    for (const [form, operand] of [
      ['RR', source(t)],
      ['RI', immediate(t)],
    ]) {
      for (const [code, relation] of Object.entries(COMPARISONS)) {
        const as = Number(code) >= FIRST_SIGNED ? `<i${bits}>` : '';
        leaving(
          `OPS.CMPJ_${form}${bits} + ${code}`,
          `const a = ${destination(t)};
          const b = ${operand};
          flagsSub<${t}>(cpu, b, a - b);
          way = ${as}a ${relation} ${as}b ? TAKEN : FOLLOWING;`,
        );
      }
    }
    for (const [code, relation] of Object.entries(TESTS)) {
      leaving(
        `OPS.TESTJ_RR${bits} + ${code}`,
        `const r = <i${bits}>(${destination(t)} & ${source(t)});
        flagsLogic<${t}>(cpu, r);
        way = r ${relation} ? TAKEN : FOLLOWING;`,
      );
    }
  }
  for (let code = 0; code < 16; code++)
    leaving(`OPS.J + ${code}`, `way = condition(cpu, ${code}) ? TAKEN : FOLLOWING;`);
  leaving('OPS.JMP_NEAR', 'way = TAKEN;');
  leaving('OPS.NEXT', 'way = FOLLOWING;');
  on('OPS.NOTHING', '');
}

function moves() {
  SIZES.forEach((bits, log2) => {
    const t = `u${bits}`;
    on(`OPS.MOV_RR + ${log2}`, set(t, source(t)));
    on(`OPS.MOV_RI + ${log2}`, set(t, immediate(t)));
    reading(`OPS.MOV_RM + ${log2}`, bits / 8, set(t, `load<${t}>(p)`));
    for (const [form, operand] of [
      ['MR', source(t)],
      ['MI', immediate(t)],
    ]) {
      storing(`OPS.MOV_${form} + ${log2}`, `const p = writing(cpu, u, ${bits / 8});`, `store<${t}>(p, ${operand});`);
    }
  });
  for (const from of [8, 16]) {
    on(`OPS.MOVZX_RR${from}`, set('u64', source(`u${from}`)));
    reading(`OPS.MOVZX_RM${from}`, from / 8, set('u64', `load<u${from}>(p)`));
  }
  for (const [from, to] of [
    [8, 32],
    [16, 32],
    [8, 64],
    [16, 64],
    [32, 64],
  ]) {
    on(`OPS.MOVSX_RR${from}_${to}`, set(`u${to}`, source(`i${from}`)));
    reading(`OPS.MOVSX_RM${from}_${to}`, from / 8, set(`u${to}`, `load<i${from}>(p)`));
  }
  on('OPS.LEA32', set('u32', '<u32>operandOffset(cpu, u)'));
  on('OPS.LEA64', set('u64', 'operandOffset(cpu, u)'));
}

function singles() {
  WIDE.forEach((bits, pair) => {
    const t = `u${bits}`;
    const step = (sign) => `const result = <${t}>(${destination(t)} ${sign} 1);`;
    on(`OPS.INC_R + ${pair}`, `${step('+')}\nflagsInc<${t}>(cpu, result);\n${set(t, 'result')}`);
    on(`OPS.DEC_R + ${pair}`, `${step('-')}\nflagsDec<${t}>(cpu, result);\n${set(t, 'result')}`);
    leaving(
      `OPS.DECJNZ_R + ${pair}`,
      `${step('-')}\nflagsDec<${t}>(cpu, result);\n${set(t, 'result')}\nway = result != 0 ? TAKEN : FOLLOWING;`,
    );
    on(`OPS.INC_R_NF + ${pair}`, set(t, `${destination(t)} + 1`));
    on(`OPS.DEC_R_NF + ${pair}`, set(t, `${destination(t)} - 1`));
    on(`OPS.NOT_R + ${pair}`, set(t, `~${destination(t)}`));
    on(`OPS.ROL_RI_NF + ${pair}`, set(t, `rotl<${t}>(${destination(t)}, ${immediate(t)})`));
    on(`OPS.ROR_RI_NF + ${pair}`, set(t, `rotr<${t}>(${destination(t)}, ${immediate(t)})`));
    on(`OPS.IMUL_RR + ${pair}`, set(t, `<${t}>multiplySigned(cpu, ${destination(t)}, ${source(t)}, ${bits / 8})`));
    shifts(bits, pair);
  });
}

/** By a count from 1 to the operand's bits less 1: the last bit shifted out is CF, and OF whether the sign has changed. */
function shifts(bits, pair) {
  const t = `u${bits}`;
  const top = bits - 1;
  const shift = (name, type, operator, flags) => {
    const operands = `const a = ${destination(type)};\nconst count = ${immediate(type)};`;
    const result = `const result = <${t}>(a ${operator} count);`;
    on(`OPS.${name}_RI_NF + ${pair}`, `${operands}\n${set(t, `<${t}>(a ${operator} count)`)}`);
    on(
      `OPS.${name}_RI + ${pair}`,
      `${operands}\n${result}\nflagsExplicit<${t}>(cpu, result, ${flags});\n${set(t, 'result')}`,
    );
  };
  const out = `<u64>((a >> (count - 1)) & 1)`;
  const outLeft = `((a >> (${bits} - count)) & 1)`;
  shift('SHL', t, '<<', `<u64>${outLeft} | (<u64>(${outLeft} ^ (result >> ${top})) << 11)`);
  shift('SHR', t, '>>', `${out} | (<u64>((result ^ (result << 1)) >> ${top}) << 11)`);
  shift('SAR', `i${bits}`, '>>', out);
}

function stack() {
  WIDE.forEach((bits, pair) => {
    const t = `u${bits}`;
    const bytes = bits / 8;
    const below = `const sp = <u64>(load<${t}>(cpu, RSP) - ${bytes});\nconst p = writePointer(cpu, sp, ${bytes});`;
    const moved = 'store<u64>(cpu, sp, RSP);';
    const top = `const sp = <u64>load<${t}>(cpu, RSP);\nconst p = readPointer(cpu, sp, ${bytes});\nif (p == 0) break;`;
    // A target that is no address is the branch's own fault.
    const checked = bits === 64 ? 'if (!isCanonical(cpu, target)) {\nraise(cpu, GP, 0);\nbreak;\n}' : '';
    const returnAddress = `store<${t}>(p, <${t}>(rip + load<u16>(u, U_NEXT)));\n${moved}`;
    storing(`OPS.PUSH_R + ${pair}`, below, `store<${t}>(p, ${source(t)});\n${moved}`);
    storing(`OPS.PUSH_I + ${pair}`, below, `store<${t}>(p, ${immediate(t)});\n${moved}`);
    on(
      `OPS.POP_R + ${pair}`,
      `${top}
      const value = load<${t}>(p);
      store<u64>(cpu, <u64>(<${t}>(sp + ${bytes})), RSP);
      ${set(t, 'value')}`,
    );
    leaving(
      `OPS.CALL_NEAR + ${pair}`,
      `${below}
      if (p == 0) break;
      ${returnAddress}
      way = TAKEN;
      if (!isScratch(cpu, p)) break;
      target = (rip + <u64>load<i32>(u, U_IMMEDIATE2)) & load<u64>(block, B_MASK);
      commitWrite(cpu);
      way = AWAY;`,
    );
    leaving(
      `OPS.CALL_R + ${pair}`,
      `${below}
      if (p == 0) break;
      target = <u64>${source(t)};
      ${checked}
      ${returnAddress}
      way = INDIRECT;
      if (!isScratch(cpu, p)) break;
      commitWrite(cpu);
      way = AWAY;`,
    );
    leaving(
      `OPS.RET_NEAR + ${pair}`,
      `${top}
      target = <u64>load<${t}>(p);
      ${checked}
      store<u64>(cpu, <u64>(<${t}>(sp + ${bytes} + load<u16>(u, U_IMMEDIATE))), RSP);
      way = INDIRECT;`,
    );
    leaving(`OPS.JMP_R + ${pair}`, `target = <u64>${source(t)};\n${checked}\nway = INDIRECT;`);
  });
}

/** Stores may hit code; a fault finds its RIP in the operation. */
function floatingPoint() {
  for (const [label, run] of [
    ['OPS.X87', 'x87(cpu, u)'],
    ['OPS.FWAIT', 'fwait(cpu)'],
  ])
    leaving(
      label,
      `store<u64>(cpu, rip + load<u16>(u, U_NEXT) - load<u8>(u, U_LENGTH), RIP);
      if (!${run}) break;
      u += UOP_SIZE;
      if (load<u8>(cpu, CODE_CHANGED) == 0) continue;
      way = CHECK;`,
    );
}

/** The number that a case's label comes to, in terms of core/ops.ts. */
function numberOf(label, ops) {
  return label
    .split(' + ')
    .reduce((sum, term) => sum + (term.startsWith('OPS.') ? ops[term.slice(4)] : Number(term)), 0);
}

/** In the order of their numbers, which lets the compiler make one jump table of them. */
export function interpreterCases(ops) {
  cases.length = 0;
  arithmetic();
  moves();
  singles();
  stack();
  branches();
  floatingPoint();
  const ordered = cases.map(({ label, text }) => ({ number: numberOf(label, ops), text }));
  return ordered
    .sort((a, b) => a.number - b.number)
    .map(({ text }) => text)
    .join('\n');
}
