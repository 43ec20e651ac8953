/** Where `--gdb` has the machine listen: `:PORT`, `HOST:PORT` or `unix:PATH`. */
import { isIPv4, isIPv6 } from 'node:net';
import type { DebuggerAddress } from '../../../preload/contract/machine';
import { UsageError } from './usage';

/** Whoever reaches the port has the machine: without a host it is this one's alone. */
const LOOPBACK = '127.0.0.1';
/** struct sockaddr_un has 108 bytes for a path and its NUL. */
const MAX_SOCKET_PATH = 107;

export function parseDebuggerAddress(option: string, text: string): DebuggerAddress {
  const path = /^unix:(.+)$/s.exec(text)?.[1];
  if (path !== undefined) {
    if (Buffer.byteLength(path) > MAX_SOCKET_PATH) {
      throw new UsageError(`${option}: the path of a socket has at most ${MAX_SOCKET_PATH} bytes, "${path}" has more.`);
    }
    return { kind: 'unix', path };
  }
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  const host = bracketed ?? plain;
  const isHost =
    bracketed === undefined ? host === '' || host === 'localhost' || isIPv4(host ?? '') : isIPv6(bracketed);
  if (digits === undefined || port > 65535 || !isHost) {
    throw new UsageError(
      `${option} takes :PORT, ADDRESS:PORT with an IP address of this host, or unix:PATH, not "${text}".`,
    );
  }
  return { kind: 'tcp', host: host === '' || host === 'localhost' ? LOOPBACK : host, port };
}

/** A word of warning where others than this host's users can reach it. */
export function debuggerWarning(address: DebuggerAddress | null): string[] {
  if (address?.kind !== 'tcp' || /^127\.|^::1$/.test(address.host)) return [];
  return [`warning: whoever reaches ${address.host} has this machine by its gdb port: nothing there asks who it is`];
}
