; Encrypts 1 MiB in place with AES-128 in counter mode: the key of FIPS 197, appendix A.1, expanded by AESKEYGENASSIST.
%assign BLOCKS (1 << 20) / 16
%define INSTRUCTIONS ROUNDS * (BLOCKS * 18 + 4) + 6
%include "frame.inc"
SCHEDULE equ    DATA
TEXT    equ     16 << 20

; The next round key: %1 from %2, with round constant %3.
%macro expand 3
        aeskeygenassist xmm13, xmm%2, %3
        pshufd  xmm13, xmm13, 0xff
        movdqa  xmm%1, xmm%2
        %rep 3
        pslldq  xmm%2, 4
        pxor    xmm%1, xmm%2
        %endrep
        pxor    xmm%1, xmm13
        movdqa  [SCHEDULE + %1 * 16], xmm%1
%endmacro

prepare:
        mov     rax, cr4
        or      eax, 0x600                      ; OSFXSR, OSXMMEXCPT
        mov     cr4, rax
        movups  xmm0, [key]
        movdqa  [SCHEDULE], xmm0
        expand  1, 0, 0x01
        expand  2, 1, 0x02
        expand  3, 2, 0x04
        expand  4, 3, 0x08
        expand  5, 4, 0x10
        expand  6, 5, 0x20
        expand  7, 6, 0x40
        expand  8, 7, 0x80
        expand  9, 8, 0x1b
        expand  10, 9, 0x36
        ; Each expansion has shifted the key before it out of its register.
%assign KEY 0
%rep 11
        movdqa  xmm %+ KEY, [SCHEDULE + KEY * 16]
%assign KEY KEY + 1
%endrep
        ret
work:   pxor    xmm15, xmm15                    ; the counter
        movq    xmm14, [one]
        mov     ebp, ROUNDS
.pass:  mov     edi, TEXT
        mov     ecx, BLOCKS
.next:  movdqa  xmm11, xmm15
        paddq   xmm15, xmm14
        pxor    xmm11, xmm0
%assign KEY 1
%rep 9
        aesenc  xmm11, xmm %+ KEY
%assign KEY KEY + 1
%endrep
        aesenclast xmm11, xmm10
        pxor    xmm11, [rdi]
        movdqa  [rdi], xmm11
        add     rdi, 16
        dec     ecx
        jnz     .next
        dec     ebp
        jnz     .pass
        mov     eax, [TEXT + (1 << 20) - 4]
        ret
        align   16
key:    db      0x2b, 0x7e, 0x15, 0x16, 0x28, 0xae, 0xd2, 0xa6, 0xab, 0xf7, 0x15, 0x88, 0x09, 0xcf, 0x4f, 0x3c
one:    dq      1
%include "tail.inc"
