import { expect, test } from 'vitest';
import type { Bridge } from '../../preload/contract/channels';
import { SerialFeed } from './serial-feed';

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

/** An app whose port has said `said`, of which all before `kept` is gone. */
function port(said: string, kept = 0, most = Infinity) {
  const app = { said, kept, reads: 0, acknowledged: 0 };
  const bridge = {
    call: async (_: string, { from }: { from: number }) => {
      app.reads++;
      const offset = Math.max(from, app.kept);
      const bytes = bytesOf(app.said.slice(offset, offset + most));
      return { offset, total: app.said.length, bytes };
    },
    acknowledge: ({ position }: { position: number }) => (app.acknowledged = position),
  } as unknown as Bridge;
  return { app, feed: new SerialFeed(bridge, { machine: 'm', run: 1, port: 0 }) };
}

test('a console gets what there was, then what comes', async () => {
  const { app, feed } = port('before ');
  let shown = '';
  feed.attach(({ bytes }, done) => {
    shown += new TextDecoder().decode(bytes);
    done();
  });
  await settled();
  feed.receive(7, bytesOf('after'));
  expect(shown).toBe('before after');
  expect(app.acknowledged).toBe(12);
});

test('what is gone is told as a count, once', async () => {
  const { feed } = port('0123456789', 4);
  const pieces: number[] = [];
  feed.attach(({ skipped }, done) => {
    pieces.push(skipped);
    done();
  });
  await settled();
  feed.receive(10, bytesOf('x'));
  expect(pieces).toEqual([4, 0]);
});

test('no more is fetched than the console has dealt with', async () => {
  const { app, feed } = port('0123456789', 0, 2);
  const waiting: (() => void)[] = [];
  feed.attach((_, done) => waiting.push(done));
  await settled();
  expect([app.reads, waiting.length]).toEqual([1, 1]);
  waiting.pop()?.();
  await settled();
  expect([app.reads, app.acknowledged]).toEqual([2, 2]);
});

test('a console that goes while it is busy leaves the port to the next one', async () => {
  const { feed } = port('hello');
  const detach = feed.attach(() => {});
  await settled();
  detach();
  await settled();
  let shown = '';
  feed.attach(({ bytes }, done) => {
    shown += new TextDecoder().decode(bytes);
    done();
  });
  await settled();
  await settled();
  expect(shown).toBe('hello');
});

test('a frame that begins later than the console is makes it fetch what is between', async () => {
  const { app, feed } = port('');
  let shown = '';
  feed.attach(({ bytes }, done) => {
    shown += new TextDecoder().decode(bytes);
    done();
  });
  await settled();
  app.said = 'abcdef';
  feed.receive(6, new Uint8Array());
  await settled();
  expect(shown).toBe('abcdef');
});
