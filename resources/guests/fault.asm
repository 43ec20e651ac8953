; fault: the first AP of the table (the BSP, where there is none) does what it should not.
;
; Command line: triple faults with no IDT to handle it, as where the command line is empty; ud executes an invalid opcode,
; which its handler reports and ends the run with; spin never halts again. table=mp reads the MP table, not the MADT.
; Any other word is a failure: a triple fault is not what somebody gets who has mistyped.

%include "guest.inc"

section .data
triple_option: db "triple", 0
ud_option:     db "ud", 0
spin_option:   db "spin", 0
no_idt:                                         ; limit 0: not even the first gate is within
    dw 0
    dq 0

section .text
bits 64

; has_word OPTION: adds 1 to EBX where the command line has this word.
%macro has_word 1
    mov edi, %1
    call find_option
    cmp rax, 1                                  ; carry where it has not
    sbb ebx, -1
%endmacro

bsp_main:
    announce "fault"
    xor ebx, ebx
    has_word triple_option
    has_word ud_option
    has_word spin_option
    has_word table_option
    call count_words
    cmp eax, ebx
    jne .unknown
    for_each_cpu rbx, .next
    cmp ebx, [bsp]
    jne .wake
    next_cpu rbx, .next
    mov ebx, [bsp]
    jmp misbehave
.wake:
    mov edi, [rbx + percpu.apic_id]
    xor esi, esi
    call init_sipi_sipi
    lea rdi, [rbx + percpu.state]
    mov esi, CPU_HERE
    call wait_for
    test eax, eax
    jz .absent
.halt:
    sti
    hlt
    jmp .halt
.absent:
    say_cpu rbx, " does not answer"
    jmp end_failure
.unknown:
    say "fault: the command line may have triple, ud or spin, and table=mp"
    jmp end_failure

; Out: EAX = number of words on the command line.
count_words:
    mov edx, command_line
    xor eax, eax
.blank:
    cmp byte [rdx], ' '
    jne .word
    inc edx
    jmp .blank
.word:
    cmp byte [rdx], 0
    je .end
    inc eax
.letter:
    inc edx
    cmp byte [rdx], ' '
    je .blank
    cmp byte [rdx], 0
    jne .letter
.end:
    ret

ap_entry:
    find_self
    own_stack
    call become_cpu
    mov dword [rbx + percpu.state], CPU_HERE
; RBX = this CPU's entry.
misbehave:
    mov edi, ud_option
    call find_option
    test rax, rax
    jnz .ud
    mov edi, spin_option
    call find_option
    test rax, rax
    jnz .spin

    say_cpu rbx, " is about to fault with no IDT: a triple fault"
    lidt [no_idt]
    ud2                                         ; #UD has no gate: #GP; neither has #GP: #DF; nor has #DF: shutdown
.ud:
    say_cpu rbx, " is about to execute an invalid opcode"
    ud2
.spin:
    say_cpu rbx, " is about to spin with interrupts off"
.for_ever:
    pause
    jmp .for_ever

%include "image-end.inc"
