; Call gates: at one level and towards inner ones, with parameters, of 16, 32 and 64 bits; what they refuse; 16-bit interrupt
; gates. SDM vol. 3A, "Gate Descriptors", "Stack Switching", "Call Gates" of IA-32e mode.

%define BARE
%include "architecture.inc"

SAME        equ SPARE                           ; 32-bit gate, DPL 0, to CODE32
INWARD      equ (SPARE + 8) | 3                 ; 32-bit gate, DPL 3, to CODE32, two parameters
ABSENT      equ SPARE + 16                      ; a gate that is not present
TO_DATA     equ SPARE + 24                      ; a gate to DATA
TO_NULL     equ SPARE + 32
TO_OUTSIDE  equ SPARE + 40
TO_PAST     equ SPARE + 48                      ; past the limit of SMALL_CODE
SMALL_CODE  equ SPARE + 56                      ; limit 0xF
SAME16      equ SPARE + 64                      ; 16-bit gate to WORDS
WORDS       equ SPARE + 72                      ; 16-bit code, base `words`
LDT_        equ SPARE + 80
CODE_1      equ (SPARE + 88) | 1                ; code, DPL 1
DATA_1      equ (SPARE + 96) | 1                ; data, DPL 1
TO_1        equ (SPARE + 104) | 3               ; 32-bit gate, DPL 3, to CODE_1
ABSENT_1    equ (SPARE + 112) | 1               ; data, DPL 1, not present
TINY_1      equ (SPARE + 120) | 1               ; data, DPL 1, limit 7
CONFORMING  equ SPARE + 128                     ; conforming code, DPL 0
TO_CONFORMING equ (SPARE + 136) | 3
INWARD16    equ (SPARE + 144) | 3               ; 16-bit gate, DPL 3, to WORDS
LONG_SAME   equ SPARE + 152                     ; 64-bit gate, two entries
LONG_INWARD equ (SPARE + 168) | 3
LONG_TO_32  equ SPARE + 184
LONG_UPPER  equ SPARE + 200                     ; upper half with a type
LONG_FAR    equ SPARE + 216                     ; to an address that is not canonical
OUTSIDE     equ SPARE + 8 * GDT_SPARES
USER_INNER_GATE equ (SPARE + 232) | 3           ; 32-bit gate, DPL 0

section .text
bits 32

; gate SELECTOR, CODE, OFFSET, HIGH: type, DPL, P and the parameters' count in HIGH.
%macro gate 4
    mov eax, %3
    mov edx, eax
    and eax, 0xFFFF
    or eax, (%2) << 16
    mov [architecture_gdt + ((%1) & ~7)], eax
    and edx, 0xFFFF0000
    or edx, %4
    mov [architecture_gdt + ((%1) & ~7) + 4], edx
%endmacro

main:
    gate SAME, CODE32, same_routine, 0x8C00
    gate INWARD, CODE32, inner_routine, 0xEC02
    gate ABSENT, CODE32, same_routine, 0x0C00
    gate TO_DATA, DATA, same_routine, 0x8C00
    gate TO_NULL, 0, same_routine, 0x8C00
    gate TO_OUTSIDE, OUTSIDE, same_routine, 0x8C00
    gate TO_PAST, SMALL_CODE, 0x10, 0x8C00
    set_descriptor SMALL_CODE, 0x0000000F, 0x00409A00
    gate SAME16, WORDS, 0, 0x8400
    mov eax, words
    mov edx, eax
    shl eax, 16
    or eax, 0xFFFF
    mov [architecture_gdt + WORDS], eax
    shr edx, 16
    mov [architecture_gdt + WORDS + 4], dl
    mov [architecture_gdt + WORDS + 7], dh
    mov word [architecture_gdt + WORDS + 5], 0x009A
    set_descriptor LDT_, 0x0000FFFF, 0x00008200
    set_descriptor CODE_1, 0x0000FFFF, 0x00CFBA00
    set_descriptor DATA_1, 0x0000FFFF, 0x00CFB200
    gate TO_1, CODE_1, ring1_routine, 0xEC00
    set_descriptor ABSENT_1, 0x0000FFFF, 0x00CF3200
    set_descriptor TINY_1, 0x00000007, 0x0040B200
    set_descriptor CONFORMING, 0x0000FFFF, 0x00CF9E00
    gate TO_CONFORMING, CONFORMING, same_routine, 0xEC00
    gate INWARD16, WORDS, words.inner - words, 0xE401
    gate USER_INNER_GATE, CODE32, same_routine, 0x8C00
    group "32-bit", without_32

    mov edx, esp
    call SAME:0x12345678
    check "32-bit: a call through a gate of DPL 0: CS", eax, CODE32
    check "32-bit: it pushes two dwords", ebx, 8
    check "32-bit: the stack pointer", edx, esp
    push CODE32
    push .jumped
    jmp SAME:0
