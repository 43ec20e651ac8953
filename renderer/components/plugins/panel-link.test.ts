import { expect, test } from 'vitest';
import { PanelLink, parseFromPanel } from './panel-link';

const cyclic: Record<string, unknown> = { type: 'command', id: 1, command: 'x' };
cyclic['self'] = cyclic;

test.each([
  null,
  7,
  'command',
  [],
  { type: 'told', id: 1, command: 'x' },
  { type: 'command', id: '1', command: 'x' },
  { type: 'command', id: 1.5, command: 'x' },
  { type: 'command', id: 1, command: { toString: 1 } },
  { type: 'command', id: 1, command: 'x', args: [] },
  { type: 'command', id: 1, command: 'x', args: null },
  { type: 'command', id: 1, command: 'x'.repeat(5000) },
  { type: 'command', id: 1n, command: 'x' },
  cyclic,
])('is no message of a panel: %#', (data) => {
  expect(parseFromPanel(data)).toBeNull();
});

test('a panel cannot say which machine or policy: what it says beside its command is left out', () => {
  const forged = { type: 'command', id: 1, command: 'release', args: { cpu: 1 }, machine: 'other', author: 2 };
  expect(parseFromPanel(forged)).toEqual({ type: 'command', id: 1, command: 'release', args: { cpu: 1 } });
});

test('a command is answered, a refusal too, and a flood is cut off', async () => {
  const { port1, port2 } = new MessageChannel();
  let asked = 0;
  const link = new PanelLink(port1, (command) => {
    asked++;
    return command === 'no' ? Promise.reject(new Error('There is no command no.')) : Promise.resolve('done');
  });
  const answers: unknown[] = [];
  const two = new Promise<void>((resolve) => {
    port2.addEventListener('message', ({ data }) => {
      answers.push(data);
      if (answers.length === 2) resolve();
    });
    port2.start();
  });
  port2.postMessage({ type: 'command', id: 1, command: 'yes' });
  port2.postMessage({ type: 'command', id: 2, command: 'no' });
  for (let n = 0; n < 1000; n++) port2.postMessage({ type: 'command', id: n, command: 'yes' });
  await two;
  expect(answers.slice(0, 2)).toEqual([
    { type: 'answer', id: 1, text: 'done' },
    { type: 'answer', id: 2, error: 'There is no command no.' },
  ]);
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(asked).toBeLessThanOrEqual(40);
  link.close();
});
