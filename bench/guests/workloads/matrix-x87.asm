; The product of two matrices of doubles on the x87 FPU, one sum of products after the other.
%define SIDE 64
%define SUM 5 + SIDE * 7 + 6
%define ROW 2 + SIDE * (SUM) + 3
%define INSTRUCTIONS ROUNDS * (2 + SIDE * (ROW) + 2) + 1 + 2 + 4 * SIDE * SIDE + 1
%include "frame.inc"
first   equ     DATA
second  equ     DATA + 0x10000
product equ     DATA + 0x20000
; Elements are -8 to 7, by their numbers: sums are exact.
prepare:
        fninit
        xor     ecx, ecx
.next:  imul    eax, ecx, 0x9e3779b1
        mov     edx, eax
        sar     eax, 28
        mov     [number], eax
        fild    dword [number]
        fstp    qword [first + C * 8]
        shl     edx, 4
        sar     edx, 28
        mov     [number], edx
        fild    dword [number]
        fstp    qword [second + C * 8]
        inc     ecx
        cmp     ecx, SIDE * SIDE
        jb      .next
        ret

work:   mov     ebp, ROUNDS
.round: mov     ebx, first                      ; a row
        mov     edi, product
.row:   mov     edx, SIDE
        mov     esi, second                     ; a column
.sum:   fldz
        mov     A, B
        mov     C, SI_
        push    D
        mov     edx, SIDE
.next:  fld     qword [A]
        fmul    qword [C]
        faddp
        add     A, 8
        add     C, SIDE * 8
        dec     edx
        jnz     .next
        pop     D
        fstp    qword [DI_]
        add     DI_, 8
        add     SI_, 8
        dec     edx
        jnz     .sum
        add     ebx, SIDE * 8
        cmp     ebx, first + SIDE * SIDE * 8
        jb      .row
        dec     ebp
        jnz     .round
        xor     eax, eax
        mov     ecx, SIDE * SIDE
.check: mov     edx, [product + C * 8 - 4]
        rol     eax, 5
        xor     eax, edx
        loop    .check
        ret
number  equ     DATA + 0x30000
%include "tail.inc"