.jumped:
    check "32-bit: a jump through it pushes nothing", edx, esp
    call CONFORMING:same_routine
    mov dword [.pointer], 0
    mov word [.pointer + 4], SAME
    call far [.pointer]
    check "32-bit: a call by a pointer in memory", eax, CODE32
    attempt {call ABSENT:0}
    faulted "32-bit: a gate that is not present", NP, ABSENT
    attempt {call SAME | 3:0}
    faulted "32-bit: RPL above the gate's DPL", GP, SAME
    attempt {call TO_DATA:0}
    faulted "32-bit: a gate to data", GP, DATA
    attempt {call TO_NULL:0}
    faulted "32-bit: a gate to nowhere", GP, 0
    attempt {jmp TO_OUTSIDE:0}
    faulted "32-bit: a gate past the GDT", GP, OUTSIDE
    attempt {call TO_PAST:0}
    faulted "32-bit: a gate past the limit of its code", GP, 0
    attempt {call LDT_:0}
    faulted "32-bit: a call of an LDT", GP, LDT_
    mov edx, esp
    mov esi, .by_16
    call SAME16:0
.by_16:
    check "32-bit: through a 16-bit gate: it pushes two words", ebx, 4
    check "32-bit: its CS", eax, WORDS
    check "32-bit: the stack pointer after it", edx, esp

    ; A 16-bit interrupt gate leads to 16-bit code with a frame of words.
    mov dword [idt32 + 0x50 * 8], (WORDS << 16) | (words.interrupt - words)
    mov dword [idt32 + 0x50 * 8 + 4], 0x8600
    mov edx, esp
    mov esi, .interrupted
    jmp WORDS:(words.interrupted - words)
.interrupted:
    check "32-bit: a 16-bit interrupt gate pushes three words", ebx, 6
    check "32-bit: what it pushes of the flags", eax, 0x03
    check "32-bit: its IRET", ecx, 1
    check "32-bit: the stack pointer after that", edx, esp
    jmp without_32
align 4
.pointer: dd 0
    dw 0

