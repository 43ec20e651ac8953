; Hardware task switches: by JMP, CALL, IRET, interrupts and exceptions, through TSS descriptors and task gates, of 32 and
; 16 bits; what is saved and loaded; faults before a switch, in the old task, and after it, in the new one. SDM vol. 3A,
; "Task Management".

%define BARE
%include "architecture.inc"

TASK      equ SPARE                             ; 32-bit TSS `task`
TASK_GATE equ SPARE + 8
ABSENT    equ SPARE + 16                        ; a TSS that is not present
SHORT_TSS equ SPARE + 24                        ; limit 0x66
GATE_GONE equ SPARE + 32                        ; a task gate that is not present
GATE_LDT  equ SPARE + 40                        ; a task gate to a selector of the LDT
GATE_DATA equ SPARE + 48                        ; a task gate to a data segment
TASK16    equ SPARE + 56                        ; 16-bit TSS `task16`
CODE_AT   equ SPARE + 64                        ; 16-bit code, base `code16`
LDT_      equ SPARE + 72
GONE      equ SPARE + 80                        ; a data segment of DPL 3, not present
CODE_GONE equ (SPARE + 88) | 3                  ; code of DPL 3, not present
SMALL     equ (SPARE + 96) | 3                  ; code of DPL 3, limit 0xF
USER_GATE equ (SPARE + 104) | 3                 ; a task gate of DPL 3
SHORT16   equ SPARE + 112                       ; 16-bit TSS, limit 0x2A
LDT_GONE  equ SPARE + 120
OUTSIDE   equ SPARE + 8 * GDT_SPARES

struc tss
    .link: resd 1
    .sp0: resd 1
    .ss0: resd 1
    .inner: resd 4
    .cr3: resd 1
    .ip: resd 1
    .flags: resd 1
    .ax: resd 1
    .cx: resd 1
    .dx: resd 1
    .bx: resd 1
    .sp: resd 1
    .bp: resd 1
    .si: resd 1
    .di: resd 1
    .es: resd 1
    .cs: resd 1
    .ss: resd 1
    .ds: resd 1
    .fs: resd 1
    .gs: resd 1
    .ldt: resd 1
    .trap: resw 1
    .io_map: resw 1
endstruc

section .text
bits 32

%macro describe_tss 4                           ; SELECTOR, address, limit, type and P
    mov eax, %2
    mov edi, architecture_gdt + %1
    mov ebx, %3
    call describe_at
    mov byte [edi + 5], %4
%endmacro

; at_task LABEL: the task begins there, as new.
%macro at_task 1
    mov dword [task + tss.ip], %1
    call new_task
%endmacro

%macro not_switched 1
    str ax
    movzx eax, ax
    check %1, eax, TSS32
%endmacro

main:
    describe_tss TASK, task, 0x67, 0x89
    describe_tss ABSENT, task, 0x67, 0x09
    describe_tss SHORT_TSS, task, 0x66, 0x89
    describe_tss TASK16, task16, 0x2B, 0x81
    describe_tss SHORT16, task16, 0x2A, 0x81
    describe_tss CODE_AT, code16, 0xFFFF, 0x9B
    describe_tss LDT_, ldt, 15, 0x82
    describe_tss LDT_GONE, ldt, 15, 0x02
    set_descriptor TASK_GATE, TASK << 16, 0x8500
    set_descriptor GATE_GONE, TASK << 16, 0x0500
    set_descriptor GATE_LDT, (TASK | 4) << 16, 0x8500
    set_descriptor GATE_DATA, DATA << 16, 0x8500
    set_descriptor USER_GATE, TASK << 16, 0xE500
    set_descriptor GONE, 0x0000FFFF, 0x00CF7200
    set_descriptor CODE_GONE, 0x0000FFFF, 0x00CF7A00
    set_descriptor SMALL, 0x0000000F, 0x0040FA00
    mov dword [ldt + 8], 0x0000FFFF
    mov dword [ldt + 12], 0x00CF9200
    group "jump", without_jump

    ; There and back by JMP.
    at_task jumped_to
    mov dword [task + tss.link], 0x5555
    mov ebx, 0x0B0B0B0B
    mov esi, 0x51515151
    mov ebp, esp
    mov ax, USER_DATA
    mov fs, ax
    stc
    jmp TASK:0x12345678
