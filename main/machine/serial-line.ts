/** The interrupt lines of the serial ports: COM1 and COM3 share one, COM2 and COM4 another. */
import type { IrqLine } from '../devices/device';
import { COM_IRQS } from '../firmware/port-map';
import type { Irqchip } from './irqchip';
import { MachineWord } from './shared-memory';

/** The line of the serial port `index`. The ISA line that it shares is raised while either port asks. */
export function serialLine(words: Int32Array, irqchip: Irqchip, index: number): IrqLine {
  const line = irqchip.isaLine(COM_IRQS[index]);
  const partners = COM_IRQS.reduce((bits, irq, port) => bits | (irq === COM_IRQS[index] ? 1 << port : 0), 0);
  return {
    set: (level) => {
      const before = words[MachineWord.SERIAL_IRQS];
      const after = level ? before | (1 << index) : before & ~(1 << index);
      words[MachineWord.SERIAL_IRQS] = after;
      const raised = (after & partners) !== 0;
      if (raised !== ((before & partners) !== 0)) line.set(raised);
    },
  };
}
