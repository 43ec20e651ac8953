; One CPU that runs and halts in turn, each for HALF nanoseconds by its local APIC's timer, for ever.
; A boot sector: loaded and entered at 0000:7C00 in real mode; goes to 32-bit mode to reach the local APIC.
        bits 16
        org 0x7c00
LAPIC           equ 0xfee00000
LAPIC_EOI       equ LAPIC + 0x0b0
LAPIC_SVR       equ LAPIC + 0x0f0
LVT_TIMER       equ LAPIC + 0x320
TIMER_INITIAL   equ LAPIC + 0x380
TIMER_CURRENT   equ LAPIC + 0x390
TIMER_DIVIDE    equ LAPIC + 0x3e0
LVT_MASKED      equ 1 << 16
DIVIDE_BY_1     equ 0x0b
VECTOR          equ 0x40
HALF            equ 100000000           ; the timer counts 1 GHz
IDT             equ 0x8000

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
        mov     ss, ax
        mov     esp, 0x7c00
        mov     word [IDT + VECTOR * 8], on_timer
        mov     word [IDT + VECTOR * 8 + 2], 8
        mov     word [IDT + VECTOR * 8 + 4], 0x8e00 ; present, 32-bit interrupt gate
        mov     word [IDT + VECTOR * 8 + 6], 0
        lidt    [idt_pointer]
        mov     dword [LAPIC_SVR], 0x1ff
        mov     dword [TIMER_DIVIDE], DIVIDE_BY_1
again:
        mov     dword [LVT_TIMER], VECTOR
        mov     dword [TIMER_INITIAL], HALF
        sti
        hlt
awake:  mov     dword [LVT_TIMER], LVT_MASKED | VECTOR
        mov     dword [TIMER_INITIAL], HALF
busy:   mov     eax, [TIMER_CURRENT]
        test    eax, eax
        jnz     busy
        jmp     again

on_timer:
        ; Does not go back by IRET, which not every software KVM emulates; the gate has cleared IF.
        mov     dword [LAPIC_EOI], 0
        mov     esp, 0x7c00
        jmp     awake

        align 8
gdt:    dq      0, 0x00cf9a000000ffff, 0x00cf92000000ffff
gdt_pointer:
        dw      $ - gdt - 1
        dd      gdt
idt_pointer:
        dw      (VECTOR + 1) * 8 - 1
        dd      IDT
