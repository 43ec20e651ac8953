/** `reveille plugin test`. */
import { resolve } from 'node:path';
import { startMachineProcess } from '../../../app/forked-machine';
import { probeHost } from '../../../app/host';
import { type PolicyTestResult, runPolicyTests } from '../../../app/policy-tests';
import { Status } from '../outcome';
import { onePositional, parseStrictly } from '../run-options';
import { Colour, coloured, plain } from '../words';
import type { PluginContext } from './context';

const FLAG = { type: 'boolean' } as const;

export async function testCommand(args: string[], { installation, store }: PluginContext): Promise<number> {
  const { values, positionals } = parseStrictly(args, { json: FLAG });
  const folder = resolve(onePositional('reveille plugin test', "the path of a plugin's folder", positionals));
  const { guests, machineProcess } = installation;
  const places = { guests, store, host: await probeHost(), startProcess: () => startMachineProcess(machineProcess) };
  const results = await runPolicyTests(folder, places, (result) => {
    if (values.json !== true) process.stdout.write(resultLines(result));
  });
  const failed = results.filter(({ problem }) => problem !== null).length;
  if (values.json === true) process.stdout.write(`${JSON.stringify({ tests: results, failed })}\n`);
  else process.stdout.write(`\n${total(results.length, failed)}\n`);
  return failed === 0 ? Status.SUCCESS : Status.CHECK_FAILED;
}

function resultLines({ name, problem, durationMs }: PolicyTestResult): string {
  const paint = process.stdout.isTTY && !process.env.NO_COLOR ? coloured : plain;
  const mark = problem === null ? paint(Colour.GREEN, '✓') : paint(Colour.RED, '✗');
  const words = problem === null ? '' : `${problem.replace(/^/gm, '    ')}\n`;
  return `${mark} ${name} (${durationMs.toFixed(0)} ms)\n${words}`;
}

function total(count: number, failed: number): string {
  if (count === 0) return 'There is no test.';
  const tests = count === 1 ? '1 test' : `${count} tests`;
  return failed === 0 ? `${tests} passed.` : `${failed} of ${tests} failed.`;
}
