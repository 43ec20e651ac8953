; CRC-32 (IEEE 802.3) of 64 KiB by a table, a byte at a time.
%assign SIZE 1 << 16
%define INSTRUCTIONS ROUNDS * (SIZE * 7 + 6) + 2
%include "frame.inc"
TABLE   equ     DATA - 0x1000
prepare:
        xor     ecx, ecx
.entry: mov     eax, ecx
        mov     edx, 8
.bit:   shr     eax, 1
        jnc     .even
        xor     eax, 0xedb88320
.even:  dec     edx
        jnz     .bit
        mov     [TABLE + C * 4], eax
        inc     ecx
        cmp     ecx, 256
        jb      .entry
        xor     ecx, ecx
.byte:  mov     eax, ecx
        imul    eax, 0x01010169
        shr     eax, 11
        mov     [DATA + C], al
        inc     ecx
        cmp     ecx, SIZE
        jb      .byte
        ret
work:   mov     ebp, ROUNDS
.pass:  mov     eax, -1
        mov     esi, DATA
        mov     edx, SIZE
.next:  movzx   ecx, byte [SI_]
        xor     cl, al
        shr     eax, 8
        xor     eax, [TABLE + C * 4]
        inc     esi
        dec     edx
        jnz     .next
        not     eax
        dec     ebp
        jnz     .pass
        ret
%include "tail.inc"