back_by_jump:
    setc cl
    movzx ecx, cl
    check "jump: CF comes back", ecx, 1
    check "jump: EBX comes back", ebx, 0x0B0B0B0B
    check "jump: ESP comes back", ebp, esp
    mov ax, fs
    movzx eax, ax
    check "jump: FS comes back", eax, USER_DATA
    mov eax, cr0
    and eax, CR0_TS
    clts
    check "jump: CR0.TS", eax, CR0_TS
    check "jump: EAX of the TSS", dword [seen.ax], 0xA0A0A0A0
    check "jump: EDI of the TSS", dword [seen.di], 0xD1D1D1D1
    check "jump: the stack of the TSS", dword [seen.sp], task_stack_top
    check "jump: TR", dword [seen.tr], TASK
    check "jump: NT", dword [seen.nt], 0
    check "jump: no back link", dword [task + tss.link], 0x5555
    check "jump: the new TSS is busy", dword [seen.new_busy], 0x8B
    check "jump: the old one is not", dword [seen.old_busy], 0x89
    check "jump: EIP of the old task", dword [tss32 + tss.ip], back_by_jump
    check "jump: ESI of the old task", dword [tss32 + tss.si], 0x51515151
    check "jump: CS of the old task", dword [tss32 + tss.cs], CODE32
    check "jump: EIP of the new task", dword [task + tss.ip], jumped_back
    movzx eax, byte [architecture_gdt + TASK + 5]
    check "jump: and back: its TSS is not busy", eax, 0x89
    movzx eax, byte [architecture_gdt + TSS32 + 5]
    check "jump: and back: ours is", eax, 0x8B
    mov eax, [tss32 + tss.flags]
    and eax, FLAG_CF | FLAG_NT
    check "jump: EFLAGS of the old task", eax, FLAG_CF
    at_task jumped_to
    mov ebp, esp
    jmp TASK_GATE:0
back_by_gate:
    clts
    check "jump: through a task gate", dword [seen.tr], TASK
    at_task jumped_to
    mov dword [task + tss.ldt], LDT_
    mov word [task + tss.fs], 8 | 4
    jmp TASK:0
back_with_ldt:
    clts
    check "jump: LDTR of the TSS", dword [seen.ldt], LDT_
    check "jump: a segment of that LDT", dword [seen.fs], 8 | 4
    sldt ax
    movzx eax, ax
    check "jump: LDTR of the old task", eax, 0
    mov eax, 0x00000401
    mov dr7, eax                                ; L0
    or eax, 0x155 | 0x0A8
    mov dr7, eax
    at_task jumped_to
    jmp TASK:0
back_with_breakpoints:
    clts
    mov eax, dr7
    and eax, 0x3FF
    check "jump: local breakpoints are off, global ones stay", eax, 0x0A8
    xor eax, eax
    mov dr7, eax

without_jump:
    group "call", without_call
    at_task called
    call TASK:0
