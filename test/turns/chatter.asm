; CPUs that interrupt each other, halt, wait and spin, as a generator of each one's own says: whatever can come between two turns
; comes here. Each CPU has a periodic timer of its own; the BSP ends the run after BSP_ACTIONS.
; A boot sector in shape, though longer: loaded and entered at 0000:7C00 in real mode.
LAPIC           equ 0xfee00000
LAPIC_ID        equ LAPIC + 0x020
LAPIC_TPR       equ LAPIC + 0x080
LAPIC_EOI       equ LAPIC + 0x0b0
LAPIC_SVR       equ LAPIC + 0x0f0
LAPIC_ICR       equ LAPIC + 0x300
LAPIC_ICR_HIGH  equ LAPIC + 0x310
LVT_TIMER       equ LAPIC + 0x320
TIMER_INITIAL   equ LAPIC + 0x380
TIMER_DIVIDE    equ LAPIC + 0x3e0
ALL_BUT_SELF    equ 0xc4000
PERIODIC        equ 1 << 17
DIVIDE_BY_1     equ 0x0b
TRAMPOLINE      equ 0x8000
IDT             equ 0x9000
LINE            equ 0xa000              ; that MONITOR watches
CALLED          equ 0xb000              ; a count for each CPU
STACKS          equ 0x10000
LOW             equ 0x51                ; which a task priority may mask
HIGH            equ 0x62
TIMER           equ 0x73
BSP_ACTIONS     equ 6000

        org     0x7c00
        bits    16
        jmp     start
        times 32 - ($ - $$) db 0
        align   8
gdt:    dq      0, 0x00cf9a000000ffff, 0x00cf92000000ffff
gdt_pointer:
        dw      $ - gdt - 1
        dd      gdt
idt_pointer:
        dw      0x3ff
        dd      IDT
start:  cli
        xor     ax, ax
        mov     ds, ax
        mov     es, ax
        mov     si, trampoline
        mov     di, TRAMPOLINE
        mov     cx, start_end - trampoline
        rep     movsb
        mov     al, 0xff                ; no interrupts from the 8259s
        out     0x21, al
        out     0xa1, al
trampoline:
        cli
        xor     ax, ax
        mov     ds, ax
        lgdt    [gdt_pointer]
        mov     eax, cr0
        or      al, 1
        mov     cr0, eax
        jmp     dword 8:protected
start_end:

        bits    32
protected:
        mov     ax, 16
        mov     ds, ax
        mov     es, ax
        mov     ss, ax
        lidt    [idt_pointer]           ; who is counted may get an NMI
        mov     ebx, 1
        lock xadd [cpus], ebx           ; this CPU's number, the BSP's is 0
        mov     esp, ebx
        inc     esp
        shl     esp, 10
        add     esp, STACKS
        test    ebx, ebx
        jnz     .ap
        mov     edi, IDT
        mov     ecx, 128
        mov     eax, spurious
.gate:  mov     [edi], ax
        mov     dword [edi + 2], 8
        mov     byte [edi + 5], 0x8e
        add     edi, 8
        loop    .gate
        mov     word [IDT + 2 * 8], nmi
        mov     word [IDT + TIMER * 8], timer
        mov     word [IDT + LOW * 8], call_low
        mov     word [IDT + HIGH * 8], call_high
        mov     dword [LAPIC_SVR], 0x1ff
        mov     dword [LAPIC_ICR], ALL_BUT_SELF | 0x500
        mov     ecx, 20000
        loop    $
        mov     dword [LAPIC_ICR], ALL_BUT_SELF | 0x600 | (TRAMPOLINE >> 12)
        mov     ecx, 200000
        loop    $
.ap:    mov     dword [LAPIC_SVR], 0x1ff
        mov     dword [TIMER_DIVIDE], DIVIDE_BY_1
        mov     dword [LVT_TIMER], PERIODIC | TIMER
        imul    eax, ebx, 3701
        add     eax, 20011
        mov     [TIMER_INITIAL], eax
        imul    esi, ebx, 0x9e3779b1    ; the generator
        add     esi, 77
        mov     ebp, BSP_ACTIONS

next:   imul    esi, esi, 1664525
        add     esi, 1013904223
        mov     eax, esi
        shr     eax, 28
        mov     eax, [actions + eax * 4]
        call    eax
        test    ebx, ebx
        jnz     next
        dec     ebp
        jnz     next
        cli
        mov     eax, [CALLED]
        mov     edx, 0xf4
        mov     al, 0
        out     dx, al
        hlt

actions: dd     sleep, sleep, sleep, nap, nap, spin, spin, one, one, one, all, mask, unmask, itself, knock, watch

sleep:  sti
        hlt
        cli
        ret
; What waits is let through.
nap:    sti
        nop
        nop
        cli
        ret
spin:   mov     ecx, esi
        shr     ecx, 20
        and     ecx, 0x3ff
        inc     ecx
        loop    $
        ret
one:    call    choose
        mov     edx, 0x4000 | LOW
        test    esi, 1 << 20
        jz      .send
        mov     edx, 0x4000 | HIGH
.send:  mov     [LAPIC_ICR], edx
        ret
all:    mov     dword [LAPIC_ICR], ALL_BUT_SELF | LOW
        ret
mask:   mov     dword [LAPIC_TPR], LOW
        ret
unmask: mov     dword [LAPIC_TPR], 0
        ret
itself: mov     dword [LAPIC_ICR], 0x44000 | HIGH
        ret
knock:  call    choose
        mov     dword [LAPIC_ICR], 0x4400   ; an NMI
        ret
; MWAIT until somebody writes the line, or an interrupt comes.
watch:  mov     eax, LINE
        xor     ecx, ecx
        xor     edx, edx
        monitor
        inc     dword [LINE + 64]
        xor     eax, eax
        sti
        mwait
        cli
        inc     dword [LINE]
        ret
; ICR_HIGH: some CPU.
choose: mov     eax, esi
        shr     eax, 12
        xor     edx, edx
        and     eax, 0xfff
        div     dword [cpus]
        shl     edx, 24
        mov     [LAPIC_ICR_HIGH], edx
        ret

call_high:
call_low:
        inc     dword [CALLED + ebx * 4]
timer:  mov     dword [LAPIC_EOI], 0
spurious:
nmi:    iret
cpus:   dd      0
