; roll-call: wakes the processors one after the other, then calls the roll, twice.
;
; Each AP gets INIT, SIPI, SIPI for itself, says that it is here and halts; a fixed IPI wakes each of them two times.
; Command line: delay=none leaves out the delays between INIT and the SIPIs; table=mp reads the MP table, not the MADT.

%include "guest.inc"

CALL_VECTOR equ 0x41
CALLS       equ 2

section .data
no_delay_option: db "delay=none", 0

section .text
bits 64

bsp_main:
    announce "roll-call"
    mov edi, no_delay_option
    call find_option
    test rax, rax
    jz .wake
    mov byte [startup_delays], 0
.wake:
    mov edi, CALL_VECTOR
    mov esi, answer
    call set_gate

    for_each_ap .wake_next
    call wake
    next_ap .wake_next

    mov r12d, 1
.call:
    xor r13d, r13d                              ; answers to this call
    for_each_ap .call_next
    call call_cpu
    add r13d, eax
    next_ap .call_next
    say "roll-call: call ", r12d, " of ", CALLS, ": ", r13d, " answered"
    inc r12d
    cmp r12d, CALLS
    jbe .call

    mov r12d, 1                                 ; the BSP itself
    for_each_cpu rbx, .count_next
    cmp dword [rbx + percpu.answers], CALLS
    jb .missing
    inc r12d
.missing:
    next_cpu rbx, .count_next
    cmp r12d, [cpu_count]
    jne .failure
    say "roll-call: all ", [cpu_count], " processors answered"
    jmp end_success
.failure:
    say "roll-call: ", r12d, " of ", [cpu_count], " processors answered"
    jmp end_failure

; Wakes the AP whose entry is RBX and waits until it has said so.
wake:
    mov edi, [rbx + percpu.apic_id]
    xor esi, esi
    call init_sipi_sipi
    lea rdi, [rbx + percpu.state]
    mov esi, CPU_HERE
    call wait_for
    test eax, eax
    jnz .here
    say_cpu rbx, " does not answer"
.here:
    ret

; Sends the AP whose entry is RBX, if it came, a fixed IPI. Out: EAX = 1 if it answered.
call_cpu:
    cmp dword [rbx + percpu.state], CPU_HERE
    jne .absent
    inc dword [rbx + percpu.calls]
    mov edi, [rbx + percpu.apic_id]
    mov esi, ICR_FIXED | ICR_ASSERT | CALL_VECTOR
    call lapic_send
    lea rdi, [rbx + percpu.answers]
    mov esi, [rbx + percpu.calls]
    call wait_for
    test eax, eax
    jnz .answered
    say_cpu rbx, " does not answer call ", [rbx + percpu.calls]
.absent:
    xor eax, eax
.answered:
    ret

; The handler of CALL_VECTOR, on an AP.
answer:
    enter_handler
    inc dword [gs:percpu.answers]                  ; nobody else writes it
    leave_handler

ap_entry:
    find_self
    own_stack
    call become_cpu
    say_cpu rbx, " here"
    mov dword [rbx + percpu.state], CPU_HERE       ; the BSP waits for this
.halt:
    sti                                         ; takes effect after HLT has begun: no call is lost between them
    hlt
    jmp .halt

%include "image-end.inc"
