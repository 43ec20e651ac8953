; System management mode: SMIs by port 0xB2 and by IPI, the state save map, RSM, HLT restart, SMBASE; what waits for the end of
; the mode: SMIs, NMIs, an INIT; and a SIPI that is lost in it. SDM vol. 3C, "System Management Mode".

%define BARE
%include "architecture.inc"

SMBASE    equ 0x30000
OTHER     equ 0x40000                           ; where it is relocated to
ENTRY     equ 0x8000
MAP       equ 0xFC00
LAPIC     equ 0xFEE00000
ICR       equ LAPIC + 0x300
ICR_HIGH  equ LAPIC + 0x310
SVR       equ LAPIC + 0xF0
IPI_SMI   equ 0x4200
IPI_NMI   equ 0x4400
IPI_INIT  equ 0x4500
IPI_SIPI  equ 0x4600 | (TRAMPOLINE >> 12)
TRAMPOLINE equ 0x9000
LOW_GDTR  equ 0x6200
; Fields of the map.
S_CR0     equ 0x3F8
S_RFLAGS  equ 0x3E8
S_EFER    equ 0x3E0
S_RIP     equ 0x3D8
S_CS      equ 0x3AC
S_RBX     equ 0x374
S_RAX     equ 0x35C
S_R15     equ 0x31C
S_HALT    equ 0x302
S_REVISION equ 0x2FC
S_SMBASE  equ 0x2F8
; What the handler is to do.
NOTHING   equ 0
CHANGE    equ 1                                 ; another RBX for the program
MOVE      equ 2                                 ; SMBASE
AGAIN     equ 3                                 ; another SMI while in the mode
SEND_NMI  equ 4                                 ; an NMI to itself
GO_ON     equ 5                                 ; behind the HLT
STAY      equ 6                                 ; until it is released
; In low memory, which the handler reaches as everything else.
command   equ 0x6000
count     equ 0x6004
released  equ 0x6008
inside    equ 0x600C
seen      equ 0x6010
seen.cs   equ seen
seen.cr0  equ seen + 4
seen.flags equ seen + 8
seen.rip  equ seen + 12
seen.ax   equ seen + 16
seen.halt equ seen + 20
seen.revision equ seen + 24
seen.smbase equ seen + 28
seen.status equ seen + 32
seen.saved_cs equ seen + 36
seen.efer equ seen + 40
seen.r15  equ seen + 44
seen.dr7  equ seen + 48

section .text
bits 32

; NMIs are blocked from one to the next IRET.
%macro let_nmis_in 0
    pushf
    push CODE32
    push %%next
    iret
%%next:
%endmacro

main:
    mov esi, handler
    mov edi, SMBASE + ENTRY
    mov ecx, handler_end - handler
    rep movsb
    mov esi, handler
    mov edi, OTHER + ENTRY
    mov ecx, handler_end - handler
    rep movsb
    mov esi, trampoline
    mov edi, TRAMPOLINE
    mov ecx, trampoline_end - trampoline
    rep movsb
    mov esi, architecture_gdt_pointer
    mov edi, LOW_GDTR
    mov ecx, 6
    rep movsb
    mov edi, command
    mov ecx, 32
    xor eax, eax
    rep stosd
    mov dword [SVR], 0x1FF
    mov dword [ICR_HIGH], 0
    attempt {rsm}
    faulted "RSM outside of the mode", UD, 0
    group "smi", without_smi

    mov al, 0x5A
    out 0xB3, al
    mov eax, 0xA1A2A3A4
    mov ebx, 0xB1B2B3B4
    mov ebp, esp
    mov edx, 0x400
    or edx, 0x2
    mov dr7, edx
    stc
    out 0xB2, al
.behind:
    setc cl
    movzx ecx, cl
    check "smi: port 0xB2: the handler ran", dword [count], 1
    check "smi: its CS", dword [seen.cs], SMBASE >> 4
    check "smi: its CR0: neither PE nor PG", dword [seen.cr0], 0
    check "smi: its EFLAGS", dword [seen.flags], 2
    check "smi: its DR7", dword [seen.dr7], 0x400
    check "smi: port 0xB3", dword [seen.status], 0x5A
    check "smi: the map: EIP", dword [seen.rip], .behind
    check "smi: the map: EAX", dword [seen.ax], 0xA1A2A3A4
    check "smi: the map: CS", dword [seen.saved_cs], CODE32
    check "smi: the map: SMBASE", dword [seen.smbase], SMBASE
    check "smi: the map: no HLT", dword [seen.halt], 0
    mov edx, [seen.revision]
    shr edx, 16
    check "smi: the map: SMBASE can be relocated", edx, 2
    check "smi: RSM: EAX", eax, 0xA1A2A3A4
    check "smi: RSM: EBX", ebx, 0xB1B2B3B4
    check "smi: RSM: ESP", ebp, esp
    check "smi: RSM: CF", ecx, 1
    mov eax, dr7
    check "smi: RSM: DR7", eax, 0x402
    xor eax, eax
    mov dr7, eax
    mov ax, cs
    movzx eax, ax
    check "smi: RSM: CS", eax, CODE32
    mov dword [command], CHANGE
    out 0xB2, al
    check "smi: what the handler has changed", ebx, 0xC1C2C3C4
    mov dword [ICR], IPI_SMI
    check "smi: by IPI", dword [count], 3
    mov dword [command], AGAIN
    out 0xB2, al
