; Integer arithmetic in registers.
%define INSTRUCTIONS ROUNDS * 1000000 * 9 + 6
%include "frame.inc"
prepare:
        ret
work:   mov     C, ROUNDS * 1000000
        xor     eax, eax
        mov     ebx, 0x12345678
        xor     edi, edi
.next:  add     A, C
        xor     B, A
        rol     A, 3
        lea     D, [A + B * 2]
        sub     B, D
        and     D, 0xff
        add     DI_, D
        dec     C
        jnz     .next
        mov     eax, edi
        ret
%include "tail.inc"
