/** The ports by which a machine exchanges bytes with the world, by number: COM1 to COM4, the debug console, the virtio consoles. */
import type { MachineConfig, SerialBackend } from './machine';
import { MAX_CONSOLES } from './machine-limits';

export const SERIAL_PORTS = 4;
/** What a guest writes to I/O ports 0xE9 and 0x402. */
export const DEBUG_CONSOLE = SERIAL_PORTS;
export const FIRST_CONSOLE_PORT = DEBUG_CONSOLE + 1;
/** As many as a machine can have. */
export const PORTS = FIRST_CONSOLE_PORT + MAX_CONSOLES;

/** The debug console is the shell's own, and has no other back end. */
const OF_DEBUG_CONSOLE: SerialBackend = { kind: 'stdio' };

/** Where a machine's ports go, by number. */
export function portBackends({ serial, consoles }: Pick<MachineConfig, 'serial' | 'consoles'>): SerialBackend[] {
  return [...serial, OF_DEBUG_CONSOLE, ...consoles];
}

export function portName(port: number): string {
  if (port === DEBUG_CONSOLE) return 'Debug console';
  return port < SERIAL_PORTS ? `COM${port + 1}` : `hvc${port - FIRST_CONSOLE_PORT}`;
}

/** The same for files and other ids: `com1`, `debug-console`, `hvc0`. */
export function portId(port: number): string {
  return portName(port).toLowerCase().replace(' ', '-');
}
