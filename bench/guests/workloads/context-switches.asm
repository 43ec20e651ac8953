; Context switches between two threads: registers, stack and address space; each touches four pages when it is on.
%assign OPERATIONS ROUNDS * 50000 * 2
%define INSTRUCTIONS OPERATIONS
%include "frame.inc"
OTHER_TABLES    equ DATA
OTHER_STACK     equ DATA + 0x3000
TOUCHED         equ 64 << 20

prepare:
        mov     esi, TABLES
        mov     edi, OTHER_TABLES
        mov     ecx, 512
        rep     movsq
        ret

work:   mov     rbx, OTHER_STACK
        sub     rbx, 7 * 8                      ; as `switch` leaves a stack, with where it returns to
        mov     qword [rbx + 6 * 8], other
        mov     [other_rsp], rbx
        mov     r12d, OPERATIONS / 2
.pair:  call    touch
        mov     edi, this_rsp
        mov     esi, other_rsp
        mov     eax, OTHER_TABLES
        call    switch
        dec     r12d
        jnz     .pair
        xor     eax, eax
        ret

other:  call    touch
        mov     edi, other_rsp
        mov     esi, this_rsp
        mov     eax, TABLES
        call    switch
        jmp     other

switch: push    rbx
        push    rbp
        push    r12
        push    r13
        push    r14
        push    r15
        mov     [rdi], rsp
        mov     rsp, [rsi]
        mov     cr3, rax
        pop     r15
        pop     r14
        pop     r13
        pop     r12
        pop     rbp
        pop     rbx
        ret

touch:  inc     qword [TOUCHED]
        inc     qword [TOUCHED + 0x1000]
        inc     qword [TOUCHED + 0x2000]
        inc     qword [TOUCHED + 0x3000]
        ret

        align   8
this_rsp: dq    0
other_rsp: dq   0
%include "tail.inc"