back_by_return:
    pushf
    pop eax
    and eax, FLAG_NT
    check "call: NT is clear after the return", eax, 0
    check "call: NT in the new task", dword [seen.nt], FLAG_NT
    movzx eax, word [task + tss.link]
    check "call: the back link", eax, TSS32
    check "call: both are busy: ours", dword [seen.old_busy], 0x8B
    check "call: both are busy: the new one", dword [seen.new_busy], 0x8B
    movzx eax, byte [architecture_gdt + TASK + 5]
    check "call: after the return it is not", eax, 0x89
    mov eax, [task + tss.flags]
    and eax, FLAG_NT
    check "call: NT of the task that has ended", eax, 0
    check "call: it ended behind its IRET", dword [task + tss.ip], called_again
    mov dword [seen.again], 0
    call TASK_GATE:0
    check "call: the next call goes on there", dword [seen.again], 1
    clts

    ; 16 bits.
    mov edi, task16
    mov ecx, 0x2C / 2
    xor eax, eax
    rep stosw
    mov word [task16 + 0x10], 2
    mov word [task16 + 0x12], 0xA0A0
    mov word [task16 + 0x20], 0xD1D1
    mov word [task16 + 0x22], USER_DATA
    mov word [task16 + 0x24], CODE_AT
    mov word [task16 + 0x26], DATA
    mov word [task16 + 0x28], USER_DATA
    mov word [task16 + 0x1A], 0x7000
    mov ax, USER_DATA
    mov fs, ax
    call TASK16:0
    clts
    movzx eax, word [seen.ax]
    check "call: a 16-bit task: AX", eax, 0xA0A0
    movzx eax, word [seen.di]
    check "call: a 16-bit task: DI", eax, 0xD1D1
    check "call: a 16-bit task: TR", dword [seen.tr], TASK16
    check "call: a 16-bit task: FS is null", dword [seen.fs], 0
    movzx eax, word [task16]
    check "call: a 16-bit task: the back link", eax, TSS32
    movzx eax, word [task16 + 0x0E]
    check "call: a 16-bit task: IP", eax, code16.end - code16
    mov ax, fs
    movzx eax, ax
    check "call: a 16-bit task: FS of the caller", eax, USER_DATA

without_call:
    group "events", without_events
    mov dword [idt32 + 0x40 * 8], TASK << 16
    mov dword [idt32 + 0x40 * 8 + 4], 0x8500
    at_task called
    int 0x40
back_by_interrupt:
    clts
    check "events: INT n through a task gate", dword [seen.tr], TASK
    check "events: its EIP", dword [tss32 + tss.ip], back_by_interrupt
    movzx eax, word [task + tss.link]
    check "events: its back link", eax, TSS32
    mov eax, [idt32 + GP * 8]
    mov [kept_gate], eax
    mov eax, [idt32 + GP * 8 + 4]
    mov [kept_gate + 4], eax
    mov dword [idt32 + GP * 8], TASK << 16
    mov dword [idt32 + GP * 8 + 4], 0x8500
    at_task handles_fault
    mov ax, OUTSIDE
    mov dword [after_fault], .past
.faults:
    mov fs, ax
.past:
    clts
    check "events: an exception through a task gate: EIP", dword [seen.ip], .faults
    check "events: its error code", dword [seen.error], OUTSIDE
    check "events: the stack below it", dword [seen.sp], task_stack_top - 4
    mov eax, [seen.flags]
    and eax, FLAG_RF
    check "events: RF of the task that faults", eax, FLAG_RF
    mov dword [idt32 + DF * 8], TASK << 16
    mov dword [idt32 + DF * 8 + 4], 0x8500
    mov dword [idt32 + GP * 8 + 4], 0x0E00      ; its handler is not present
    at_task handles_fault
    mov ax, OUTSIDE
    mov dword [after_fault], .past_double
    mov dword [seen.error], 0x5555
.faults_doubly:
    mov fs, ax
