; The product of two matrices of 64 x 64 doubles with SSE2: four accumulators of two columns each.
%assign SIZE 64
%assign ROW SIZE * 8
%define INSTRUCTIONS ROUNDS * (SIZE * (ROW / 64 * (SIZE * 17 + 13) + 4) + 4) + 2
%include "frame.inc"
A_       equ     16 << 20                        ; each element twice
B_       equ     17 << 20
PRODUCT  equ     18 << 20
prepare:
        mov     rax, cr4
        or      eax, 0x600                      ; OSFXSR, OSXMMEXCPT
        mov     cr4, rax
        mov     edi, A_
        mov     esi, B_
        xor     ecx, ecx
.fill:  imul    eax, ecx, 0x9e3779b9
        sar     eax, 12
        cvtsi2sd xmm0, eax
        movq    [rdi], xmm0
        movq    [rdi + 8], xmm0
        imul    eax, eax, 77
        cvtsi2sd xmm0, eax
        divsd   xmm0, [rel divisor]
        movq    [rsi], xmm0
        add     edi, 16
        add     esi, 8
        inc     ecx
        cmp     ecx, SIZE * SIZE
        jb      .fill
        ret
work:   mov     ebp, ROUNDS
.pass:  mov     ebx, A_
        mov     r8d, PRODUCT
.row:   mov     r9d, B_
.columns:
        mov     esi, ebx
        mov     edi, r9d
        xorpd   xmm4, xmm4
        xorpd   xmm5, xmm5
        xorpd   xmm6, xmm6
        xorpd   xmm7, xmm7
        mov     ecx, SIZE
.next:  movapd  xmm0, [rsi]
        movapd  xmm1, [rdi]
        movapd  xmm2, [rdi + 16]
        mulpd   xmm1, xmm0
        mulpd   xmm2, xmm0
        addpd   xmm4, xmm1
        addpd   xmm5, xmm2
        movapd  xmm1, [rdi + 32]
        movapd  xmm2, [rdi + 48]
        mulpd   xmm1, xmm0
        mulpd   xmm2, xmm0
        addpd   xmm6, xmm1
        addpd   xmm7, xmm2
        add     rsi, 16
        add     rdi, ROW
        dec     ecx
        jnz     .next
        movapd  [r8], xmm4
        movapd  [r8 + 16], xmm5
        movapd  [r8 + 32], xmm6
        movapd  [r8 + 48], xmm7
        add     r8, 64
        add     r9, 64
        cmp     r9d, B_ + ROW
        jb      .columns
        add     ebx, 16 * SIZE
        cmp     ebx, A_ + 16 * SIZE * SIZE
        jb      .row
        dec     ebp
        jnz     .pass
        mov     eax, [PRODUCT + 5 * ROW + 40]
        ret
        align   8
divisor:
        dq      1024.75
%include "tail.inc"
