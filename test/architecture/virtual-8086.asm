; Virtual-8086 mode: entered by IRET and by a task switch, left by events; its segments; what IOPL and the I/O permission map
; allow; interrupts by the IDT and, with VME, by the program's own vectors; virtual interrupt flags of VME and PVI.
; SDM vol. 3B, "8086 Emulation".

%define BARE
%include "architecture.inc"

LOW_CODE  equ 0x8000                            ; the program's copy
PROGRAM   equ (LOW_CODE >> 4) | 3               ; fault32 takes SS and ESP from frames whose CS has RPL 3
LOW       equ PROGRAM << 4
RESULTS   equ 0x6000
STACK_TOP equ 0x7000
TASK      equ SPARE
CONFORMING equ SPARE + 8
WORDS     equ SPARE + 16                        ; 16-bit code, base `words`
CR4_VME   equ 1 << 0
CR4_PVI   equ 1 << 1
FLAG_VM   equ 1 << 17
FLAG_VIF  equ 1 << 19
FLAG_VIP  equ 1 << 20
IOPL_3    equ 0x3000
BITMAP    equ 136                               ; offset of the I/O permission map; 32 bytes before it for VME

section .text
bits 32

%define low(label) (label - low_begin)

; virtual FLAGS, LABEL: the program from there with these flags, until something ends it.
%macro virtual 2
    attempt_begins
    push 0x0606                                 ; GS
    push 0x0505                                 ; FS
    push RESULTS >> 4                           ; DS
    push RESULTS >> 4                           ; ES
    push 0                                      ; SS
    push STACK_TOP
    push FLAG_VM | 2 | %1
    push PROGRAM
    push low(%2)
    iret
    attempt_ends
%endmacro

%macro ended 4                                  ; NAME, VECTOR, ERROR, LABEL
    faulted %1, %2, %3, low(%4)
%endmacro

%macro flags_are 3                              ; NAME, MASK, VALUE: of the image that the last event pushed
    mov eax, [fault.flags]
    and eax, %2
    check %1, eax, %3
%endmacro

main:
    mov esi, low_begin
    mov edi, LOW
    mov ecx, low_end - low_begin
    rep movsb
    mov word [4 * 0x61], low(int61)
    mov word [4 * 0x61 + 2], PROGRAM
    set_descriptor CONFORMING, 0x0000FFFF, 0x00CF9E00
    ; A longer TSS: the map of software interrupts (all by the IDT), and ports 0 to 0xFF, of which 0x80 is allowed.
    mov edi, long_tss
    mov esi, tss32
    mov ecx, 104 / 4
    rep movsd
    mov word [long_tss + 102], BITMAP
    mov edi, long_tss + BITMAP - 32
    mov ecx, 32 + 33
    mov al, 0xFF
    rep stosb
    and byte [long_tss + BITMAP + 0x80 / 8], ~1
    mov eax, long_tss
    mov ebx, BITMAP + 32
    mov edi, architecture_gdt + TSS32
    call describe_tss
    mov ax, TSS32
    ltr ax
    group "mode", without_mode

    virtual 0, segments
    ended "mode: begins, and ends by HLT", GP, 0, segments.hlt
    check "mode: CS", dword [RESULTS], PROGRAM
    check "mode: DS << 4 is its base", dword [RESULTS + 4], 0x13572468
    check "mode: SS", dword [RESULTS + 8], 0
    check "mode: SP", dword [RESULTS + 12], STACK_TOP
    check "mode: FS", dword [RESULTS + 16], 0x0505
    check "mode: a far call and its return", dword [RESULTS + 20], PROGRAM
    check "mode: LDS", dword [RESULTS + 24], 0x1234
    check "mode: code can be written", dword [RESULTS + 28], 0x5678
    check "mode: SMSW", dword [RESULTS + 32], 1
    check "mode: the event: CS", dword [fault.cs], PROGRAM
    check "mode: the event: ESP", dword [fault.sp], STACK_TOP
    check "mode: the event: SS", dword [fault.ss], 0
    mov ebx, [fault.frame]
    check "mode: the event: ES", dword [ebx + 20], RESULTS >> 4
    check "mode: the event: DS", dword [ebx + 24], RESULTS >> 4
    check "mode: the event: FS", dword [ebx + 28], 0x0505
    check "mode: the event: GS", dword [ebx + 32], 0x0606
    add ebx, 36
    check "mode: the event: the frame", ebx, kernel_stack_top
    flags_are "mode: the event: VM in the image", FLAG_VM, FLAG_VM
    mov ax, gs
    movzx eax, ax
    check "mode: the event: GS is null for the handler", eax, 0
    virtual 0, past_limit
    ended "mode: the limit is 64 KiB", GP, 0, past_limit
    virtual 0, past_stack_limit
    ended "mode: that of the stack, too", SS_, 0, past_stack_limit
    virtual 0, table
    ended "mode: LGDT", GP, 0, table
    virtual 0, control
    ended "mode: MOV from CR0", GP, 0, control
    virtual 0, selectors
    ended "mode: SLDT", UD, 0, selectors
    virtual 0, selectors.str
    ended "mode: STR", UD, 0, selectors.str
    virtual 0, selectors.lar
    ended "mode: LAR", UD, 0, selectors.lar
    virtual 0, selectors.verr
    ended "mode: VERR", UD, 0, selectors.verr
    virtual 0, selectors.arpl
    ended "mode: ARPL", UD, 0, selectors.arpl
    virtual 0, divide
    ended "mode: #DE", DE, 0, divide.div
    attempt_begins
    push dword 0
    push dword 0
    push dword 0
    push dword 0
    push dword 0
    push dword 0
    push FLAG_VM | 2
    push PROGRAM
    push 0x10000
