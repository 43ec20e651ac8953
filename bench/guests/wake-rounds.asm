; INIT to the first instruction of each AP, ROUNDS times in one machine: the BSP writes a POST code, then sends one broadcast INIT
; and one broadcast SIPI; the first instruction of an AP writes its POST code. The BSP waits for a byte on COM1 first, so that
; all threads of the host are up by then, and halts meanwhile, so that they come up sooner; and before each round for some exits,
; so that whoever was woken is asleep again.
%include "wake.inc"
TIMER_VECTOR    equ 8
TIMER_COUNT     equ 11932               ; 10 ms

        begin_boot_sector
        mov     word [TIMER_VECTOR * 4], tick
        mov     word [TIMER_VECTOR * 4 + 2], 0
        mov     al, 0x11
        out     0x20, al
        mov     al, TIMER_VECTOR
        out     0x21, al
        mov     al, 4
        out     0x21, al
        mov     al, 1
        out     0x21, al
        mov     al, 0xfe                ; the timer alone
        out     0x21, al
        mov     al, 0x34
        out     0x43, al
        mov     al, TIMER_COUNT & 0xff
        out     0x40, al
        mov     al, TIMER_COUNT >> 8
        out     0x40, al
        mov     dx, 0x3fd
wait_go:
        sti
        hlt
        in      al, dx
        test    al, 1
        jz      wait_go
        cli
        mov     al, 0xff
        out     0x21, al

        enter_protected_mode
        mov     ebp, ROUNDS
round:  mov     ecx, SETTLE_EXITS
settle: in      al, dx
        dec     ecx
        jnz     settle
        mov     dword [TRAMPOLINE + arrived - trampoline], 0
        out     0x80, al
        wake_all
        dec     ebp
        jnz     round
        end_boot_sector

        bits 16
tick:   push    ax
        mov     al, 0x20
        out     0x20, al
        pop     ax
        iret
