; INIT to the first instruction of each AP, ROUNDS times in one machine: the BSP writes a POST code, then sends one broadcast INIT
; and one broadcast SIPI; the first instruction of an AP writes its POST code. The BSP waits for a byte on COM1 first, so that
; all threads of the host are up by then, and halts meanwhile, so that they come up sooner; and before each round for some exits,
; so that whoever was woken is asleep again.
; A boot sector: loaded and entered at 0000:7C00 in real mode; goes to 32-bit mode to reach the local APIC.
        bits 16
        org 0x7c00
LAPIC_ICR       equ 0xfee00300
LAPIC_SVR       equ 0xfee000f0
TRAMPOLINE      equ 0x8000
SETTLE_EXITS    equ 3000
TIMER_VECTOR    equ 8
TIMER_COUNT     equ 11932               ; 10 ms

        cli
        xor     ax, ax
        mov     ds, ax
        mov     es, ax
        mov     ss, ax
        mov     sp, 0x7c00
        cld
        mov     si, trampoline
        mov     di, TRAMPOLINE
        mov     cx, trampoline_end - trampoline
        rep     movsb

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

        lgdt    [gdt_pointer]
        mov     eax, cr0
        or      al, 1
        mov     cr0, eax
        jmp     dword 8:protected

tick:   push    ax
        mov     al, 0x20
        out     0x20, al
        pop     ax
        iret

        bits 32
protected:
        mov     ax, 16
        mov     ds, ax
        mov     dword [LAPIC_SVR], 0x1ff
        mov     ebp, ROUNDS
round:  mov     ecx, SETTLE_EXITS
settle: in      al, dx
        dec     ecx
        jnz     settle
        mov     dword [TRAMPOLINE + arrived - trampoline], 0
        out     0x80, al
        mov     dword [LAPIC_ICR], 0x000c4500   ; INIT, all excluding self
        mov     dword [LAPIC_ICR], 0x000c4608   ; SIPI 0x08, all excluding self
wait_all:
        pause
        cmp     dword [TRAMPOLINE + arrived - trampoline], APS
        jb      wait_all
        dec     ebp
        jnz     round
        mov     dx, 0xf4
        xor     al, al
        out     dx, al
        hlt

        align 8
gdt:    dq      0, 0x00cf9a000000ffff, 0x00cf92000000ffff
gdt_pointer:
        dw      $ - gdt - 1
        dd      gdt

        bits 16
trampoline:
        out     0x80, al
        lock inc dword [cs:arrived - trampoline]
        hlt
        align 4
arrived: dd     0
trampoline_end:
