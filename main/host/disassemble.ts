/** x86 machine code in words (Intel syntax). The disassembler is loaded when it is first needed. */
import type { CodeLine } from '../../preload/contract/inspection';
import type { UnimplementedInstruction } from '../../preload/contract/machine';
import type { Machine } from '../machine/machine';

/** At most `count` instructions; ends before one of which not all bytes are there. */
export async function disassemble(
  bytes: Uint8Array,
  address: bigint,
  bits: 16 | 32 | 64,
  count: number,
  nameOf: (address: bigint) => string | null,
): Promise<CodeLine[]> {
  const { Decoder, DecoderError, DecoderOptions, Formatter, FormatterSyntax } = await import('iced-x86');
  const decoder = new Decoder(bits, bytes, DecoderOptions.None);
  decoder.ip = address;
  const formatter = new Formatter(FormatterSyntax.Intel);
  const lines: CodeLine[] = [];
  while (lines.length < count && decoder.canDecode) {
    const start = decoder.position;
    const instruction = decoder.decode();
    const complete = decoder.lastError !== DecoderError.NoMoreBytes;
    if (complete) {
      lines.push({
        address: instruction.ip.toString(16),
        bytes: Buffer.from(bytes.subarray(start, decoder.position)).toString('hex'),
        text: formatter.format(instruction),
        symbol: labelOf(nameOf(instruction.ip), lines.length === 0),
        target: instruction.nearBranchTarget === 0n ? null : nameOf(instruction.nearBranchTarget),
      });
    }
    instruction.free();
    if (!complete) break;
  }
  formatter.free();
  decoder.free();
  return lines;
}

/** A name with a distance is told once. */
function labelOf(name: string | null, first: boolean): string | null {
  return first || name?.includes('+') === false ? name : null;
}

/** What the summary says of an instruction that the emulator does not have. */
export async function describeUnimplemented(
  machine: Machine,
  nameOf: (address: bigint) => string | null,
): Promise<UnimplementedInstruction | null> {
  const found = machine.unimplemented();
  if (found === null) return null;
  const [line] = await disassemble(found.bytes, found.rip, found.bits, 1, nameOf);
  return {
    cpu: found.cpu,
    rip: `0x${found.rip.toString(16)}`,
    symbol: nameOf(found.rip),
    bytes: line?.bytes ?? Buffer.from(found.bytes).toString('hex'),
    text: line?.text ?? '(bad)',
  };
}
