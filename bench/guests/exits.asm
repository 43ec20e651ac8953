; Does ACCESS, one instruction or several, COUNT times and ends through the debug-exit port: what an exit costs.
; A boot sector, which enters protected mode without paging. AL and EAX are 0, EDX is COM1's scratch register, which has no
; effect on anything.
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
        mov     edx, 0x3ff
        xor     eax, eax
        mov     ecx, COUNT
.next:  ACCESS
        dec     ecx
        jnz     .next
        mov     edx, 0xf4
        out     dx, al
        hlt

LAPIC   equ     0xfee00000
IOAPIC  equ     0xfec00000
gdt:    dq      0, 0x00cf9b000000ffff, 0x00cf93000000ffff
gdt_pointer:
        dw      23
        dd      gdt
