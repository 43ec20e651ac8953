/** What policies add to whole machines, each beside the same machine without them. */
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const reveille = fileURLToPath(new URL('../../out/reveille.js', import.meta.url));
const APS = 63;
/** A guest's exit code 0x10, as the process gives it. */
const GUEST_SUCCEEDED = 0;
/** Ten that came with Reveille, one that configures the machine among them. */
const TEN =
  'other-bsp drop-sipi first-sipi-lost slow-ap shuffle all-at-once absent-ap staggered spurious-sipi starve'.split(' ');

const work = mkdtempSync(join(tmpdir(), 'reveille-bench-'));
process.on('exit', () => rmSync(work, { recursive: true, force: true }));
const data = join(work, 'data');
const env = { ...process.env, XDG_DATA_HOME: data };

function start(args) {
  return spawn(process.execPath, [reveille, 'run', ...args], { env, stdio: ['ignore', 'pipe', 'ignore'] });
}

async function stop(child) {
  const gone = new Promise((resolve) => child.once('close', resolve));
  child.kill();
  await gone;
}

/** From the command to the guest's first word, in ms. */
async function firstWord(...args) {
  const begin = performance.now();
  const child = start(['roll-call', '--cpus', '4', ...args]);
  await new Promise((resolve, reject) => {
    child.stdout.once('data', resolve);
    child.once('close', (status) => reject(new Error(`the run said nothing, and ended with ${status}`)));
  });
  const time = performance.now() - begin;
  await stop(child);
  return time;
}

/** Ten plugins, compiled before as they are from the second run on, and to be compiled. */
export async function measureStart(note, accelerator) {
  const where = `ms from the command to a guest's first word, ${accelerator}`;
  const policies = TEN.flatMap((name) => ['--policy', name]);
  const machine = ['--accel', accelerator];
  const without = await firstWord(...machine);
  rmSync(data, { recursive: true, force: true });
  const anew = await firstWord(...machine, ...policies);
  const ten = await firstWord(...machine, ...policies);
  note(`${where}, no plugin`, without);
  note(`${where}, ten plugins`, ten);
  note(`${where}, ten plugins for the first time`, anew);
  note(`${where}: added by ten plugins (asked: less than 150)`, ten - without);
  note(`${where}: added for the first time`, anew - without);
}

/** A plugin of one policy, `mine`. */
function plugin(source) {
  const folder = join(work, 'mine');
  mkdirSync(folder, { recursive: true });
  const policy = { name: 'mine', title: 'Mine', description: 'Of this measurement.', needs: 'gated' };
  const manifest = { name: 'mine', version: '1.0.0', apiVersion: 1, description: 'Of this measurement.' };
  writeFileSync(
    join(folder, 'reveille-plugin.json'),
    JSON.stringify({ ...manifest, permissions: ['start-up'], policies: [policy] }),
  );
  writeFileSync(join(folder, 'index.ts'), source);
  return folder;
}

const DELIVERS = 'export const policies = { mine: { start: () => ({ init() {}, sipi() {} }) } };';

/** `onEvent` hears of each line of the event stream while the machine runs. */
async function events(args, onEvent) {
  const child = start([...args, '--events', '-']);
  const all = [];
  let rest = '';
  child.stdout.on('data', (chunk) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop();
    for (const line of lines) {
      const event = JSON.parse(line);
      all.push(event);
      onEvent(event, child);
    }
  });
  const status = await new Promise((resolve) => child.on('close', resolve));
  return { all, status };
}

/** Starts of one machine: the first is of APs that were never started, the others are of APs that have halted. */
const STARTS = 5;
let image = null;