..@behind_both:
    check "smi: another one in the handler comes behind it", dword [count], 5
    check "smi: in the same place", dword [seen.rip], ..@behind_both
    mov dword [command], SEND_NMI
    attempt {out 0xB2, al}
    trapped "smi: an NMI in the handler comes behind it", NMI
    let_nmis_in
    mov dword [command], MOVE
    out 0xB2, al
    out 0xB2, al
    check "smi: SMBASE relocated: its CS", dword [seen.cs], OTHER >> 4
    check "smi: SMBASE relocated: the map has it", dword [seen.smbase], OTHER
    mov byte [SMBASE + ENTRY + (handler.move - handler) + 4], SMBASE >> 16
    mov byte [OTHER + ENTRY + (handler.move - handler) + 4], SMBASE >> 16
    mov dword [command], MOVE
    out 0xB2, al
    out 0xB2, al
    check "smi: and back", dword [seen.smbase], SMBASE

without_smi:
    group "smp", without_smp
    ; The other CPU runs.
    mov dword [ICR_HIGH], 1 << 24
    mov dword [ICR], IPI_INIT
    mov dword [ICR], IPI_SIPI
    mov eax, 1
    call wait_for_starts
    mov dword [count], 0
    mov dword [command], GO_ON
    mov dword [ap.command], 1
    hlt
    check "smp: an SMI in HLT: the map says so", dword [seen.halt], 1
    check "smp: the handler lets the CPU go on", dword [count], 1
    mov dword [command], NOTHING
    call wait_for_idle
    mov dword [ap.command], 2
    attempt {hlt}
    trapped "smp: else it halts on, until an NMI", NMI
    let_nmis_in
    check "smp: behind an SMI", dword [count], 2

    ; INIT and SIPI while the other CPU is in the mode.
    call wait_for_idle
    mov dword [command], STAY
    mov dword [ICR_HIGH], 1 << 24
    mov dword [ICR], IPI_SMI
.enters:
    pause
    cmp dword [inside], 1
    jne .enters
    mov dword [ICR], IPI_INIT
    mov dword [ICR], IPI_SIPI
    mov ecx, 20000
    loop $
    check "smp: in the mode: neither INIT nor SIPI ends it", dword [inside], 1
    check "smp: in the mode: no start", dword [ap.starts], 1
    mov dword [command], NOTHING
    mov dword [released], 1
.leaves:
    pause
    cmp dword [inside], 0
    jne .leaves
    mov ecx, 20000
    loop $
    mov ebx, [ap.beat]
    mov ecx, 20000
    loop $
    check "smp: behind it: the INIT, and the CPU stands", dword [ap.beat], ebx
    check "smp: behind it: the SIPI was lost", dword [ap.starts], 1
    mov dword [ICR], IPI_SIPI
    mov eax, 2
    call wait_for_starts
    check "smp: the next SIPI starts it", dword [ap.starts], 2
    mov dword [ICR_HIGH], 0
without_smp:

    call build_identity64
    to_long_mode identity_pml4
    group "long", .done
    mov dword [count], 0
    mov dword [command], NOTHING
    mov ecx, 0xC0000100                         ; IA32_FS_BASE
    mov eax, 0x89ABCDEF
    mov edx, 0x1234
    wrmsr
    mov r15, 0x1122334455667788
    mov rbp, rsp
    out 0xB2, al
..@long_behind:
    mov eax, [count]
    check "long: the handler ran", rax, 1
    mov eax, [seen.rip]
    check "long: the map: RIP", rax, ..@long_behind
    mov eax, [seen.r15]
    check "long: the map: R15", rax, 0x55667788
    mov eax, [seen.efer]
    and eax, EFER_LME | EFER_LMA
    check "long: the map: EFER", rax, EFER_LME | EFER_LMA
    mov rax, 0x1122334455667788
    check "long: RSM: R15", r15, rax
    check "long: RSM: RSP", rbp, rsp
    mov eax, cs
    check "long: RSM: CS", rax, CODE64
    mov ecx, 0xC0000100
    rdmsr
    shl rdx, 32
    or rax, rdx
    mov rdx, 0x123489ABCDEF
    check "long: RSM: the base of FS", rax, rdx
    mov qword [tss64 + 4], kernel_stack_top
    attempt_begins
    push USER_DATA
    push user_stack_top
    push 0x3002                                 ; IOPL 3
    push USER_CODE64
    push .user
    iretq
