; Fills 16 MiB by REP STOSD and copies them to 17 MiB further up by REP MOVSD.
%assign DWORDS 1 << 22
%define INSTRUCTIONS ROUNDS * (DWORDS * 2 + 8) + 3
%include "frame.inc"
SOURCE  equ     16 << 20
TARGET  equ     33 << 20
prepare:
        ret
work:   mov     ebp, ROUNDS
.pass:  lea     eax, [BP_ * 8 + 3]
        mov     edi, SOURCE
        mov     ecx, DWORDS
        rep     stosd
        mov     esi, SOURCE
        mov     edi, TARGET
        mov     ecx, DWORDS
        rep     movsd
        dec     ebp
        jnz     .pass
        mov     eax, [TARGET + 4 * (DWORDS - 1)]
        ret
%include "tail.inc"
