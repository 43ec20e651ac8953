/**
 * libslirp, a TCP/IP stack with a NAT in user space (libslirp.h, version 4), through koffi. Whoever makes a Slirp calls it from one thread
 * alone, on which libslirp then calls back, always from within such a call.
 */
import { getSystemErrorName } from 'node:util';
import koffi from 'koffi';
import type { PortForward } from '../../../preload/contract/machine';
import { NetworkError } from './network-error';

const LIBRARY = 'libslirp.so.0';
/** Of struct SlirpConfig: the first, which all versions of the library know. */
const CONFIG_VERSION = 1;

/** Addresses as they are in memory, in network order. */
const ipv4 = (...bytes: [number, number, number, number]): number =>
  new DataView(Uint8Array.from(bytes).buffer).getUint32(0, true);
const NETWORK = ipv4(10, 0, 2, 0);
const NETMASK = ipv4(255, 255, 255, 0);
/** Where the guest finds the host's 127.0.0.1. */
const HOST = ipv4(10, 0, 2, 2);
const NAME_SERVER = ipv4(10, 0, 2, 3);
const FIRST_GUEST = ipv4(10, 0, 2, 15);
const LOOPBACK = ipv4(127, 0, 0, 1);

/** Why a machine cannot have this network; null: it can. */
export function whyNoSlirp(): string | null {
  try {
    koffi.load(LIBRARY).unload();
    return null;
  } catch {
    return `A network needs ${LIBRARY}, which this host does not have: install libslirp (Debian's package libslirp0).`;
  }
}

/** The types of libslirp.h that are used here; named ones, which a thread may declare once. */
function declareTypes() {
  const SendPacket = koffi.proto('int64_t SlirpSendPacket(const void *buf, size_t len, void *opaque)');
  const GuestError = koffi.proto('void SlirpGuestError(const char *msg, void *opaque)');
  const ClockGetNs = koffi.proto('int64_t SlirpClockGetNs(void *opaque)');
  const TimerNew = koffi.proto('void *SlirpTimerNew(void *cb, void *cb_opaque, void *opaque)');
  const TimerFree = koffi.proto('void SlirpTimerFree(void *timer, void *opaque)');
  const TimerMod = koffi.proto('void SlirpTimerMod(void *timer, int64_t expire_time, void *opaque)');
  const PollFd = koffi.proto('void SlirpPollFd(int fd, void *opaque)');
  const Notify = koffi.proto('void SlirpNotify(void *opaque)');
  const AddPoll = koffi.proto('int SlirpAddPoll(int fd, int events, void *opaque)');
  const GetEvents = koffi.proto('int SlirpGetEvents(int idx, void *opaque)');

  const Address6 = koffi.array('uint8_t', 16, 'Typed');
  const SlirpConfig = koffi.struct('SlirpConfig', {
    version: 'uint32_t',
    restricted: 'int',
    in_enabled: 'bool',
    vnetwork: 'uint32_t',
    vnetmask: 'uint32_t',
    vhost: 'uint32_t',
    in6_enabled: 'bool',
    vprefix_addr6: Address6,
    vprefix_len: 'uint8_t',
    vhost6: Address6,
    vhostname: 'void *',
    tftp_server_name: 'void *',
    tftp_path: 'void *',
    bootfile: 'void *',
    vdhcp_start: 'uint32_t',
    vnameserver: 'uint32_t',
    vnameserver6: Address6,
    vdnssearch: 'void *',
    vdomainname: 'void *',
    if_mtu: 'size_t',
    if_mru: 'size_t',
    disable_host_loopback: 'bool',
    enable_emu: 'bool',
  });
  const callbacks = {
    send_packet: koffi.pointer(SendPacket),
    guest_error: koffi.pointer(GuestError),
    clock_get_ns: koffi.pointer(ClockGetNs),
    timer_new: koffi.pointer(TimerNew),
    timer_free: koffi.pointer(TimerFree),
    timer_mod: koffi.pointer(TimerMod),
    register_poll_fd: koffi.pointer(PollFd),
    unregister_poll_fd: koffi.pointer(PollFd),
    notify: koffi.pointer(Notify),
  };
  return {
    SlirpConfig,
    callbacks,
    SlirpCb: koffi.struct('SlirpCb', callbacks),
    AddPoll: koffi.pointer(AddPoll),
    GetEvents: koffi.pointer(GetEvents),
  };
}

/** What libslirp waits for, and what has come of it. */
export interface SlirpPolls {
  /** Gives the entry's number. */
  add(fd: number, events: number): number;
  events(index: number): number;
}

type Pointer = unknown;

