; Reads a dword of each of PAGES pages, over and over: misses of translation caches with fewer entries.
%define INSTRUCTIONS ROUNDS * 100 * (16384 / PAGES) * (PAGES * 4 + 4) + 3
%include "frame.inc"
FIRST   equ     32 << 20
prepare:
        ret
work:   xor     eax, eax
        mov     ebp, ROUNDS * 100 * (16384 / PAGES)
.pass:  mov     esi, FIRST
        mov     ecx, PAGES
.next:  add     eax, [SI_]
        add     SI_, 4096
        dec     ecx
        jnz     .next
        dec     ebp
        jnz     .pass
        ret
%include "tail.inc"
