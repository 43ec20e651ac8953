/**
 * What of the machine the core of a CPU reaches that takes turns with the others, from WIRES on: mostly addresses. Where the first is
 * 0, all of it is the host's.
 */
/** u32: the local APIC of CPU 0; the others follow. */
export const WIRES_LAPICS: usize = 0;
/** u32: float64 of CPU 0 up to which it has nothing to do, and the distance to that of the next CPU. */
export const WIRES_IDLE: usize = 4;
export const WIRES_IDLE_STRIDE: usize = 8;
/** u32: float64 of machine time at which the present run has begun. */
export const WIRES_TIME: usize = 12;
/** u32: the event ring, and counts of the records that were written and taken. */
export const WIRES_EVENTS: usize = 16;
export const WIRES_EVENTS_WRITTEN: usize = 20;
export const WIRES_EVENTS_TAKEN: usize = 24;
/** u32: how many places the ring has, a power of 2, and how many records the core may leave in it. */
export const WIRES_EVENT_CAPACITY: usize = 28;
export const WIRES_EVENT_LIMIT: usize = 32;
/** u32: this CPU's MP state, and its pause points; the 8259s' interrupt. */
export const WIRES_MP_STATE: usize = 36;
export const WIRES_PAUSE_POINTS: usize = 40;
export const WIRES_EXTINT: usize = 44;
/** Records of 32 bytes, in which the time is still to come: of a plain interrupt to others (vector and targets, too), a HLT and its end. */
export const WIRES_IPI: usize = 48;
export const WIRES_HALT: usize = 80;
export const WIRES_WAKE: usize = 112;
// ---- of turns (turns.ts), u32 each
/** Float64s: the state of the round; when counts of exits are reported. */
export const WIRES_ROUND: usize = 144;
export const WIRES_NEXT_REPORT: usize = 148;
/** Words: the turns' random number, who waits for the machine lock, who wants all CPUs to stand still. */
export const WIRES_RANDOM: usize = 152;
export const WIRES_LOCK_WANTED: usize = 156;
export const WIRES_PAUSE: usize = 160;
/** A turn begins with no more untaken records than this. */
export const WIRES_TURN_LIMIT: usize = 164;
/** Words of this CPU: attention that is wanted of it, what it is kept from, the host's flags, whether its position is known, its HLTs. */
export const WIRES_ATTENTION: usize = 168;
export const WIRES_RESTRAINT: usize = 172;
export const WIRES_LOOP: usize = 176;
export const WIRES_POSITION_VALID: usize = 180;
export const WIRES_HALTS: usize = 184;
/** Float64s of this CPU: until when it has nothing to do, machine time up to which its time-stamp counter was carried, and, beside its local APIC's timer, when something is due that it has to see to. */
export const WIRES_IDLE_UNTIL: usize = 188;
export const WIRES_COUNTED_TO: usize = 192;
export const WIRES_DEADLINE: usize = 196;
export const WIRES_SIZE: usize = 200;
