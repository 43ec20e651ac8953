; Page faults: ring 3 writes to a page that is not present; the handler maps it, and takes the one before away.
%assign OPERATIONS ROUNDS * 50000 * 2
%define INSTRUCTIONS OPERATIONS
%include "frame.inc"
PAGE_A          equ 64 << 20
PAGE_B          equ PAGE_A + 0x1000
ENTRIES         equ TABLES + 0x3000

prepare:
        call    open_ring3
        mov     al, 14
        mov     esi, fault
        call    set_gate
        mov     al, 0x80
        mov     esi, leave_ring3
        call    set_gate
        mov     qword [ENTRIES + (PAGE_A >> 12) * 8], 0
        mov     qword [ENTRIES + (PAGE_B >> 12) * 8], 0
        invlpg  [PAGE_A]
        invlpg  [PAGE_B]
        ret

work:   mov     esi, user
        jmp     enter_ring3

user:   mov     ebp, OPERATIONS / 2
        xor     eax, eax
.pair:  mov     [PAGE_A], eax
        mov     [PAGE_B], eax
        dec     ebp
        jnz     .pair
        int     0x80
fault:  push    rax
        push    rdx
        mov     rax, cr2
        mov     rdx, rax
        shr     rdx, 12
        or      eax, PRESENT | USER
        mov     [ENTRIES + rdx * 8], rax
        xor     edx, 1
        mov     qword [ENTRIES + rdx * 8], 0
        shl     rdx, 12
        invlpg  [rdx]
        pop     rdx
        pop     rax
        add     rsp, 8                          ; the error code
        iretq
%include "ring3.inc"
%include "tail.inc"