..@past: iret
    attempt_ends
    faulted "mode: IRET to an IP past 64 KiB", GP, 0, ..@past
    virtual IOPL_3, ports
    ended "mode: OUT to a port that the map allows, then one that it does not", GP, 0, ports.refused
    virtual FLAG_TF, steps
    ended "mode: a single step", DB_, 0, steps.next
    ; A handler has to be at level 0, in code that is not conforming.
    mov word [idt32 + UD * 8 + 2], CONFORMING
    virtual 0, undefined
    ended "mode: a handler in conforming code", GP, CONFORMING | 1, undefined
    mov word [idt32 + UD * 8 + 2], USER_CODE32
    virtual 0, undefined
    ended "mode: a handler of DPL 3", GP, (USER_CODE32 & ~3) | 1, undefined
    mov word [idt32 + UD * 8 + 2], CODE32
without_mode:

    group "iopl", without_iopl
    virtual 0, clears
    ended "iopl: 0: CLI", GP, 0, clears
    virtual 0, sets
    ended "iopl: 0: STI", GP, 0, sets
    virtual 0, pushes
    ended "iopl: 0: PUSHF", GP, 0, pushes
    virtual 0, pops
    ended "iopl: 0: POPF", GP, 0, pops.popf
    virtual 0, interrupts
    ended "iopl: 0: INT n", GP, 0, interrupts
    virtual 0, returns
    ended "iopl: 0: IRET", GP, 0, returns.iret
    or byte [idt32 + BP_ * 8 + 5], 3 << 5
    virtual 0, breakpoint
    ended "iopl: 0: INT3", BP_, 0, breakpoint.next
    virtual IOPL_3, sets
    flags_are "iopl: 3: STI", FLAG_IF, FLAG_IF
    virtual IOPL_3 | FLAG_IF, clears
    ended "iopl: 3: CLI", GP, 0, clears.hlt
    flags_are "iopl: 3: CLI: IF", FLAG_IF, 0
    virtual IOPL_3 | FLAG_IF, pushes
    check "iopl: 3: PUSHF", dword [RESULTS], IOPL_3 | FLAG_IF | 2
    virtual IOPL_3, pops
    ended "iopl: 3: POPF", GP, 0, pops.hlt
    flags_are "iopl: 3: POPF changes IF, and not IOPL", FLAG_IF | IOPL_3, FLAG_IF | IOPL_3
    virtual IOPL_3, pops.dword
    flags_are "iopl: 3: POPFD changes neither VM nor VIP", FLAG_VM | FLAG_VIP | FLAG_AC, FLAG_VM | FLAG_AC
    virtual IOPL_3, returns
    ended "iopl: 3: IRET", GP, 0, returns.hlt
    flags_are "iopl: 3: IRET: flags", FLAG_CF | IOPL_3, FLAG_CF | IOPL_3
    virtual IOPL_3, interrupts
    ended "iopl: 3: INT n of DPL 0", GP, 0x60 * 8 + 2, interrupts
    virtual IOPL_3, interrupts.allowed
    ended "iopl: 3: INT n of DPL 3", USER_RETURN, 0, interrupts.allowed_next
    ; With 16 bits the frame has words, and VM is not in it.
    mov eax, words
    mov edx, eax
    shl eax, 16
    or eax, 0xFFFF
    mov [architecture_gdt + WORDS], eax
    shr edx, 16
    mov [architecture_gdt + WORDS + 4], dl
    mov [architecture_gdt + WORDS + 7], dh
    mov word [architecture_gdt + WORDS + 5], 0x009A
    mov dword [idt32 + 0x62 * 8], WORDS << 16
    mov dword [idt32 + 0x62 * 8 + 4], 0xE600
    virtual IOPL_3, interrupts.narrow
    faulted "iopl: a 16-bit gate", UD, 0, words.ud - words
    check "iopl: a 16-bit gate: the frame", dword [RESULTS], kernel_stack_top - 18
    check "iopl: a 16-bit gate: GS", dword [RESULTS + 4], 0x0606