.past_double:
    clts
    check "events: a double fault through a task gate: EIP", dword [seen.ip], .faults_doubly
    check "events: its error code is 0", dword [seen.error], 0
    mov eax, [kept_gate]
    mov [idt32 + GP * 8], eax
    mov eax, [kept_gate + 4]
    mov [idt32 + GP * 8 + 4], eax

    ; The T flag.
    at_task called
    mov word [task + tss.trap], 1
    xor eax, eax
    mov dr6, eax
    attempt {jmp TASK:0}
    faulted "events: the T flag: #DB before the first instruction", DB_, 0, called
    mov eax, dr6
    and eax, 0xE00F
    check "events: the T flag: DR6.BT", eax, 0x8000
    str ax
    movzx eax, ax
    check "events: the T flag: in the new task", eax, TASK
    call home

    ; #NP goes to a task that cannot be begun: #TS in the delivery of #NP.
    call init32                                 ; all gates as they were
    mov dword [idt32 + NP * 8], TASK << 16
    mov dword [idt32 + NP * 8 + 4], 0x8500
    at_task called
    mov dword [task + tss.cs], USER_CODE32
    mov dword [task + tss.ss], USER_DATA
    mov dword [task + tss.ldt], LDT_GONE
    attempt {jmp ABSENT:0}
    call home
    faulted "events: a handler's task that cannot be begun: #DF in that task", DF, 0, called
    call init32
    or byte [architecture_gdt + TSS32 + 5], 2   ; which it says is idle
without_events:

    group "before", without_before
    at_task called
    attempt {jmp ABSENT:0}
    faulted "before: a TSS that is not present", NP, ABSENT
    attempt {jmp SHORT_TSS:0}
    faulted "before: a TSS that is too short", TS, SHORT_TSS
    attempt {call SHORT16:0}
    faulted "before: a 16-bit TSS that is too short", TS, SHORT16
    attempt {jmp TSS32:0}
    faulted "before: a busy TSS", GP, TSS32
    attempt {jmp TASK | 3:0}
    faulted "before: RPL above DPL", GP, TASK
    attempt {jmp GATE_GONE:0}
    faulted "before: a gate that is not present", NP, GATE_GONE
    attempt {jmp GATE_LDT:0}
    faulted "before: a gate to the LDT", GP, TASK | 4
    attempt {call GATE_DATA:0}
    faulted "before: a gate to a data segment", GP, DATA
    mov word [tss32 + tss.link], 0
    pushf
    or dword [esp], FLAG_NT
    attempt_begins
    popf
..@return_null: iret
    attempt_ends
    faulted "before: IRET with a null back link", TS, 0, ..@return_null
    mov word [tss32 + tss.link], TASK
    mov ebx, esp
    pushf
    or dword [esp], FLAG_NT
    attempt_begins
    popf
..@return_idle: iret
    attempt_ends
    faulted "before: IRET to a task that is not busy", TS, TASK, ..@return_idle
    mov word [tss32 + tss.link], DATA
    pushf
    or dword [esp], FLAG_NT
    attempt_begins
    popf
..@return_data: iret
    attempt_ends
    faulted "before: IRET to a data segment", TS, DATA, ..@return_data
    not_switched "before: the task is still ours"
    movzx eax, byte [architecture_gdt + TASK + 5]
    check "before: and the other one idle", eax, 0x89
    mov eax, cr0
    and eax, CR0_TS
    check "before: CR0.TS", eax, 0
without_before:

    ; In the new task, at CPL 3: the handler has the stack of that TSS.
    group "after", without_after
%macro fails_after 4                            ; name, what is set up, vector, error
    call user_task
    %2
    attempt {jmp TASK:0}
    faulted %1, %3, %4, user_halts
    str ax
    movzx eax, ax
    push eax
    call home
    pop eax
    check %1, eax, TASK
