import { ReveilleError } from '../../app/errors';

/** A command line that cannot be understood. */
export class UsageError extends ReveilleError {
  constructor(message: string) {
    super('usage', message);
  }
}

export const HELP = `Reveille shows and steers how the processors of an x86 machine wake up.

  reveille run <guest> [options]   boots a guest; <guest> is a bundled guest's name or a path
  reveille replay FILE [--events PATH] [--trace PATH] [--json]
                                   the run of an --events file again, with its policies' decisions and its serial input
  reveille sweep <guest> --seeds A..B [options]
  reveille sweep <guest> --policy NAME --vary OPTION=A..B [options]
                                   boots a guest many times, and says what came of it (below)
  reveille app [--port N] [--no-open] [FILE.reveille...]
                                   the desktop app in a browser: dashboard, timeline, consoles; with these machines
  reveille plugin <command>        policies and more, from this Reveille and from others (below)
  reveille probe [--json]          what this host can do, and why not
  reveille guests [--json]         the bundled guests, and those of enabled plugins
  reveille inspect <guest> [--json]
                                   what an image is, where it is loaded, what it asks for and what it gets
  reveille --help | --version

The machine
  --cpus N                  logical processors (default 4)
  --topology SxCxT          sockets x cores x threads (default 1xNx1)
  --apic-ids A,B,…          APIC id of each CPU (default: by topology)
  --bsp N                   the CPU that is the bootstrap processor (default 0)
  --memory SIZE             guest RAM, in bytes or with K, M, G (default 128M)
  --accel auto|kvm|wasm     what executes the guest (default auto)
  --irqchip exact|kernel|split
                            who owns the interrupt controllers and MP states (default exact)
  --initrd PATH             initial RAM disk of a Linux kernel, module of a Multiboot or PVH one
  --cmdline TEXT            the guest's command line
  --disk PATH[,overlay=PATH][,readonly]
                            disk image as a virtio disk, up to four; with an overlay the image stays as it is
  --acpi on|off             off: no ACPI tables, so that the guest finds its CPUs by the MP table alone (default on)
  --vga text|none           a VGA, of which text modes are shown; firmware finds its VGA BIOS as
                            vgabios-isavga.bin in its own folder (default text)
  --seed N                  emulator: another interleaving of the CPUs (default 0)
  --realtime                emulator: time passes as the host's, not with the instructions: for who types at a shell
  --parallel                emulator: the CPUs run beside each other on threads of their own, in the host's time
  --serial1 BACKEND         COM1: stdio, none, pty, file:PATH or unix:PATH (default stdio); also
                            --serial2 to --serial4 (default none)
  --console hvc0=BACKEND    a virtio console (/dev/hvc0), with a back end as a serial port has; also hvc1
  --net user[,hostfwd=tcp:HOSTPORT-GUESTPORT]…|none
                            a virtio network device behind a NAT (libslirp); ports of 127.0.0.1 lead to the guest's. No
                            run is then like another, on the emulator either (default none)

Policies
  --policy NAME|PATH        asks a policy about INITs and SIPIs; several are asked in their order
  --policy-option K=V       an option of the policy before it
  --policy-commands PATH    commands for policies, a line each: @5ms manual release cpu=1
  --time-limit TIME         ends the run after this much machine time: 500us, 20ms, 5s, …

The run
  --timeout TIME            stops the machine after 500ms, 30s, 2m, …
  --events PATH             writes every event as a line of JSON; "-" is stdout, in COM1's place
  --trace PATH              writes a trace for ui.perfetto.dev
  --screen PATH             writes the rows of text that the screen shows at the end; "-" is stdout
  --gdb :PORT               waits for gdb before the first instruction; also ADDRESS:PORT (without one 127.0.0.1),
                            or unix:PATH. "monitor help" in gdb says what there is besides
  --symbols PATH            names of the guest's addresses: a System.map or an ELF file. An ELF guest's own and those that a
                            Linux kernel carries are there without; of one that moves itself the file counts with nokaslr
  --json                    one summary as the last line of stdout

A sweep, with the options of the machine and of its policies; on the emulator unless --accel says otherwise
  --seeds A..B              a run for each seed
  --vary OPTION=A..B        a run for each of some values of an option of the policy before it: then bisection finds
                            the smallest value that fails
  --steps N                 how many values that is (default 20)
  --jobs N                  runs at a time (default: as many as the host has processors)
  --time-limit TIME         machine time after which a run hangs (default 10s)
  --timeout TIME            the same in the host's time (default 60s)
  --json                    all runs, on one line

Plugins
  plugin list [--json]               what there is
  plugin install PATH [--enable]     a plugin's folder, or a .tgz; shows what it may do, and asks unless --yes
  plugin enable NAME [--yes], disable NAME, remove NAME
  plugin new NAME [--directory DIR]  a working policy with a test, to begin with
  plugin check PATH                  manifest, compiler and types; problems are told at their lines
  plugin test PATH [--json]          runs the policies' tests on the emulator
  plugin pack PATH                   makes NAME-VERSION.tgz

COM1 goes to stdout byte for byte; Reveille's own lines go to stderr: a live table on a terminal, plain lines
elsewhere. Ctrl-C stops the machine, a second one kills it. NO_COLOR is respected.

Exit status
  0  the guest reports success, or   4    the guest crashed
     switches the machine off        5    this host cannot run it
  1  it reports failure, or resets   70   a fault of Reveille
  2  wrong usage                     130  stopped by Ctrl-C (129 by SIGHUP, 143 by SIGTERM, 141: stdout closed)
  3  time-out
`;