without_iopl:

    group "task", without_task
    mov eax, task
    mov ebx, 103
    mov edi, architecture_gdt + TASK
    call describe_tss
    mov dword [task + 4], kernel_stack_top
    mov dword [task + 8], DATA
    mov dword [task + 0x20], low(segments)
    mov dword [task + 0x24], FLAG_VM | 2
    mov dword [task + 0x38], STACK_TOP
    mov dword [task + 0x48], RESULTS >> 4
    mov dword [task + 0x4C], PROGRAM
    mov dword [task + 0x50], 0
    mov dword [task + 0x54], RESULTS >> 4
    mov dword [task + 0x58], 0x0505
    mov dword [task + 0x5C], 0x0606
    mov dword [RESULTS], 0
    attempt {jmp TASK:0}
    ended "task: a switch into the mode", GP, 0, segments.hlt
    check "task: its CS", dword [RESULTS], PROGRAM
    mov ax, TSS32
    and byte [architecture_gdt + TSS32 + 5], ~2
    ltr ax
    clts
    ; And out of it: a task gate for #UD.
    mov byte [architecture_gdt + TASK + 5], 0x89
    mov dword [task + 0x20], .handler
    mov dword [task + 0x24], 2
    mov dword [task + 0x38], task_stack_top
    mov dword [task + 0x48], USER_DATA
    mov dword [task + 0x4C], CODE32
    mov dword [task + 0x50], DATA
    mov dword [task + 0x54], USER_DATA
    mov dword [task + 0x58], 0
    mov dword [task + 0x5C], 0
    mov eax, [idt32 + UD * 8]
    mov ebx, [idt32 + UD * 8 + 4]
    mov dword [idt32 + UD * 8], TASK << 16
    mov dword [idt32 + UD * 8 + 4], 0x8500
    push ebx
    push eax
    virtual 0, undefined
    ended "task: a handler in a task of its own, and back", GP, 0, undefined.hlt
    pop dword [idt32 + UD * 8]
    pop dword [idt32 + UD * 8 + 4]
    mov eax, [long_tss + 0x24]
    and eax, FLAG_VM
    check "task: VM is in the TSS", eax, FLAG_VM
    check "task: CS, too", dword [long_tss + 0x4C], PROGRAM
    clts
    jmp without_task
.handler:
    add dword [long_tss + 0x20], undefined.hlt - undefined
    iret