without_32:
    group "user-32", without_user_32
    attempt_user_begins
    push 0x22222222
    push 0x11111111
    call INWARD:0
    mov ecx, esp
    xor ebx, ebx
    mov bx, cs
    attempt_user_ends
    user_passed "user-32: inwards and back"
    check "user-32: inwards: CS", dword [seen.cs], CODE32
    check "user-32: inwards: SS of the TSS", dword [seen.ss], DATA
    check "user-32: inwards: ESP of the TSS", dword [seen.sp], kernel_stack_top - 24
    check "user-32: inwards: the first parameter", dword [seen.first], 0x11111111
    check "user-32: inwards: the second parameter", dword [seen.second], 0x22222222
    check "user-32: inwards: the outer ESP", dword [seen.outer_sp], user_stack_top - 8
    check "user-32: inwards: the outer SS", dword [seen.outer_ss], USER_DATA
    check "user-32: inwards: the outer CS", dword [seen.outer_cs], USER_CODE32
    check "user-32: back: the parameters are off both stacks", ecx, user_stack_top
    check "user-32: back: CS", ebx, USER_CODE32
    attempt_user {call USER_INNER_GATE:0}
    faulted "user-32: a gate of DPL 0", GP, USER_INNER_GATE & ~3
    attempt_user {jmp INWARD:0}
    faulted "user-32: a jump inwards", GP, CODE32
    attempt_user_begins
    call TO_CONFORMING:0
    attempt_user_ends
    user_passed "user-32: to conforming code"
    check "user-32: it keeps its level", eax, CONFORMING | 3
    check "user-32: and its stack", ebx, 8
    attempt_user_begins
    push word 0x3456
    call INWARD16:0
    attempt_user_ends
    faulted "user-32: through a 16-bit gate", UD, 0, words.ud - words
    check "user-32: through a 16-bit gate: the frame has words", dword [seen.sp], kernel_stack_top - 10
    check "user-32: through a 16-bit gate: CS", dword [seen.outer_cs], USER_CODE32
    check "user-32: through a 16-bit gate: the parameter", dword [seen.first], 0x3456
    mov ebx, user_stack_top - 2
    and ebx, 0xFFFF
    check "user-32: through a 16-bit gate: the outer SP", dword [seen.outer_sp], ebx
    check "user-32: through a 16-bit gate: the outer SS", dword [seen.outer_ss], USER_DATA
    mov dword [tss32 + 12], ring1_stack_top
    mov dword [tss32 + 16], DATA_1
    attempt_user_begins
    call TO_1:0
    attempt_user_ends
    user_passed "user-32: to level 1 and back"
    check "user-32: to level 1: CS", dword [seen.cs], CODE_1
    check "user-32: to level 1: SS", dword [seen.ss], DATA_1
    check "user-32: to level 1: ESP", dword [seen.sp], ring1_stack_top - 16
    mov dword [tss32 + 16], 0
    attempt_user {call TO_1:0}
    faulted "user-32: a null stack in the TSS", TS, 0
    mov dword [tss32 + 16], DATA_1 & ~3
    attempt_user {call TO_1:0}
    faulted "user-32: a stack with RPL 0 for level 1", TS, DATA_1 & ~3
    mov dword [tss32 + 16], USER_DATA
    attempt_user {call TO_1:0}
    faulted "user-32: a stack of DPL 3 for level 1", TS, USER_DATA & ~3
    mov dword [tss32 + 16], CODE_1
    attempt_user {call TO_1:0}
    faulted "user-32: code as a stack", TS, CODE_1 & ~3
    mov dword [tss32 + 16], ABSENT_1
    attempt_user {call TO_1:0}
    faulted "user-32: a stack that is not present", SS_, ABSENT_1 & ~3
    mov dword [tss32 + 16], TINY_1
    mov dword [tss32 + 12], 8
    attempt_user {call TO_1:0}
    faulted "user-32: a stack without room", SS_, TINY_1 & ~3
without_user_32:

    call build_identity64
    to_long_mode identity_pml4
    group "64-bit", group_user_64
%macro gate64 4
    mov eax, %3
    mov edx, eax
    and eax, 0xFFFF
    or eax, (%2) << 16
    mov [architecture_gdt + ((%1) & ~7)], eax
    and edx, 0xFFFF0000
    or edx, %4
    mov [architecture_gdt + ((%1) & ~7) + 4], edx
    mov qword [architecture_gdt + ((%1) & ~7) + 8], 0
%endmacro
%macro call_far 1
    mov dword [pointer64], 0
    mov word [pointer64 + 4], %1
    call dword far [pointer64]
%endmacro
    gate64 LONG_SAME, CODE64, same_routine64, 0x8C00
    mov rdx, rsp
    call_far LONG_SAME
    check "64-bit: a call through a gate: CS", rax, CODE64
    check "64-bit: it pushes two qwords", rbx, 16
    check "64-bit: the stack pointer", rdx, rsp
    gate64 LONG_TO_32, CODE32, same_routine64, 0x8C00
    mov word [pointer64 + 4], LONG_TO_32
    attempt {call dword far [pointer64]}
    faulted "64-bit: a gate to 32-bit code", GP, CODE32
    gate64 LONG_UPPER, CODE64, same_routine64, 0x8C00
    mov byte [architecture_gdt + LONG_UPPER + 13], 1
    mov word [pointer64 + 4], LONG_UPPER
    attempt {call dword far [pointer64]}
    faulted "64-bit: a gate with a type in its upper half", GP, LONG_UPPER
    gate64 LONG_FAR, CODE64, same_routine64, 0x8C00
    mov dword [architecture_gdt + LONG_FAR + 8], 0x8000
    mov word [pointer64 + 4], LONG_FAR
    attempt {call dword far [pointer64]}
    faulted "64-bit: a gate to an address that is not canonical", GP, 0
    mov word [pointer64 + 4], SAME16
    attempt {call dword far [pointer64]}
    faulted "64-bit: there are no 16-bit gates", GP, SAME16
    mov word [pointer64 + 4], TSS64
    attempt {jmp dword far [pointer64]}
    faulted "64-bit: there are no tasks", GP, TSS64
