import type { UnimplementedInstruction } from '../../preload/contract/machine';
import type { Machine } from '../machine/machine';

/** What the summary says of an instruction that the emulator does not have. The disassembler is loaded only then. */
export async function describeUnimplemented(machine: Machine): Promise<UnimplementedInstruction | null> {
  const found = machine.unimplemented();
  if (found === null) return null;
  const { Decoder, DecoderOptions, Formatter, FormatterSyntax } = await import('iced-x86');
  const decoder = new Decoder(found.bits, found.bytes, DecoderOptions.None);
  decoder.ip = found.rip;
  const instruction = decoder.decode();
  const formatter = new Formatter(FormatterSyntax.Intel);
  const described = {
    cpu: found.cpu,
    rip: `0x${found.rip.toString(16)}`,
    bytes: Buffer.from(found.bytes.subarray(0, instruction.length || found.bytes.length)).toString('hex'),
    text: formatter.format(instruction),
  };
  for (const owner of [formatter, instruction, decoder]) owner.free();
  return described;
}