/** From the BSP's last exit before its INIT to the first instruction of the last AP, in us, for each start of one machine, whose threads are all there. */
async function wakeAll(...args) {
  const guests = fileURLToPath(new URL('../guests/', import.meta.url));
  if (image === null) {
    image = join(work, 'wake-rounds.bin');
    const defines = [`-DAPS=${APS}`, `-DROUNDS=${STARTS}`];
    execFileSync('nasm', ['-f', 'bin', ...defines, 'wake-rounds.asm', '-o', image], { cwd: guests });
  }
  const socket = join(work, 'com1');
  let client = null;
  const starts = [];
  const { status } = await events(
    [image, '--accel', 'kvm', '--cpus', `${APS + 1}`, '--serial1', `unix:${socket}`, ...args],
    ({ kind, change, cpu, t }) => {
      if (kind === 'machine' && change === 'threads-ready') client = connect(socket, () => client.write('g'));
      if (kind !== 'post') return;
      if (cpu === 0) starts.push({ began: t, arrivals: [] });
      else starts.at(-1).arrivals.push(t);
    },
  );
  client?.destroy();
  const came = starts.map(({ arrivals }) => arrivals.length);
  if (status !== 0 || came.length !== STARTS || came.some((count) => count !== APS)) {
    throw new Error(`status ${status}, and of ${APS} APs came ${came.join(', ')}`);
  }
  return starts.map(({ began, arrivals }) => (Math.max(...arrivals) - began) / 1000);
}

/** From the first INIT to the first instruction of the last AP, in ms: a guest starts them as kernels do, beside the making of their threads. */
async function startAps(guest, ...args) {
  const { all, status } = await events([guest, '--accel', 'kvm', '--cpus', `${APS + 1}`, ...args], () => {});
  const init = all.find(({ kind, mode }) => kind === 'ipi' && mode === 'init');
  const begun = new Map();
  for (const { kind, to, cpu, t } of all) {
    if (kind === 'mp-state' && to === 'RUNNABLE' && cpu !== 0 && !begun.has(cpu)) begun.set(cpu, t);
  }
  if (status !== GUEST_SUCCEEDED || begun.size !== APS)
    throw new Error(`${guest}: status ${status}, ${begun.size} APs`);
  return (Math.max(...begun.values()) - init.t) / 1e6;
}

const SIDES = ['no policy', 'a policy that delivers everything'];
let pairs = 0;

/** What `measure` gives without and with a policy, in turns the one and the other first. */
async function withAndWithout(measure) {
  const folder = plugin(DELIVERS);
  const sides = [[], ['--policy', folder]].map((args, index) => ({ args, index }));
  if (pairs++ % 2 === 1) sides.reverse();
  const values = [];
  for (const { args, index } of sides) values[index] = await measure(...args);
  return values;
}

/** One by one, and all at once, each with the delays that Intel asks for. */
export async function measureAps(_note, pair) {
  for (const guest of ['roll-call', 'herd']) {
    const [without, delivered] = await withAndWithout((...args) => startAps(guest, ...args));
    const what = `ms from the first INIT to the last of ${APS} APs, kvm, ${guest}`;
    pair(what, ' (asked: at most 1.1)', [SIDES[0], without], [SIDES[1], delivered]);
  }
}

/** The policy's share where there is least beside it: threads are there and asleep, and the SIPI comes right after the INIT. */
export async function measureWake(_note, pair) {
  const [without, delivered] = await withAndWithout(wakeAll);
  without.forEach((time, index) => {
    const what = `us from INIT to the last of ${APS} APs, kvm, without delays, ${index === 0 ? 'first start' : 'later starts'}`;
    pair(what, '', [SIDES[0], time], [SIDES[1], delivered[index]]);
  });
}

/** From the save of a file to the first thing that the new policy does, as the command line tells of it. */
export async function measureReload(note, accelerator) {
  const marks = (word) => `export const policies = { mine: { start(machine) {
    machine.mark('${word}');
    return { sipi: () => ({ do: 'drop', reason: '${word}' }) };
  } } };`;
  const folder = plugin(marks('old'));
  let saved = 0;
  let time = NaN;
  await events(
    ['heartbeat', '--accel', accelerator, ...(accelerator === 'wasm' ? ['--realtime'] : []), '--policy', folder],
    ({ kind, act, text }, child) => {
      if (kind !== 'policy' || act !== 'mark') return;
      if (text === 'old') {
        // The command line has to look at the folder first, which is no part of a save.
        setTimeout(() => {
          saved = performance.now();
          writeFileSync(join(folder, 'index.ts'), marks('new'));
        }, 1500);
        return;
      }
      time = performance.now() - saved;
      child.kill();
    },
  );
  note(`ms from a save to the first mark of the new policy, ${accelerator} (asked: less than 200)`, time);
}