%endmacro
    fails_after "after: an LDT past the GDT", {mov dword [task + tss.ldt], OUTSIDE}, TS, OUTSIDE
    fails_after "after: an LDT in the LDT", {mov dword [task + tss.ldt], LDT_ | 4}, TS, LDT_ | 4
    fails_after "after: a data segment as LDT", {mov dword [task + tss.ldt], DATA}, TS, DATA
    fails_after "after: an LDT that is not present", {mov dword [task + tss.ldt], LDT_GONE}, TS, LDT_GONE
    fails_after "after: data as CS", {mov dword [task + tss.cs], USER_DATA}, TS, USER_DATA & ~3
    fails_after "after: CS of another DPL", {mov dword [task + tss.cs], CODE32 | 3}, TS, CODE32
    fails_after "after: CS that is not present", {mov dword [task + tss.cs], CODE_GONE}, NP, CODE_GONE & ~3
    fails_after "after: EIP past the limit", {mov dword [task + tss.cs], SMALL}, GP, 0
    fails_after "after: a null SS", {mov dword [task + tss.ss], 0}, TS, 0
    fails_after "after: SS of another DPL", {mov dword [task + tss.ss], DATA | 3}, TS, DATA
    fails_after "after: SS of another RPL", {mov dword [task + tss.ss], USER_DATA & ~3}, TS, USER_DATA & ~3
    fails_after "after: SS that is not present", {mov dword [task + tss.ss], GONE | 3}, SS_, GONE
    fails_after "after: DS of DPL 0", {mov dword [task + tss.ds], DATA}, TS, DATA
    fails_after "after: a TSS as ES", {mov dword [task + tss.es], TSS32}, TS, TSS32
    fails_after "after: GS that is not present", {mov dword [task + tss.gs], GONE | 3}, NP, GONE
    fails_after "after: FS past the GDT", {mov dword [task + tss.fs], OUTSIDE}, TS, OUTSIDE
    call user_task
    attempt {jmp TASK:0}
    faulted "after: nothing is wrong: HLT at CPL 3", GP, 0, user_halts
    call home
without_after:

    group "user", without_user
    at_task called
    attempt_user {call TASK_GATE:0}
    faulted "user: a gate of DPL 0", GP, TASK_GATE
    attempt_user {jmp TASK:0}
    faulted "user: a TSS of DPL 0", GP, TASK
    attempt_user_begins
    call USER_GATE:0
    attempt_user_ends
    user_passed "user: a gate of DPL 3, and back"
    check "user: the task was at CPL 0", dword [seen.cs], CODE32
    check "user: CS of the old task", dword [tss32 + tss.cs], USER_CODE32
    clts
without_user:

    ; Each task has its own address space.
    group "paging", .done
    mov eax, cr4
    or eax, CR4_PSE
    mov cr4, eax
    mov ecx, 1023
.fill:
    mov eax, ecx
    shl eax, 22
    or eax, PAGE_PRESENT | PAGE_WRITABLE | PAGE_LARGE
    mov [directory_a + ecx * 4], eax
    mov [directory_b + ecx * 4], eax
    dec ecx
    jns .fill
    mov eax, [directory_a + 5 * 4]
    mov [directory_b + 4 * 4], eax              ; 16 MiB is where 20 MiB is
    mov dword [16 << 20], 0x0A0A0A0A
    mov dword [20 << 20], 0x0B0B0B0B
    mov eax, directory_a
    mov cr3, eax
    mov eax, cr0
    or eax, CR0_PG
    mov cr0, eax
    at_task reads_memory
    mov dword [task + tss.cr3], directory_b
    mov dword [tss32 + tss.cr3], directory_a
    check "paging: before", dword [16 << 20], 0x0A0A0A0A
    call TASK:0
    clts
    check "paging: CR3 of the TSS", dword [seen.ax], 0x0B0B0B0B
    check "paging: CR3 of the old task", dword [16 << 20], 0x0A0A0A0A
    mov eax, cr3
    check "paging: it is not saved, but loaded", eax, directory_a
    and dword [directory_a + 6 * 4], ~1         ; 24 MiB is not present
    mov eax, cr3
    mov cr3, eax
    describe_tss TASK, 24 << 20, 0x67, 0x89
    attempt {call TASK:0}
    page_faulted "paging: a TSS that is not mapped: #PF in the old task", 0, 24 << 20
    not_switched "paging: the task is still ours"
    movzx eax, byte [architecture_gdt + TASK + 5]
    check "paging: and the other one idle", eax, 0x89
.done:
    finish

; ---- the task's code

jumped_to:
    mov [seen.ax], eax
    mov [seen.di], edi
    call note
    jmp TSS32:0
jumped_back:
    ud2

called:
    call note
    iret
called_again:
    mov dword [seen.again], 1
    iret

