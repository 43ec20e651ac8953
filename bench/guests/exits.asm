; Does ACCESS, one of the macros below, COUNT times and ends through the debug-exit port: what an exit costs.
; A boot sector, which enters protected mode without paging. AL and EAX are 0, EDX is COM1's scratch register, which has no
; effect on anything.
%macro port_write 0
        out     dx, al
%endmacro
%macro port_read 0
        in      al, dx
%endmacro
%macro ioapic_write 0
        mov     [IOAPIC], eax
%endmacro
%macro ioapic_read 0
        mov     eax, [IOAPIC]
%endmacro
%macro lapic_write 0
        mov     [LAPIC + 0xd0], eax             ; LDR
%endmacro
%macro lapic_read 0
        mov     eax, [LAPIC + 0xd0]
%endmacro
%macro lapic_eoi 0
        mov     [LAPIC + 0xb0], eax
%endmacro
%macro lapic_tpr 0
        mov     [LAPIC + 0x80], eax
%endmacro
%macro ipi_to_itself 0
        mov     dword [LAPIC + 0x300], ITSELF
        sti
        nop
        cli
%endmacro
%macro ipi_ends_hlt 0
        mov     dword [LAPIC + 0x300], ITSELF
        sti
        hlt
        cli
%endmacro

        org     0x7c00
        bits    16
        cli
        xor     ax, ax
        mov     ds, ax
        lgdt    [gdt_pointer]
        mov     eax, cr0
        or      al, 1
        mov     cr0, eax
        jmp     dword 8:flat
        bits    32
flat:   mov     ax, 16
        mov     ds, ax
        mov     es, ax
        mov     ss, ax
        mov     esp, 0x7c00
        mov     dword [LAPIC + 0xf0], 0x1ff     ; SVR: software-enabled
        mov     dword [IDT + VECTOR * 8], (8 << 16) | ((handler - $$ + 0x7c00) & 0xffff)
        mov     dword [IDT + VECTOR * 8 + 4], 0x8e00
        lidt    [idt_pointer]
        mov     edx, 0x3ff
        xor     eax, eax
        mov     ecx, COUNT
.next:  ACCESS
        dec     ecx
        jnz     .next
        mov     edx, 0xf4
        out     dx, al
        hlt

handler:
        mov     [LAPIC + 0xb0], eax             ; EOI
        iret

LAPIC   equ     0xfee00000
IOAPIC  equ     0xfec00000
IDT     equ     0x1000
VECTOR  equ     0x40
ITSELF  equ     0x44000 | VECTOR                ; for the ICR: fixed, shorthand self
gdt:    dq      0, 0x00cf9b000000ffff, 0x00cf93000000ffff
gdt_pointer:
        dw      23
        dd      gdt
idt_pointer:
        dw      0x7ff
        dd      IDT
