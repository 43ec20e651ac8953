; The BSP sends itself a fixed IPI each INTERVAL ticks of its time-stamp counter, with interrupts off, for ever: a steady
; stream of events.
; A boot sector: loaded and entered at 0000:7C00 in real mode; goes to 32-bit mode to reach the local APIC.
        bits 16
        org 0x7c00
LAPIC_SVR       equ 0xfee000f0
LAPIC_ICR       equ 0xfee00300
FIXED_TO_SELF   equ 0x00044040
INTERVAL        equ 10000

        cli
        xor     ax, ax
        mov     ds, ax
        lgdt    [gdt_pointer]
        mov     eax, cr0
        or      al, 1
        mov     cr0, eax
        jmp     dword 8:protected
        bits 32
protected:
        mov     ax, 16
        mov     ds, ax
        mov     dword [LAPIC_SVR], 0x1ff
        rdtsc
        mov     esi, eax
        mov     edi, edx
next:
        add     esi, INTERVAL
        adc     edi, 0
wait_turn:
        rdtsc
        sub     eax, esi
        sbb     edx, edi
        jl      wait_turn
        mov     dword [LAPIC_ICR], FIXED_TO_SELF
        jmp     next

        align 8
gdt:    dq      0, 0x00cf9a000000ffff, 0x00cf92000000ffff
gdt_pointer:
        dw      $ - gdt - 1
        dd      gdt