group_user_64:
    group "user-64", .done
    gate64 LONG_INWARD, CODE64, inner_routine64, 0xEC00
    mov dword [pointer64], 0
    mov word [pointer64 + 4], LONG_INWARD
    attempt_user_begins
    call dword far [pointer64]
    mov rcx, rsp
    mov ebx, cs
    attempt_user_ends
    user_passed "user-64: inwards and back"
    check "user-64: inwards: CS", qword [seen.cs], CODE64
    check "user-64: inwards: SS is null", qword [seen.ss], 0
    check "user-64: inwards: RSP of the TSS", qword [seen.sp], kernel_stack_top - 32
    check "user-64: inwards: the outer RSP", qword [seen.outer_sp], user_stack_top
    check "user-64: inwards: the outer SS", qword [seen.outer_ss], USER_DATA
    check "user-64: back: RSP", rcx, user_stack_top
    check "user-64: back: CS", rbx, USER_CODE64
.done:
    finish

same_routine64:
    mov eax, cs
    mov rbx, rdx
    sub rbx, rsp
    db 0x48
    retf
inner_routine64:
    mov eax, cs
    mov [seen.cs], rax
    mov eax, ss
    mov [seen.ss], rax
    mov [seen.sp], rsp
    mov rax, [rsp + 16]
    mov [seen.outer_sp], rax
    mov rax, [rsp + 24]
    mov [seen.outer_ss], rax
    db 0x48
    retf

bits 32
; EDX is the stack pointer before the call, or that of user_stack_top at CPL 3.
same_routine:
    xor eax, eax
    mov ax, cs
    mov ebx, edx
    test al, 3
    jz .own
    mov ebx, user_stack_top
.own:
    sub ebx, esp
    retf
inner_routine:
    call note
    mov eax, [esp + 4]
    mov [seen.outer_cs], eax
    mov eax, [esp + 8]
    mov [seen.first], eax
    mov eax, [esp + 12]
    mov [seen.second], eax
    mov eax, [esp + 16]
    mov [seen.outer_sp], eax
    mov eax, [esp + 20]
    mov [seen.outer_ss], eax
    retf 8
ring1_routine:
    call note
    retf
note:
    xor eax, eax
    mov ax, cs
    mov [seen.cs], eax
    mov ax, ss
    mov [seen.ss], eax
    lea eax, [esp + 4]
    mov [seen.sp], eax
    ret

bits 16
words:
    xor eax, eax
    mov ax, cs
    mov ebx, edx
    sub ebx, esp
    mov esp, edx
.back:                                          ; ESI is more than a 16-bit frame holds
    push dword CODE32
    push esi
    o32 retf
.interrupted:
    stc
    int 0x50
    setc cl
    movzx ecx, cl
    jmp .back
.interrupt:
    movzx eax, byte [esp + 4]                   ; the low byte of FLAGS: bit 1 and CF
    and al, 0x03
    mov ebx, edx
    sub ebx, esp
    iret
.inner:
    mov eax, esp
    a32 mov [dword seen.sp], eax
    a32 movzx eax, word [esp + 2]
    a32 mov [dword seen.outer_cs], eax
    a32 movzx eax, word [esp + 4]
    a32 mov [dword seen.first], eax
    a32 movzx eax, word [esp + 6]
    a32 mov [dword seen.outer_sp], eax
    a32 movzx eax, word [esp + 8]
    a32 mov [dword seen.outer_ss], eax
.ud:
    ud2

section .bss
alignb 16
seen:
.cs: resq 1
.ss: resq 1
.sp: resq 1
.first: resq 1
.second: resq 1
.outer_cs: resq 1
.outer_sp: resq 1
.outer_ss: resq 1
pointer64: resq 2
    resb 512
ring1_stack_top:
section .text

%include "image-end.inc"
