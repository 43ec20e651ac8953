/** Machine time. Injected everywhere; tests move it by hand. */
export interface Clock {
  /** Nanoseconds since the machine started, never decreasing. */
  now(): number;
}
