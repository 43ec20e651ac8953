; The sieve of Eratosthenes over 16 MiB, a byte for each number.
%assign SIZE 1 << 24
%assign ROOT 1 << 12
; Instructions of one pass: for each number to ROOT its test, for each prime the marks.
%assign PASS 9 + SIZE / 4
%assign n 2
%rep ROOT - 2
  %assign prime 1
  %assign d 2
  %rep 64
    %if d * d <= n
      %if n % d = 0
        %assign prime 0
      %endif
    %endif
    %assign d d + 1
    %if d * d > n || prime = 0
      %exitrep
    %endif
  %endrep
  %assign PASS PASS + 5
  %if prime
    %assign PASS PASS + 3 + 4 * ((SIZE - n * n + n - 1) / n)
  %endif
  %assign n n + 1
%endrep
%define INSTRUCTIONS ROUNDS * PASS + 3
%include "frame.inc"
prepare:
        ret
work:   mov     ebp, ROUNDS
.pass:  mov     edi, DATA                       ; all are prime
        mov     ecx, SIZE / 4
        xor     eax, eax
        call    clear
        mov     esi, 2
        mov     eax, DATA + SIZE
.number:
        cmp     byte [SI_ + DATA], 0
        jne     .composite
        mov     edi, esi
        imul    edi, esi
        add     edi, DATA
.mark:  mov     byte [DI_], 1
        add     DI_, SI_
        cmp     DI_, A
        jb      .mark
.composite:
        inc     esi
        cmp     esi, ROOT
        jb      .number
        dec     ebp
        jnz     .pass
        mov     eax, [DATA + 10000]
        ret
clear:  rep     stosd
        ret
%include "tail.inc"
