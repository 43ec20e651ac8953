; Where interrupts are taken: shadows of STI and MOV SS, POPF, IRET, HLT, priorities (TPR, CR8), NMI and its blocking,
; single-step, breakpoints. SDM vol. 3A, "Masking Maskable Hardware Interrupts", "Nonmaskable Interrupt (NMI)", "Masking
; Exceptions and Interrupts When Switching Stacks"; vol. 3B, "Debug Registers", "Single-Step Exception Condition".

%include "guest.inc"
%include "architecture.inc"

VECTOR equ 0x50
HIGH_VECTOR equ 0x90
IPI_SELF equ 1 << 18 | ICR_ASSERT
ICR_NMI equ 4 << 8

section .bss
alignb 16
interrupted: resq 1                             ; where the last interrupt came
interrupts:  resq 1
order:       resq 1                             ; vectors in the order they came, a byte each
nmi_ip:      resq 1
nmis:        resq 1
nmi_body:    resq 1                             ; what the NMI handler calls before its IRET
steps:       resq 1
step_ips:    resq 64
last_dr6:    resq 1
step_flags:  resq 1
watched:     resq 2

section .text
bits 64

take_interrupt:
    push rax
    mov rax, [rsp + 8]
    mov [interrupted], rax
    inc qword [interrupts]
    shl qword [order], 8
    or byte [order], VECTOR
    mov eax, LAPIC_BASE
    mov dword [rax + LAPIC_EOI], 0
    pop rax
    iretq

take_high_interrupt:
    push rax
    mov rax, [rsp + 8]
    mov [interrupted], rax
    inc qword [interrupts]
    shl qword [order], 8
    or byte [order], HIGH_VECTOR
    mov eax, LAPIC_BASE
    mov dword [rax + LAPIC_EOI], 0
    pop rax
    iretq

take_nmi:
    push rax
    mov rax, [rsp + 8]
    mov [nmi_ip], rax
    inc qword [nmis]
    mov rax, [nmi_body]
    test rax, rax
    jz .done
    call rax
.done:
    pop rax
    iretq

; #DB: keeps where it came, and what DR6 says; goes on with RF.
take_debug:
    push rax
    push rcx
    mov rax, [rsp + 16]
    mov rcx, [steps]
    and ecx, 63
    mov [step_ips + rcx * 8], rax
    inc qword [steps]
    mov rax, dr6
    mov [last_dr6], rax
    mov eax, 0xFFFF0FF0
    mov dr6, rax
    mov rax, [rsp + 32]
    mov [step_flags], rax
    or dword [rsp + 32], FLAG_RF
    pop rcx
    pop rax
    iretq

; install VECTOR, HANDLER
%macro install 2
    mov eax, %2
    mov [idt64 + 16 * (%1)], ax
    shr eax, 16
    mov [idt64 + 16 * (%1) + 6], ax
%endmacro

; pend VECTOR: a fixed IPI to self, with interrupts off: it waits in the LAPIC.
%macro pend 1
    mov qword [interrupted], 0
    mov qword [interrupts], 0
    mov qword [order], 0
    mov eax, LAPIC_BASE
    mov dword [rax + LAPIC_ICR_LOW], IPI_SELF | %1
    call wait_pending
%endmacro

; Until the LAPIC has the interrupt, in its IRR.
wait_pending:
    mov eax, LAPIC_BASE
    mov ecx, 1000000
.wait:
    mov edx, [rax + 0x220]
    or edx, [rax + 0x240]
    jnz .done
    pause
    loop .wait
.done:
    ret

%macro send_nmi 0
    mov eax, LAPIC_BASE
    mov dword [rax + LAPIC_ICR_LOW], IPI_SELF | ICR_NMI
%endmacro

%macro wait_nmis 1
    mov ecx, 1000000
%%wait:
    cmp qword [nmis], %1
    jae %%done
    pause
    loop %%wait
%%done:
%endmacro

ap_entry equ halt_forever                       ; no other processor is woken

bsp_main:
    call architecture_init
    install VECTOR, take_interrupt
    install HIGH_VECTOR, take_high_interrupt

    cli
    pend VECTOR
    nop
    check "CLI masks", qword [interrupts], 0
    sti
    nop
..@sti_taken: nop
    cli
    check "STI: one instruction later", qword [interrupted], ..@sti_taken
    pend VECTOR
    sti
    cli
    nop
    nop
    check "STI, CLI: no window", qword [interrupts], 0
    sti
    sti
..@sti_twice: nop
    cli
    check "STI, STI: the second has no shadow", qword [interrupted], ..@sti_twice
    pend VECTOR
    push FLAG_IF | 2
    popfq
..@popf_taken: nop
    cli
    check "POPF: at once", qword [interrupted], ..@popf_taken
    pend VECTOR
    mov rbx, rsp
    push DATA
    push rbx
    push FLAG_IF | 2
    push CODE64
    push ..@iret_taken
    iretq
