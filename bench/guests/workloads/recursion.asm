; Recursive calls: Fibonacci numbers by their definition.
%assign DEPTH 27
; Instructions of fib(n), and of fib(n - 1).
%assign INNER 3
%assign BEFORE 3
%rep DEPTH - 1
  %assign NEXT_ 12 + INNER + BEFORE
  %assign BEFORE INNER
  %assign INNER NEXT_
%endrep
%define INSTRUCTIONS ROUNDS * (INNER + 4) + 2
%include "frame.inc"
prepare:
        ret
work:   mov     ebp, ROUNDS
.pass:  mov     eax, DEPTH
        call    fib
        dec     ebp
        jnz     .pass
        ret
fib:    cmp     eax, 2
        jb      .leaf
        push    A
        dec     eax
        call    fib
        pop     C
        push    A
        lea     eax, [C - 2]
        call    fib
        pop     C
        add     eax, ecx
        ret
.leaf:  ret
%include "tail.inc"