export class Slirp {
  readonly #slirp: Pointer;
  readonly #fill: (slirp: Pointer, timeout: Uint32Array, add: Pointer, opaque: null) => void;
  readonly #poll: (slirp: Pointer, error: number, get: Pointer, opaque: null) => void;
  readonly #input: (slirp: Pointer, frame: Uint8Array, length: number) => void;
  readonly #forward: (slirp: Pointer, udp: number, host: number, hostPort: number, to: number, port: number) => number;
  readonly #timeout = new Uint32Array(1);
  readonly #add: Pointer;
  readonly #get: Pointer;

  /** `receive`: takes a frame for the guest, which is good for as long as the call. */
  constructor(mostFrame: number, polls: SlirpPolls, receive: (frame: Uint8Array) => void) {
    const library = koffi.load(LIBRARY);
    const { SlirpConfig, SlirpCb, AddPoll, GetEvents, callbacks: types } = declareTypes();
    const make = library.func('slirp_new', 'void *', [koffi.pointer(SlirpConfig), 'void *', 'void *']);
    this.#fill = library.func('slirp_pollfds_fill', 'void', ['void *', 'void *', AddPoll, 'void *']);
    this.#poll = library.func('slirp_pollfds_poll', 'void', ['void *', 'int', GetEvents, 'void *']);
    this.#input = library.func('void slirp_input(void *slirp, const void *pkt, int len)');
    this.#forward = library.func('slirp_add_hostfwd', 'int', ['void *', 'int', 'uint32_t', 'int', 'uint32_t', 'int']);
    const copy = koffi.load('libc.so.6').func('void *memcpy(void *to, const void *from, size_t count)');
    const frame = new Uint8Array(mostFrame);
    const nothing = (): void => {};
    const callbacks = {
      send_packet: (bytes: Pointer, length: number) => {
        if (length <= mostFrame) {
          copy(frame, bytes, length);
          receive(frame.subarray(0, length));
        }
        return length;
      },
      guest_error: nothing,
      clock_get_ns: () => process.hrtime.bigint(),
      // Timers are IPv6's, which is off.
      timer_new: () => null,
      timer_free: nothing,
      timer_mod: nothing,
      register_poll_fd: nothing,
      unregister_poll_fd: nothing,
      notify: nothing,
    };
    const registered = Object.entries(callbacks).map(([name, work]) => {
      return [name, koffi.register(work, types[name as keyof typeof types])] as const;
    });
    // libslirp keeps the pointer: this memory is never freed, and goes with the process.
    const table = koffi.alloc(SlirpCb, 1);
    koffi.encode(table, SlirpCb, Object.fromEntries(registered));
    this.#add = koffi.register((fd: number, events: number) => polls.add(fd, events), AddPoll);
    this.#get = koffi.register((index: number) => polls.events(index), GetEvents);
    this.#slirp = make(
      {
        version: CONFIG_VERSION,
        restricted: 0,
        in_enabled: true,
        vnetwork: NETWORK,
        vnetmask: NETMASK,
        vhost: HOST,
        in6_enabled: false,
        vprefix_addr6: new Uint8Array(16),
        vprefix_len: 0,
        vhost6: new Uint8Array(16),
        vhostname: null,
        tftp_server_name: null,
        tftp_path: null,
        bootfile: null,
        vdhcp_start: FIRST_GUEST,
        vnameserver: NAME_SERVER,
        vnameserver6: new Uint8Array(16),
        vdnssearch: null,
        vdomainname: null,
        if_mtu: 0,
        if_mru: 0,
        disable_host_loopback: false,
        enable_emu: false,
      },
      table,
      null,
    );
  }

  /** Connections to this port of 127.0.0.1 go to the guest's. */
  forward({ host, guest }: PortForward): void {
    if (this.#forward(this.#slirp, 0, LOOPBACK, host, FIRST_GUEST, guest) === 0) return;
    throw new NetworkError(
      'host',
      `Port ${host} of 127.0.0.1 cannot be forwarded to the guest (${getSystemErrorName(-koffi.errno())}): choose another one.`,
    );
  }

  /** Says what it waits for, and for how many ms of those it waits at most. */
  fill(mostMs: number): number {
    this.#timeout[0] = mostMs;
    this.#fill(this.#slirp, this.#timeout, this.#add, null);
    return this.#timeout[0];
  }

  /** Deals with what has come. */
  poll(): void {
    this.#poll(this.#slirp, 0, this.#get, null);
  }

  /** A frame from the guest. */
  input(frame: Uint8Array): void {
    this.#input(this.#slirp, frame, frame.length);
  }
}
