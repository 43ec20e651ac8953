; Loads CR3, which empties translation caches, and reads from 16 pages.
%assign PAGES 16
%define INSTRUCTIONS ROUNDS * 100000 * (PAGES * 4 + 5) + 4
%include "frame.inc"
FIRST   equ     32 << 20
prepare:
        ret
work:   xor     eax, eax
        mov     edx, TABLES
        mov     ebp, ROUNDS * 100000
.pass:  mov     cr3, D
        mov     esi, FIRST
        mov     ecx, PAGES
.next:  add     eax, [SI_]
        add     SI_, 4096
        dec     ecx
        jnz     .next
        dec     ebp
        jnz     .pass
        ret
%include "tail.inc"