without_task:

    mov eax, 1
    cpuid
    test dl, 1 << 1
    jz no_vme
    group "vme", without_vme
    mov eax, cr4
    or eax, CR4_VME
    mov cr4, eax
    virtual FLAG_VIF, clears
    ended "vme: CLI", GP, 0, clears.hlt
    flags_are "vme: CLI clears VIF", FLAG_VIF | FLAG_IF, 0
    virtual 0, sets
    flags_are "vme: STI sets VIF", FLAG_VIF | FLAG_IF, FLAG_VIF
    virtual FLAG_VIP, sets
    ended "vme: STI with VIP", GP, 0, sets
    virtual FLAG_VIF, pushes
    check "vme: PUSHF shows IOPL 3, and VIF as IF", dword [RESULTS], IOPL_3 | FLAG_IF | 2
    virtual FLAG_IF, pushes
    check "vme: PUSHF does not show IF", dword [RESULTS], IOPL_3 | 2
    virtual 0, pushes.dword
    ended "vme: PUSHFD", GP, 0, pushes.dword
    virtual 0, pops
    ended "vme: POPF", GP, 0, pops.hlt
    flags_are "vme: POPF sets VIF", FLAG_VIF | FLAG_IF | IOPL_3, FLAG_VIF
    virtual FLAG_VIP, pops
    ended "vme: POPF of IF with VIP", GP, 0, pops.popf
    virtual 0, pops.trap
    ended "vme: POPF of TF", GP, 0, pops.trap_popf
    virtual 0, pops.dword
    ended "vme: POPFD", GP, 0, pops.dword_popf
    virtual FLAG_VIF, returns
    ended "vme: IRET", GP, 0, returns.hlt
    flags_are "vme: IRET clears VIF", FLAG_VIF | FLAG_CF | IOPL_3, FLAG_CF
    virtual 0, returns.dword
    ended "vme: IRETD", GP, 0, returns.dword_iret
    virtual 0, interrupts.own
    ended "vme: INT n, its bit set, IOPL 0", GP, 0, interrupts.own
    virtual IOPL_3, interrupts.allowed
    ended "vme: INT n, its bit set, IOPL 3", USER_RETURN, 0, interrupts.allowed_next
    and byte [long_tss + BITMAP - 32 + 0x61 / 8], ~(1 << 1)
    virtual FLAG_VIF, interrupts.own
    ended "vme: INT n by the program's vectors: it comes back", GP, 0, interrupts.own_next
    check "vme: the handler's flags on its stack", dword [RESULTS], IOPL_3 | FLAG_IF | 2
    check "vme: its frame", dword [RESULTS + 4], STACK_TOP - 6
    check "vme: VIF for it", dword [RESULTS + 8], IOPL_3 | 2
    flags_are "vme: VIF after it", FLAG_VIF, FLAG_VIF
    virtual IOPL_3 | FLAG_IF, interrupts.own
    ended "vme: the same with IOPL 3", GP, 0, interrupts.own_next
    check "vme: the same with IOPL 3: IF for it", dword [RESULTS + 8], IOPL_3 | 2
    flags_are "vme: the same with IOPL 3: IF after it", FLAG_IF, FLAG_IF
    mov eax, cr4
    and eax, ~CR4_VME
    mov cr4, eax
without_vme:
    group "pvi", .done
    attempt_user {cli}
    faulted "pvi: CLI without CR4.PVI", GP, 0
    mov eax, cr4
    or eax, CR4_PVI
    mov cr4, eax
    attempt_user {sti}
    user_passed "pvi: STI"
    flags_are "pvi: STI sets VIF", FLAG_VIF | FLAG_IF, FLAG_VIF
    attempt_user_begins
    sti
    cli
    attempt_user_ends
    user_passed "pvi: CLI"
    flags_are "pvi: CLI clears VIF", FLAG_VIF | FLAG_IF, 0
    attempt_begins
    push USER_DATA
    push user_stack_top
    push FLAG_VIP | 2
    push USER_CODE32
    push ..@pending
    iret
..@pending: sti
    attempt_ends
    faulted "pvi: STI with VIP", GP, 0, ..@pending
    attempt_user_begins
    pushf
    pop ecx
    attempt_user_ends
    and ecx, IOPL_3
    check "pvi: PUSHF is as it was", ecx, 0
    mov eax, cr4
    and eax, ~CR4_PVI
    mov cr4, eax
