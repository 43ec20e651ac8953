; heartbeat: all processors run for ever, each with a timer of its own, and take commands from COM1.
;
; Every CPU prints a line for each of its beats on COM1, CPUs 1 to 3 on COM2 to COM4 as well, and halts between.
; All work is done in interrupt handlers, with interrupts off: no CPU can interrupt itself while it holds the console.
; Command line: beat=MS is the time between beats, 500 by default; table=mp reads the MP table, not the MADT.

%include "guest.inc"
%include "commands.inc"

BEAT_VECTOR   equ 0x40
SERIAL_VECTOR equ 0x44
COM1_PIN      equ 4                             ; ISA IRQ 4; the MADT overrides other IRQs, not this one

DEFAULT_BEAT_MS equ 500
LONGEST_BEAT_MS equ 60000
CALIBRATION_MS  equ 50

section .data
beat_option: db "beat=", 0
beat_ms:     dd DEFAULT_BEAT_MS
beat_ticks:  dd 0                               ; of the local APIC's timer
com_ports:   dd COM1, COM2, COM3, COM4          ; by CPU
serial_polled: db 0                             ; the BSP is out of the I/O APIC's reach

section .text
bits 64

bsp_main:
    announce "heartbeat"
    call read_beat_option
    mov edi, COM2
    call serial_init
    mov edi, COM3
    call serial_init
    mov edi, COM4
    call serial_init
    mov edi, BEAT_VECTOR
    mov esi, beat
    call set_gate
    mov edi, SERIAL_VECTOR
    mov esi, serial_interrupt
    call set_gate
    call calibrate_timer
    print_line "heartbeat: a beat each ", [beat_ms], " ms; ", HELP

    xor edi, edi
    mov esi, ICR_ALL_EXCLUDING_SELF
    call init_sipi_sipi
    call start_timer
    call listen
halt_between_beats:
    sti                                         ; takes effect after HLT has begun: no beat is lost between them
    hlt
    jmp halt_between_beats

ap_entry:
    find_self
    own_stack
    call become_cpu
    mov dword [rbx + percpu.state], CPU_HERE       ; no longer parked: its lock is its own again
    call lock_console
    call set_input_aside
    print_line "cpu ", [rbx + percpu.uid], " apic ", [rbx + percpu.apic_id], " here"
    call restore_input
    call unlock_console
    call start_timer
    jmp halt_between_beats

read_beat_option:
    mov edi, beat_option
    call find_option
    test rax, rax
    jz .done
    mov rdi, rax
    call parse_decimal
    jc .bad
    cmp eax, LONGEST_BEAT_MS
    ja .bad
    test eax, eax
    jz .bad
    mov [beat_ms], eax
.done:
    ret
.bad:
    print_line "heartbeat: beat= wants milliseconds from 1 to ", LONGEST_BEAT_MS
    jmp end_failure

; Measures the local APIC's timer against the PIT. SDM vol. 3A, "APIC Timer": its frequency is the bus clock's or the
; core crystal's, which nothing tells in a way that holds for every machine.
calibrate_timer:
    mov edi, LAPIC_TIMER_DIVIDE
    mov esi, LAPIC_TIMER_DIVIDE_BY_128
    call lapic_write
    mov edi, LAPIC_LVT_TIMER
    mov esi, LAPIC_LVT_MASKED | BEAT_VECTOR
    call lapic_write
    mov edi, PIT_MS(CALIBRATION_MS)
    call pit_start
    mov edi, LAPIC_TIMER_INITIAL
    mov esi, -1
    call lapic_write
    call pit_wait
    mov edi, LAPIC_TIMER_CURRENT
    call lapic_read
    not eax                                     ; ticks gone by
    mov ecx, [beat_ms]
    mul rcx
    mov ecx, CALIBRATION_MS
    div rcx
    test eax, eax
    jnz .set
    inc eax                                     ; 0 would stop the timer
.set:
    mov [beat_ticks], eax
    ret

; Starts this CPU's timer.
start_timer:
    mov edi, LAPIC_TIMER_DIVIDE
    mov esi, LAPIC_TIMER_DIVIDE_BY_128
    call lapic_write
    mov edi, LAPIC_LVT_TIMER
    mov esi, LAPIC_LVT_PERIODIC | BEAT_VECTOR
    call lapic_write
    mov edi, LAPIC_TIMER_INITIAL
    mov esi, [beat_ticks]
    jmp lapic_write

; Routes COM1's interrupt to the BSP. An I/O APIC entry has 8 bits for the destination, so a BSP with a larger APIC id
; looks at the port at each of its beats instead.
listen:
    mov edx, [gs:percpu.apic_id]
    cmp edx, LAST_XAPIC_ID
    ja .poll
    mov edi, COM1_PIN
    mov esi, SERIAL_VECTOR
    call ioapic_route
    mov edx, COM1 + UART_IER
    mov al, UART_IER_RECEIVED_DATA
    out dx, al
    ret
.poll:
    mov byte [serial_polled], 1
    ret

; The handler of BEAT_VECTOR, on every CPU.
beat:
    enter_handler
    inc dword [gs:percpu.beats]
    call lock_console
    call set_input_aside
    call print_beat
    call restore_input
    call unlock_console
    mov ecx, [gs:percpu.uid]
    lea eax, [rcx - 1]
    cmp eax, 2
    ja .no_port
    mov r15d, [com_ports + rcx * 4]             ; this CPU's own: no lock
    call print_beat
    mov r15d, COM1
.no_port:
    mov eax, [gs:percpu.self]
    cmp eax, [bsp]
    jne .done
    cmp byte [serial_polled], 0
    je .done
    call read_console
.done:
    leave_handler

print_beat:
    print_line "cpu ", [gs:percpu.uid], " apic ", [gs:percpu.apic_id], " beat ", [gs:percpu.beats]
    ret

; The handler of SERIAL_VECTOR, on the BSP.
serial_interrupt:
    enter_handler
    call read_console
    leave_handler

%include "image-end.inc"