.user:
    out 0xB2, al
    mov ecx, cs
.user_end:
    ud2
    attempt_ends
    faulted "long: at CPL 3", UD, 0, .user_end
    check "long: RSM: to CPL 3", rcx, USER_CODE64
    mov eax, [count]
    check "long: at CPL 3: the handler ran", rax, 2
.done:
    finish

; Until the other CPU has nothing more to do.
wait_for_idle:
bits 32
    pause
    cmp dword [ap.command], 0
    jne wait_for_idle
    ret

; EAX = starts of the other CPU.
wait_for_starts:
bits 32
    pause
    cmp [ap.starts], eax
    jne wait_for_starts
    ret

; The other CPU: 1: an SMI for the first one, after a while; 2: and an NMI behind it.
ap_main:
    mov ax, DATA
    mov ds, ax
    mov ss, ax
    mov esp, ap_stack_top
    mov dword [SVR], 0x1FF
    mov dword [ICR_HIGH], 0
    inc dword [ap.starts]
.loop:
    inc dword [ap.beat]
    cmp dword [ap.command], 0
    je .loop
    mov ecx, 20000
    loop $
    mov ebx, [count]
    mov dword [ICR], IPI_SMI
.taken:
    pause
    cmp [count], ebx
    je .taken
    cmp dword [ap.command], 2
    jne .done
    mov ecx, 20000
    loop $
    mov dword [ICR], IPI_NMI
.done:
    mov dword [ap.command], 0
    jmp .loop

bits 16
trampoline:
    cli
    xor ax, ax
    mov ds, ax
    o32 lgdt [LOW_GDTR]
    mov eax, cr0
    or al, CR0_PE
    mov cr0, eax
    jmp dword CODE32:ap_main
trampoline_end:

; The handler: 16-bit code, segments that begin at 0 and end at 4 GiB, CS at SMBASE.
handler:
    mov esp, 0x7000
    pushfd
    pop eax
    a32 mov [dword seen.flags], eax
    a32 inc dword [dword count]
    mov eax, cs
    movzx eax, ax
    a32 mov [dword seen.cs], eax
    mov eax, cr0
    and eax, CR0_PE | CR0_PG
    a32 mov [dword seen.cr0], eax
    mov eax, dr7
    a32 mov [dword seen.dr7], eax
    in al, 0xB3
    movzx eax, al
    a32 mov [dword seen.status], eax
    mov eax, [cs:MAP + S_RIP]
    a32 mov [dword seen.rip], eax
    mov eax, [cs:MAP + S_RAX]
    a32 mov [dword seen.ax], eax
    mov eax, [cs:MAP + S_CS]
    a32 mov [dword seen.saved_cs], eax
    mov eax, [cs:MAP + S_EFER]
    a32 mov [dword seen.efer], eax
    mov eax, [cs:MAP + S_R15]
    a32 mov [dword seen.r15], eax
    movzx eax, word [cs:MAP + S_HALT]
    a32 mov [dword seen.halt], eax
    mov eax, [cs:MAP + S_REVISION]
    a32 mov [dword seen.revision], eax
    mov eax, [cs:MAP + S_SMBASE]
    a32 mov [dword seen.smbase], eax
    a32 mov ecx, [dword command]
    cmp cl, STAY
    je .stay
    a32 mov dword [dword command], NOTHING
    cmp cl, CHANGE
    je .change
    cmp cl, MOVE
    je .move
    cmp cl, AGAIN
    je .again
    cmp cl, SEND_NMI
    je .nmi
    cmp cl, GO_ON
    je .go_on
.done:
    rsm
.change:
    mov dword [cs:MAP + S_RBX], 0xC1C2C3C4
    rsm
.move:
    mov eax, OTHER
    mov [cs:MAP + S_SMBASE], eax
    rsm
.again:
    out 0xB2, al
    out 0xB2, al
    rsm
.nmi:
    a32 mov dword [dword ICR], IPI_NMI
    rsm
.go_on:
    mov word [cs:MAP + S_HALT], 0
    rsm
.stay:
    a32 mov dword [dword inside], 1
.wait:
    a32 cmp dword [dword released], 0
    je .wait
    a32 mov dword [dword inside], 0
    rsm
handler_end:
bits 32

section .bss
alignb 16
ap:
.starts: resd 1
.beat: resd 1
.command: resd 1
    resb 1024
ap_stack_top:
section .text

%include "image-end.inc"
