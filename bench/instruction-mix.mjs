/**
 * What the CPUs of an emulated machine are at, by samples: the machine pauses again and again, which does not change its run, and each
 * CPU that executes is asked for its next instructions. A CPU stands there at the end of a turn of random length, mostly between
 * two basic blocks, so that each instruction up to the next branch counts as one part of the sample.
 */
import { setTimeout as sleep } from 'node:timers/promises';

const SAMPLE_MS = 10;
const BRANCH = /^(j|call|ret|iret|sysret|syscall|loop|hlt|int)/;

/** With the prefixes that count, and whether it reaches memory: "mov", "mov []", "rep movsb". */
function kindOf(text) {
  const [, name] = /^((?:(?:lock|rep|repe|repne) )*\S+)/.exec(text);
  return text.includes('[') && !/lea|nop|^rep/.test(name) ? `${name} []` : name;
}

function blockOf(code) {
  const end = code.findIndex(({ text }) => BRANCH.test(text));
  return end < 0 ? code : code.slice(0, end + 1);
}

/** Until `done()`; gives the number of samples, and how much of them is each instruction's and each function's. */
export async function instructionMix(machine, done) {
  const instructions = new Map();
  const functions = new Map();
  const count = (map, key, part) => map.set(key, (map.get(key) ?? 0) + part);
  let samples = 0;
  await machine.message('started');
  while (!done()) {
    await sleep(SAMPLE_MS);
    await machine.request('pause', null);
    for (let cpu = 0; cpu < machine.config.cpus; cpu++) {
      const { state, code } = await machine.inspect(cpu);
      if (state !== 'RUNNABLE' || code.length === 0) continue;
      samples++;
      const block = blockOf(code);
      for (const { text } of block) count(instructions, kindOf(text), 1 / block.length);
      count(functions, code[0].symbol?.replace(/\+0x.*/, '') ?? '(no symbol: the decompressor, userspace)', 1);
    }
    await machine.request('resume', null);
  }
  return { samples, instructions, functions };
}
