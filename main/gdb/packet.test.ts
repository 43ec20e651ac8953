import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseCommand } from './commands';
import { encodePacket, fromHex, type Incoming, PACKET_BYTES, PacketReader, toHex } from './packet';

const read = (...pieces: Uint8Array[]): Incoming[] => {
  const reader = new PacketReader();
  return pieces.flatMap((piece) => reader.push(piece));
};
const bytes = (text: string) => Buffer.from(text, 'latin1');

describe('packets', () => {
  test('any text comes back, however the stream is cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 40 })),
        fc.infiniteStream(fc.integer({ min: 1, max: 9 })),
        (texts, cuts) => {
          const stream = Buffer.concat(texts.map((text) => encodePacket(Buffer.from(text).toString('latin1'))));
          const pieces: Uint8Array[] = [];
          for (let at = 0; at < stream.length;) {
            const size = cuts.next().value as number;
            pieces.push(stream.subarray(at, at + size));
            at += size;
          }
          expect(read(...pieces)).toEqual(
            texts.map((text) => ({ kind: 'packet', data: Buffer.from(text).toString('latin1') })),
          );
        },
      ),
    );
  });

  test('a wrong checksum, one that is no number, and what is too long are damaged', () => {
    expect(read(bytes('$g#68'))).toEqual([{ kind: 'damaged' }]);
    expect(read(bytes('$g#6x'))).toEqual([{ kind: 'damaged' }]);
    expect(read(bytes('$}#7d'))).toEqual([{ kind: 'damaged' }]);
    expect(read(encodePacket('x'.repeat(PACKET_BYTES + 1)))).toEqual([{ kind: 'damaged' }]);
    expect(read(encodePacket('x'.repeat(PACKET_BYTES)))).toMatchObject([{ kind: 'packet' }]);
  });

  test('one that begins anew, acknowledgements and interrupts between packets', () => {
    expect(read(bytes('+-\u0003noise$lost$g#67'))).toEqual([
      { kind: 'ack' },
      { kind: 'nak' },
      { kind: 'interrupt' },
      { kind: 'packet', data: 'g' },
    ]);
  });

  test('no stream of bytes breaks the reader, and it goes on behind it', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
        expect(read(noise, bytes('#00#00'), encodePacket('?')).at(-1)).toEqual({ kind: 'packet', data: '?' });
      }),
    );
  });

  test('hexadecimal digits come in pairs', () => {
    expect(fromHex('0a')).toEqual(Uint8Array.of(10));
    for (const text of ['0', '0g', ' 00', '0x']) expect(fromHex(text)).toBeNull();
    fc.assert(fc.property(fc.uint8Array(), (any) => void expect(fromHex(toHex(any))).toEqual(any)));
  });
});

describe('commands', () => {
  test.each([
    ['m1000,4', { name: 'read-memory', address: 0x1000n, length: 4 }],
    ['M10,2:beef', { name: 'write-memory', address: 16n, length: 2, bytes: Uint8Array.of(0xbe, 0xef) }],
    ['X10,2:$#', { name: 'write-memory', address: 16n, length: 2, bytes: Uint8Array.of(0x24, 0x23) }],
    ['P10=0100', { name: 'write-register', register: 16, bytes: Uint8Array.of(1, 0) }],
    ['Z3,ffffffff81000000,8', { name: 'insert', kind: 'read', address: 0xffffffff81000000n, length: 8 }],
    ['z0,1000,1', { name: 'remove', kind: 'software', address: 0x1000n, length: 1 }],
    [
      'vCont;s:2;c',
      {
        name: 'resume',
        actions: [
          { kind: 'step', thread: 2 },
          { kind: 'continue', thread: -1 },
        ],
        address: null,
      },
    ],
    ['vCont;C0b:p1.3', { name: 'resume', actions: [{ kind: 'continue', thread: 3 }], address: null }],
    ['c1000', { name: 'resume', actions: [{ kind: 'continue', thread: 0 }], address: 0x1000n }],
    ['S05', { name: 'resume', actions: [{ kind: 'step', thread: 0 }], address: null }],
    ['Hg-1', { name: 'set-thread', thread: -1 }],
    ['qRcmd,68656c70', { name: 'monitor', text: 'help' }],
    [
      'qXfer:features:read:target.xml:0,ffb',
      { name: 'read-object', object: 'features', annex: 'target.xml', offset: 0, length: 0xffb },
    ],
    ['D;1', { name: 'detach' }],
  ])('%s', (data, command) => {
    expect(parseCommand(data)).toEqual(command);
  });

  test.each([
    'm1000',
    'mx,4',
    'm0,100000',
    'M0,2:00',
    'M0,1:0',
    'P1',
    'p',
    'Z0,0,0',
    'Z2,0,1001',
    'vCont;',
    'vCont;q',
    'T',
    'Hg',
    'qRcmd,6',
    'C5',
  ])('%s makes no sense', (data) => {
    expect(parseCommand(data)).toEqual({ name: 'malformed' });
  });

  test.each([
    '',
    '!',
    'vMustReplyEmpty',
    'qTStatus',
    'Z9,0,1',
    'Z0,0,1;X1,00',
    'vFile:open:2f,0,0',
    'valueOf',
    '__proto__',
    'r',
  ])('%s is not known here', (data) => {
    expect(parseCommand(data)).toEqual({ name: 'unknown' });
  });

  test('whatever comes, numbers stay within their bounds', () => {
    const letters = fc.constantFrom(...'gGpPmMXcsCSZzHTDkqQv?:;,=0123456789abcdefx-'.split(''));
    const wild = fc.oneof(
      fc.string({ unit: 'binary-ascii', maxLength: 60 }),
      fc.array(letters, { maxLength: 40 }).map((all) => all.join('')),
    );
    fc.assert(
      fc.property(wild, (data) => {
        const command = parseCommand(data);
        if ('address' in command && 'length' in command) {
          expect(command.address).toBeLessThan(2n ** 64n);
          expect(command.length).toBeLessThanOrEqual(PACKET_BYTES);
        }
        if ('thread' in command) expect(command.thread).toBeGreaterThanOrEqual(-1);
      }),
      { numRuns: 2000 },
    );
  });
});
