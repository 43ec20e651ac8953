/** How much a machine may be asked to have, for who checks it and for the form in which it is asked. */

export const MAX_CPUS = 1024;
export const MAX_DISKS = 4;
export const MAX_CONSOLES = 2;
export const MAX_FORWARDS = 16;
export const MAX_SEED = 2 ** 32 - 1;
/** PATH_MAX without the terminating NUL. */
export const MAX_PATH = 4095;