user_halts:
    hlt

reads_memory:
    mov eax, [16 << 20]
    mov [seen.ax], eax
    iret

; Goes on at [after_fault] in the task that has faulted.
handles_fault:
    mov [seen.sp], esp
    pop dword [seen.error]
    mov eax, [tss32 + tss.ip]
    mov [seen.ip], eax
    mov eax, [tss32 + tss.flags]
    mov [seen.flags], eax
    mov eax, [after_fault]
    mov [tss32 + tss.ip], eax
    iret

note:
    mov eax, esp
    add eax, 4
    mov [seen.sp], eax
    pushf
    pop eax
    and eax, FLAG_NT
    mov [seen.nt], eax
    xor eax, eax
    str ax
    mov [seen.tr], eax
    sldt ax
    mov [seen.ldt], eax
    mov ax, fs
    mov [seen.fs], eax
    mov ax, cs
    mov [seen.cs], eax
    movzx eax, byte [architecture_gdt + TASK + 5]
    mov [seen.new_busy], eax
    movzx eax, byte [architecture_gdt + TSS32 + 5]
    mov [seen.old_busy], eax
    ret

; ---- preparing

describe_at:                                    ; EAX = base, EBX = limit, EDI = descriptor
    mov [edi], bx
    mov [edi + 2], ax
    shr eax, 16
    mov [edi + 4], al
    mov byte [edi + 6], 0
    mov [edi + 7], ah
    ret

; The task as it begins at CPL 0, but for its EIP.
new_task:
    push eax
    mov byte [architecture_gdt + TASK + 5], 0x89
    mov dword [task + tss.link], 0
    mov dword [task + tss.sp0], kernel_stack_top
    mov dword [task + tss.ss0], DATA
    mov eax, cr3
    mov [task + tss.cr3], eax
    mov dword [task + tss.flags], 2
    mov dword [task + tss.ax], 0xA0A0A0A0
    mov dword [task + tss.di], 0xD1D1D1D1
    mov dword [task + tss.sp], task_stack_top
    mov dword [task + tss.es], USER_DATA
    mov dword [task + tss.cs], CODE32
    mov dword [task + tss.ss], DATA
    mov dword [task + tss.ds], USER_DATA
    mov dword [task + tss.fs], 0
    mov dword [task + tss.gs], 0
    mov dword [task + tss.ldt], 0
    mov word [task + tss.trap], 0
    mov word [task + tss.io_map], 104
    pop eax
    ret

; At CPL 3: a HLT.
user_task:
    mov dword [task + tss.ip], user_halts
    call new_task
    mov dword [task + tss.cs], USER_CODE32
    mov dword [task + tss.ss], USER_DATA
    ret

; Back in the first task, after an exception has ended the other one.
home:
    push eax
    and byte [architecture_gdt + TSS32 + 5], ~2
    mov ax, TSS32
    ltr ax
    xor eax, eax
    lldt ax
    mov fs, ax
    mov gs, ax
    mov ax, USER_DATA
    mov ds, ax
    mov es, ax
    clts
    pop eax
    ret

align 16
bits 16
code16:
    mov [dword seen.ax], ax
    mov [dword seen.di], di
    xor eax, eax
    str ax
    mov [dword seen.tr], eax
    mov ax, fs
    mov [dword seen.fs], eax
    iret
.end:
bits 32

section .bss
alignb 16
task: resb 104
task16: resb 44
ldt: resq 2
kept_gate: resq 1
after_fault: resd 1
seen:
.ax: resd 1
.di: resd 1
.sp: resd 1
.ip: resd 1
.flags: resd 1
.error: resd 1
.tr: resd 1
.ldt: resd 1
.fs: resd 1
.cs: resd 1
.nt: resd 1
.new_busy: resd 1
.old_busy: resd 1
.again: resd 1
    resb 1024
task_stack_top:
alignb 4096
directory_a: resd 1024
directory_b: resd 1024
section .text

%include "image-end.inc"
