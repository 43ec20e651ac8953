; Copies 16 MiB in dwords by a loop, to 17 MiB further up: at a power of two, a direct-mapped cache would thrash.
%assign DWORDS 1 << 22
%define INSTRUCTIONS ROUNDS * (DWORDS * 6 + 5) + 3
%include "frame.inc"
SOURCE  equ     16 << 20
TARGET  equ     33 << 20
prepare:
        mov     edi, SOURCE
        mov     ecx, DWORDS
        mov     eax, 0x9e3779b9
.fill:  stosd
        add     eax, ecx
        dec     ecx
        jnz     .fill
        ret
work:   mov     ebp, ROUNDS
.pass:  mov     esi, SOURCE
        mov     edi, TARGET
        mov     ecx, DWORDS
.next:  mov     eax, [SI_]
        mov     [DI_], eax
        add     SI_, 4
        add     DI_, 4
        dec     ecx
        jnz     .next
        dec     ebp
        jnz     .pass
        mov     eax, [TARGET + 4 * (DWORDS - 1)]
        ret
%include "tail.inc"
