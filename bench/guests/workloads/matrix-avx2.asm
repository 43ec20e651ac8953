; The product of two matrices of 64 x 64 singles with AVX2 and FMA: four accumulators of eight columns each.
%assign SIZE 64
%assign ROW SIZE * 4
%define INSTRUCTIONS ROUNDS * (SIZE * (ROW / 128 * (SIZE * 9 + 13) + 4) + 4) + 2
%include "frame.inc"
A_       equ     16 << 20                        ; each element eight times
B_       equ     17 << 20
PRODUCT  equ     18 << 20
prepare:
        mov     rax, cr4
        or      eax, 0x40600                    ; OSFXSR, OSXMMEXCPT, OSXSAVE
        mov     cr4, rax
        xor     ecx, ecx
        xor     edx, edx
        mov     eax, 7                          ; x87, SSE, AVX
        xsetbv
        mov     edi, A_
        mov     esi, B_
        xor     ecx, ecx
.fill:  imul    eax, ecx, 0x9e3779b9
        sar     eax, 12
        cvtsi2ss xmm0, eax
        movd    ebx, xmm0
        mov     ebp, 8
.lane:  mov     [rdi], ebx
        add     edi, 4
        dec     ebp
        jnz     .lane
        imul    eax, eax, 77
        cvtsi2ss xmm0, eax
        divss   xmm0, [rel divisor]
        movd    [rsi], xmm0
        add     esi, 4
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
        vxorps  ymm4, ymm4, ymm4
        vxorps  ymm5, ymm5, ymm5
        vxorps  ymm6, ymm6, ymm6
        vxorps  ymm7, ymm7, ymm7
        mov     ecx, SIZE
.next:  vmovaps ymm0, [rsi]
        vfmadd231ps ymm4, ymm0, [rdi]
        vfmadd231ps ymm5, ymm0, [rdi + 32]
        vfmadd231ps ymm6, ymm0, [rdi + 64]
        vfmadd231ps ymm7, ymm0, [rdi + 96]
        add     rsi, 32
        add     rdi, ROW
        dec     ecx
        jnz     .next
        vmovaps [r8], ymm4
        vmovaps [r8 + 32], ymm5
        vmovaps [r8 + 64], ymm6
        vmovaps [r8 + 96], ymm7
        add     r8, 128
        add     r9, 128
        cmp     r9d, B_ + ROW
        jb      .columns
        add     ebx, 32 * SIZE
        cmp     ebx, A_ + 32 * SIZE * SIZE
        jb      .row
        dec     ebp
        jnz     .pass
        mov     eax, [PRODUCT + 5 * ROW + 40]
        ret
        align   4
divisor:
        dd      1024.75
%include "tail.inc"
