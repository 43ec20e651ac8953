; Two CPUs: the first interrupts the second and halts, the second halts and answers from its handler. A round trip stands
; for an instruction.
%assign TRIPS ROUNDS * 1000
%define INSTRUCTIONS TRIPS
%include "frame.inc"
LAPIC_EOI       equ LAPIC + 0xb0
LAPIC_SVR       equ LAPIC + 0xf0
LAPIC_ICR       equ LAPIC + 0x300
ALL_BUT_SELF    equ 0xc4000
PING            equ 0x40
PONG            equ 0x41
TRAMPOLINE      equ 0x70000
AP_STACK        equ 0x90000
IDT             equ DATA
ANSWERED        equ DATA + 0x1000
AP_READY        equ DATA + 0x1004

prepare:
        mov     dword [IDT + PING * 8], (8 << 16) | ((ping - $$ + 0x7c00) & 0xffff)
        mov     dword [IDT + PING * 8 + 4], 0x8e00
        mov     dword [IDT + PONG * 8], (8 << 16) | ((pong - $$ + 0x7c00) & 0xffff)
        mov     dword [IDT + PONG * 8 + 4], 0x8e00
        lidt    [idt_pointer]
        mov     esi, trampoline
        mov     edi, TRAMPOLINE
        mov     ecx, trampoline_end - trampoline
        rep     movsb
        mov     dword [AP_READY], 0
        mov     dword [LAPIC_SVR], 0x1ff
        mov     dword [LAPIC_ICR], ALL_BUT_SELF | 0x500         ; INIT
        call    delay
        mov     dword [LAPIC_ICR], ALL_BUT_SELF | 0x600 | (TRAMPOLINE >> 12)
.wait:  pause
        cmp     dword [AP_READY], 0
        je      .wait
        ret
; Port 0x80 takes about a microsecond.
delay:  mov     ecx, 10000
.next:  in      al, 0x80
        loop    .next
        ret

work:   mov     ebp, TRIPS
.trip:  mov     dword [ANSWERED], 0
        mov     dword [LAPIC_ICR], ALL_BUT_SELF | PING
.wait:  cli
        cmp     dword [ANSWERED], 0
        jne     .back
        sti
        hlt
        jmp     .wait
.back:  dec     ebp
        jnz     .trip
        xor     eax, eax
        ret
ping:   mov     dword [LAPIC_EOI], 0
        mov     dword [LAPIC_ICR], ALL_BUT_SELF | PONG
        iret
pong:   mov     dword [ANSWERED], 1
        mov     dword [LAPIC_EOI], 0
        iret

idt_pointer:
        dw      0x7ff
        dd      IDT

        bits    16
trampoline:
        cli
        xor     ax, ax
        mov     ds, ax
        lgdt    [gdt_pointer]
        mov     eax, cr0
        or      al, 1
        mov     cr0, eax
        jmp     dword 8:ap
trampoline_end:
        bits    32
ap:     mov     ax, 16
        mov     ds, ax
        mov     es, ax
        mov     ss, ax
        mov     esp, AP_STACK
        mov     eax, 0x10
        mov     cr4, eax
        mov     eax, TABLES
        mov     cr3, eax
        mov     eax, cr0
        or      eax, 1 << 31
        mov     cr0, eax
        lidt    [idt_pointer]
        mov     dword [LAPIC_SVR], 0x1ff
        mov     dword [AP_READY], 1
        sti
.halt:  hlt
        jmp     .halt
%include "tail.inc"
