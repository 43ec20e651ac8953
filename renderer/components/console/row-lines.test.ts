// @vitest-environment happy-dom
import { Terminal } from '@xterm/xterm';
import { expect, test } from 'vitest';
import { RowLines } from './row-lines';

function terminalOf(cols = 20, scrollback = 50) {
  const terminal = new Terminal({ cols, rows: 5, scrollback, allowProposedApi: true });
  const lines = new RowLines(terminal);
  const say = (text: string, end: number): Promise<void> =>
    new Promise((resolve) => {
      terminal.write(text, () => {
        lines.note(text.match(/\n/g)?.map(() => end) ?? []);
        resolve();
      });
    });
  /** Rows with the ends of their lines, up to the cursor's. */
  const rows = (): [string, number][] => {
    const { active } = terminal.buffer;
    return Array.from({ length: active.baseY + active.cursorY + 1 }, (_, y) => [
      active.getLine(y)?.translateToString(true) ?? '',
      lines.at(y),
    ]);
  };
  return { terminal, lines, say, rows };
}

test('a row has the end of its line, once it has come', async () => {
  const { say, rows } = terminalOf();
  await say('one\r\ntw', 1);
  await say('o\r\nthree\r\n', 2);
  expect(rows()).toEqual([
    ['one', 1],
    ['two', 2],
    ['three', 2],
    ['', Number.NaN],
  ]);
});

test('rows keep their lines when the oldest are pushed out', async () => {
  const { say, rows } = terminalOf(20, 5);
  for (let i = 0; i < 40; i++) await say(`line ${i}\r\n`, i);
  const shown = rows().slice(0, -1);
  expect(shown).toHaveLength(9);
  for (const [text, time] of shown) expect(text).toBe(`line ${time}`);
});

test('a piece that pushes out everything is what all rows have come from', async () => {
  const { say, rows } = terminalOf(20, 5);
  await say('before\r\n', 1);
  await say('flood\r\n'.repeat(100), 2);
  await say('after\r\n', 3);
  expect(rows().slice(-3)).toEqual([
    ['flood', 2],
    ['after', 3],
    ['', Number.NaN],
  ]);
});

test('lines keep their ends when the width wraps them anew', async () => {
  const { terminal, lines, say, rows } = terminalOf(20);
  await say('short\r\n', 1);
  await say('a line of twenty-six lette\r\n', 2);
  await say('end\r\n', 3);
  lines.rewrap(() => terminal.resize(10, 5));
  expect(rows().filter(([, time]) => time === 2)).toHaveLength(3);
  lines.rewrap(() => terminal.resize(40, 5));
  expect(rows()).toEqual([
    ['short', 1],
    ['a line of twenty-six lette', 2],
    ['end', 3],
    ['', Number.NaN],
  ]);
  await say('more\r\n', 4);
  expect(rows()[3]).toEqual(['more', 4]);
});

test('what is cleared away does not shift what comes', async () => {
  const { terminal, lines, say, rows } = terminalOf();
  await say('one\r\ntwo\r\n', 1);
  await say('prompt', 2);
  lines.clear(() => terminal.clear());
  await say('\r\nanswer\r\n', 3);
  expect(rows()).toEqual([
    ['prompt', 3],
    ['answer', 3],
    ['', Number.NaN],
  ]);
});
