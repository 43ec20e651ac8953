; SHA-256 (FIPS 180-4): its compression of one block after the other, each with the same 64 bytes. The working variables
; are registers in 64-bit mode, and memory where there are too few.
%if BITS_ = 64
%assign SAVE 8
%assign RESTORE 8
%define a_ r8d
%define b_ r9d
%define c_ r10d
%define d_ r11d
%define e_ r12d
%define f_ r13d
%define g_ r14d
%define h_ r15d
%else
%assign SAVE 16
%assign RESTORE 16
%define a_ dword [working]
%define b_ dword [working + 4]
%define c_ dword [working + 8]
%define d_ dword [working + 12]
%define e_ dword [working + 16]
%define f_ dword [working + 20]
%define g_ dword [working + 24]
%define h_ dword [working + 28]
%endif
%assign BLOCK 1 + 16 * 6 + 1 + 48 * 24 + SAVE + 1 + 8 * (8 * 32 + 3) + RESTORE + 2
%define INSTRUCTIONS ROUNDS * 1000 * BLOCK + 3
%include "frame.inc"
hash    equ     DATA
working equ     DATA + 64
schedule equ    DATA + 128
prepare:
        mov     esi, initial
        mov     edi, hash
        mov     ecx, 8
        rep     movsd
        ret

; One round, of index SI + %9.
%macro round 9
        mov     edx, %5
        mov     eax, edx
        ror     eax, 6
        mov     ecx, edx
        ror     ecx, 11
        xor     eax, ecx
        ror     ecx, 14
        xor     eax, ecx
        mov     ecx, %6
        xor     ecx, %7
        and     ecx, edx
        xor     ecx, %7
        add     eax, ecx
        add     eax, %8
        add     eax, [constants + SI_ * 4 + %9 * 4]
        add     eax, [schedule + SI_ * 4 + %9 * 4]
        add     %4, eax
        mov     edx, %1
        mov     ecx, edx
        ror     ecx, 2
        mov     ebx, edx
        ror     ebx, 13
        xor     ecx, ebx
        ror     ebx, 9
        xor     ecx, ebx
        add     eax, ecx
        mov     ecx, edx
        and     ecx, %2
        or      edx, %2
        and     edx, %3
        or      ecx, edx
        add     eax, ecx
        mov     %8, eax
%endmacro
; Working variables from the hash, and back.
%macro take 2
%if BITS_ = 64
        mov     %1, [hash + %2 * 4]
%else
        mov     eax, [hash + %2 * 4]
        mov     %1, eax
%endif
%endmacro
%macro give 2
%if BITS_ = 64
        add     [hash + %2 * 4], %1
%else
        mov     eax, %1
        add     [hash + %2 * 4], eax
%endif
%endmacro

work:   mov     ebp, ROUNDS * 1000
.block: xor     esi, esi
.load:  mov     eax, [message + SI_ * 4]
        bswap   eax
        mov     [schedule + SI_ * 4], eax
        inc     esi
        cmp     esi, 16
        jb      .load
        mov     esi, 16
.extend:
        mov     eax, [schedule + SI_ * 4 - 60]
        mov     ecx, eax
        mov     edx, eax
        ror     eax, 7
        ror     ecx, 18
        shr     edx, 3
        xor     eax, ecx
        xor     eax, edx
        mov     ebx, [schedule + SI_ * 4 - 8]
        mov     ecx, ebx
        mov     edx, ebx
        ror     ebx, 17
        ror     ecx, 19
        shr     edx, 10
        xor     ebx, ecx
        xor     ebx, edx
        add     eax, ebx
        add     eax, [schedule + SI_ * 4 - 64]
        add     eax, [schedule + SI_ * 4 - 28]
        mov     [schedule + SI_ * 4], eax
        inc     esi
        cmp     esi, 64
        jb      .extend

        take    a_, 0
        take    b_, 1
        take    c_, 2
        take    d_, 3
        take    e_, 4
        take    f_, 5
        take    g_, 6
        take    h_, 7
        xor     esi, esi
.rounds:
        round   a_, b_, c_, d_, e_, f_, g_, h_, 0
        round   h_, a_, b_, c_, d_, e_, f_, g_, 1
        round   g_, h_, a_, b_, c_, d_, e_, f_, 2
        round   f_, g_, h_, a_, b_, c_, d_, e_, 3
        round   e_, f_, g_, h_, a_, b_, c_, d_, 4
        round   d_, e_, f_, g_, h_, a_, b_, c_, 5
        round   c_, d_, e_, f_, g_, h_, a_, b_, 6
        round   b_, c_, d_, e_, f_, g_, h_, a_, 7
        add     esi, 8
        cmp     esi, 64
        jb      .rounds
        give    a_, 0
        give    b_, 1
        give    c_, 2
        give    d_, 3
        give    e_, 4
        give    f_, 5
        give    g_, 6
        give    h_, 7
        dec     ebp
        jnz     .block
        mov     eax, [hash]
        ret
        align   4
constants:
        dd      0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5
        dd      0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174
        dd      0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da
        dd      0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967
        dd      0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85
        dd      0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070
        dd      0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3
        dd      0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2
initial:
        dd      0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19
message:
        times 16 dd 0x64636261
%include "tail.inc"