..@iret_taken: nop
    cli
    check "IRET: at once", qword [interrupted], ..@iret_taken
    pend VECTOR
    mov ecx, DATA
    sti
    mov ss, ecx
    nop
    nop
    cli
    check "STI, MOV SS: comes once", qword [interrupts], 1
    pend VECTOR
    pushfq
    or qword [rsp], FLAG_IF
    mov ecx, DATA
    mov eax, LAPIC_BASE
    mov edx, 0x50
    mov [rax + 0x80], edx                       ; TPR: masked for now
    sti
    nop
    xor edx, edx
    mov [rax + 0x80], edx
    nop
    cli
    popfq
    cli
    check "TPR lowered: it comes", qword [interrupts], 1

    ; HLT.
    pend VECTOR
    sti
    hlt
..@halted:
    cli
    check "STI, HLT: wakes up behind HLT", qword [interrupted], ..@halted
    check "STI, HLT: once", qword [interrupts], 1
    mov qword [interrupts], 0
    mov eax, LAPIC_BASE
    mov dword [rax + LAPIC_TIMER_DIVIDE], 0xB
    mov dword [rax + LAPIC_LVT_TIMER], VECTOR
    mov dword [rax + LAPIC_TIMER_INITIAL], 100000
    sti
    hlt
..@halted_timer:
    cli
    check "HLT: the timer wakes it up", qword [interrupted], ..@halted_timer
    mov eax, LAPIC_BASE
    mov dword [rax + LAPIC_LVT_TIMER], LAPIC_LVT_MASKED

    ; Priorities.
    pend VECTOR
    pend HIGH_VECTOR
    mov qword [order], 0
    mov qword [interrupts], 0
    sti
    nop
    nop
    nop
    cli
    check "two are pending: the higher one first", qword [order], HIGH_VECTOR << 8 | VECTOR
    mov eax, 5
    mov cr8, rax
    pend VECTOR
    sti
    nop
    nop
    cli
    check "CR8 masks its own class", qword [interrupts], 0
    mov eax, LAPIC_BASE
    mov ebx, [rax + 0x80]
    check "CR8 is the TPR", rbx, 0x50
    mov eax, 4
    sti
    mov cr8, rax
    nop
    nop
    cli
    check "CR8 lowered: it comes", qword [interrupts], 1
    mov eax, LAPIC_BASE
    mov dword [rax + 0x80], 0x60
    mov rbx, cr8
    check "the TPR is CR8", rbx, 6
    pend VECTOR
    pend HIGH_VECTOR
    mov qword [order], 0
    sti
    nop
    nop
    cli
    check "the TPR lets a higher class pass", qword [order], HIGH_VECTOR
    sti
    xor eax, eax
    mov cr8, rax
    nop
    nop
    cli
    check "and then the other", qword [order], HIGH_VECTOR << 8 | VECTOR
    mov eax, 16
    attempt {mov cr8, rax}
    faulted "CR8 takes 4 bits", GP, 0

    ; NMI.
    group "nmi", without_nmi
    install NMI, take_nmi
    mov qword [nmi_body], 0
    cli
    send_nmi
    wait_nmis 1
    check "nmi: comes with interrupts off", qword [nmis], 1
    mov qword [nmi_body], .second
    send_nmi
    wait_nmis 3
    check "nmi: a second one in the handler waits for its IRET", qword [nmis], 3
    check "nmi: it had not come within the handler", rbx, 2
    mov qword [nmi_body], .fault_inside
    mov rbp, [nmis]
    send_nmi
    lea rbx, [rbp + 1]
    mov ecx, 1000000
.wait_inside:
    cmp [nmis], rbx
    jae .came
    pause
    loop .wait_inside
.came:
    mov qword [nmi_body], 0
    inc rbx
    mov ecx, 1000000
.wait_second:
    cmp [nmis], rbx
    jae .came_second
    pause
    loop .wait_second
.came_second:
    check "nmi: an IRET of another handler within ends the blocking", r12, rbx
    jmp .nmi_done
.second:
    mov qword [nmi_body], 0
    send_nmi
    mov ecx, 10000
.pass:
    pause
    loop .pass
    mov rbx, [nmis]
    ret
.fault_inside:
    mov qword [nmi_body], 0
    send_nmi                                    ; blocked
    push rbx
    push rcx
    mov rbx, rsp
    push DATA
    push rbx
    push 2
    push CODE64
    push .unblocked
    iretq                                       ; unblocks: the second comes here
.unblocked:
    nop
    mov ecx, 10000
.pass_unblocked:
    pause
    loop .pass_unblocked
    mov r12, [nmis]
    pop rcx
    pop rbx
    ret