.done:
    finish
no_vme:
    print_skip "vme", "pvi"
    jmp without_vme.done

describe_tss:                                   ; EAX = base, EBX = limit, EDI = descriptor
    mov [edi], bx
    mov [edi + 2], ax
    shr eax, 16
    mov [edi + 4], al
    mov byte [edi + 5], 0x89
    mov byte [edi + 6], 0
    mov [edi + 7], ah
    ret

bits 16
words:
    mov ax, USER_DATA
    mov ds, ax
    movzx eax, word [esp + 16]
    mov [RESULTS + 4], eax
    mov [RESULTS], esp
.ud:
    ud2

; ---- the program, in virtual-8086 mode; DS and ES are RESULTS

low_begin:
; keep OFFSET, REGISTER
%macro keep 2
    mov [%1], %2
%endmacro
segments:
    xor eax, eax
    mov ax, cs
    keep 0, eax
    mov dword [0x100], 0x13572468
    mov bx, (RESULTS >> 4) + 0x10
    mov ds, bx
    mov eax, [0]
    mov bx, RESULTS >> 4
    mov ds, bx
    keep 4, eax
    xor eax, eax
    mov ax, ss
    keep 8, eax
    mov ax, sp
    keep 12, eax
    mov ax, fs
    keep 16, eax
    xor eax, eax
    call PROGRAM:low(.far)
    keep 20, eax
    mov word [0x110], 0x1234
    mov word [0x112], (RESULTS >> 4) + 1
    xor ebx, ebx
    lds bx, [0x110]
    mov ax, RESULTS >> 4
    mov ds, ax
    keep 24, ebx
    mov dword [cs:low(.written)], 0x5678
    mov eax, [cs:low(.written)]
    keep 28, eax
    xor eax, eax
    smsw ax
    and ax, 1
    keep 32, eax
.hlt:
    hlt
.far:
    mov ax, cs
    retf
.written: dd 0
past_limit:
    mov ax, [0xFFFF]
past_stack_limit:
    mov ax, [ss:0xFFFF]
table:
    lgdt [0]
control:
    mov eax, cr0
selectors:
    sldt ax
.str:
    str ax
.lar:
    lar ax, bx
.verr:
    verr ax
.arpl:
    arpl ax, bx
divide:
    xor cx, cx
.div:
    div cl
ports:
    out 0x80, al
.refused:
    out 0x81, al
steps:
    nop
.next:
    nop
undefined:
    ud2
.hlt:
    hlt
clears:
    cli
.hlt:
    hlt
sets:
    sti
    hlt
pushes:
    pushf
    pop ax
    movzx eax, ax
    keep 0, eax
    hlt
.dword:
    pushfd
pops:
    push word FLAG_IF | 2
.popf:
    popf
.hlt:
    hlt
.trap:
    push word FLAG_TF | 2
.trap_popf:
    popf
    hlt
.dword:
    push dword FLAG_VIP | FLAG_AC | 2
.dword_popf:
    popfd
    hlt
returns:
    push word FLAG_CF | 2
    push cs
    push word low(.hlt)
.iret:
    iret
.hlt:
    hlt
.dword:
    push dword 2
    push dword PROGRAM
    push dword low(.hlt)
.dword_iret:
    iretd
interrupts:
    int 0x60
.allowed:
    int USER_RETURN
.allowed_next:
    hlt
.narrow:
    int 0x62
    hlt
.own:
    int 0x61
.own_next:
    hlt
breakpoint:
    int3
.next:
    hlt
int61:
    xor eax, eax
    mov bp, sp
    mov ax, [bp + 4]
    keep 0, eax
    mov ax, sp
    keep 4, eax
    pushf
    pop ax
    and ax, IOPL_3 | FLAG_IF | 2
    keep 8, eax
    iret
low_end:
bits 32

section .bss
alignb 16
long_tss: resb BITMAP + 64
alignb 16
task: resb 104
    resb 1024
task_stack_top:
section .text

%include "image-end.inc"