.nmi_done:
without_nmi:

    ; Single-step.
    install DB_, take_debug
    group "step", without_step
    mov eax, 0xFFFF0FF0
    mov dr6, rax
    mov qword [steps], 0
    push FLAG_TF | 2
    popfq
    nop
..@step_1: nop
..@step_2:
    push 2
    popfq
..@step_4: nop
    check "step: POPF with TF: not behind itself, but behind each that follows", qword [steps], 4
    check "step: the first", qword [step_ips], ..@step_1
    check "step: the second", qword [step_ips + 8], ..@step_2
    check "step: the last is that which clears TF", qword [step_ips + 24], ..@step_4
    mov rbx, [last_dr6]
    and ebx, 0xE00F
    check "step: DR6.BS", rbx, 1 << 14
    mov qword [steps], 0
    mov ecx, DATA
    push FLAG_TF | 2
    popfq
    mov ss, ecx
    nop
..@step_after_ss: nop
    push 2
    popfq
    check "step: none behind MOV SS", qword [step_ips], ..@step_after_ss
    mov qword [steps], 0
    mov ecx, 3
    mov esi, watched
    mov edi, watched + 8
    push FLAG_TF | 2
    popfq
..@step_rep: rep movsb
..@step_rep_after:
    push 2
    popfq
    check "step: REP: behind each iteration", qword [steps], 5
    check "step: REP: the first", qword [step_ips], ..@step_rep
    check "step: REP: the last", qword [step_ips + 16], ..@step_rep_after
without_step:

    ; Breakpoints.
    group "breakpoints", without_breakpoints
    mov eax, 0xFFFF0FF0
    mov dr6, rax
    mov qword [steps], 0
    mov rbx, ..@break_here
    mov dr0, rbx
    mov eax, 1 << 10 | 2                        ; G0, execution
    mov dr7, rax
    nop
..@break_here: nop
    nop
    xor eax, eax
    mov dr7, rax
    check "breakpoints: execution: once, RF lets it pass", qword [steps], 1
    check "breakpoints: execution: before the instruction", qword [step_ips], ..@break_here
    mov rbx, [last_dr6]
    and ebx, 0xE00F
    check "breakpoints: execution: DR6.B0", rbx, 1
    mov rbx, [step_flags]
    and ebx, FLAG_RF
    check "breakpoints: execution: RF is saved as clear", rbx, 0
    mov qword [steps], 0
    mov rbx, watched
    mov dr1, rbx
    mov eax, 1 << 10 | 8 | 1 << 20 | 3 << 22    ; G1, writes, 4 bytes
    mov dr7, rax
    mov ebx, [watched]
    mov [watched + 4], ebx
    mov [watched + 2], bx
..@break_written: nop
    xor eax, eax
    mov dr7, rax
    check "breakpoints: a write: once", qword [steps], 1
    check "breakpoints: a write: behind the instruction", qword [step_ips], ..@break_written
    mov rbx, [last_dr6]
    and ebx, 0xE00F
    check "breakpoints: a write: DR6.B1", rbx, 2
    mov qword [steps], 0
    mov rbx, watched + 8
    mov dr2, rbx
    mov eax, 1 << 10 | 0x20 | 3 << 24 | 2 << 26 ; G2, reads and writes, 8 bytes
    mov dr7, rax
    mov ebx, [watched + 12]
..@break_read: nop
    xor eax, eax
    mov dr7, rax
    check "breakpoints: a read: behind the instruction", qword [step_ips], ..@break_read
    mov qword [steps], 0
    mov rbx, watched
    mov dr1, rbx
    mov eax, 1 << 10 | 8 | 1 << 20 | 3 << 22
    mov ecx, DATA
    mov dr7, rax
    mov dword [watched + 8], 0
    push rcx
    mov [watched], ecx
..@break_plain:
    pop rcx
    xor eax, eax
    mov dr7, rax
    check "breakpoints: a write again", qword [step_ips], ..@break_plain
    mov rax, dr7
    check "breakpoints: DR7 keeps bit 10", rax, 1 << 10
    install DB_, exception_stubs64 + 16 * DB_
    mov eax, 1 << 13                            ; GD
    mov dr7, rax
    attempt {mov rbx, dr0}
    faulted "breakpoints: general detect", DB_, 0
    mov rbx, dr6
    and ebx, 1 << 13
    check "breakpoints: DR6.BD", rbx, 1 << 13
    xor eax, eax
    mov dr7, rax
    mov rax, cr4
    or eax, CR4_DE
    mov cr4, rax
    attempt {mov rbx, dr4}
    faulted "breakpoints: DR4 with CR4.DE", UD, 0
    mov rax, cr4
    and eax, ~CR4_DE
    mov cr4, rax
    mov rax, 1 << 32
    attempt {mov dr7, rax}
    faulted "breakpoints: #GP by an upper bit of DR7", GP, 0
without_breakpoints:
    finish

%include "image-end.inc"
