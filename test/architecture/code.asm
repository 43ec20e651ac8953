; Code that changes: in the block that runs, the very next instruction, across pages, by string instructions, through another
; linear address, and by another processor. SDM vol. 3A, "Handling Self- and Cross-Modifying Code".

%include "guest.inc"
%include "architecture.inc"

VECTOR equ 0x51
ALIAS  equ 0x40000000                           ; another linear address of `scratch`
MOV_EAX equ 0xB8
RET_    equ 0xC3

section .bss
alignb 4096
scratch:    resb 8192                           ; code is written here
alias_table: resq 512
turns:      resq 1
answers:    resq 1
ap_result:  resq 1
asked:      resq 1

section .text
bits 64

; function VALUE, ADDRESS: MOV EAX, VALUE; RET.
%macro function 2
    mov byte [%2], MOV_EAX
    mov dword [%2 + 1], %1
    mov byte [%2 + 5], RET_
%endmacro

bsp_main:
    push rbx
    call architecture_init
    function 1, scratch
    call scratch
    check "a new function", rax, 1
    mov dword [scratch + 1], 2
    call scratch
    check "its immediate changed", rax, 2
    mov byte [scratch + 2], 1
    call scratch
    check "a byte of it changed", rax, 0x102
    mov ecx, 1000
    xor ebx, ebx
.many:
    mov [scratch + 1], ecx
    call scratch
    add rbx, rax
    loop .many
    check "its immediate changed a thousand times", rbx, 500500

    ; The same block: the store and what it changes stand in one straight line.
    xor eax, eax
    mov byte [.patched + 1], 7
.patched:
    mov al, 1
    check "the next instruction changed", rax, 7
    xor eax, eax
    mov byte [.later + 1], 9
    nop
    nop
    nop
.later:
    mov al, 1
    check "a later instruction of the block changed", rax, 9
    xor ebx, ebx
    mov ecx, 5
.loop:
    inc byte [.counted + 2]
    nop
.counted:
    add ebx, 0
    loop .loop
    check "an instruction of a loop that changes each time", rbx, 1 + 2 + 3 + 4 + 5
    xor eax, eax
    mov byte [.branch], 0x90
    mov byte [.branch + 1], 0x90
.branch:
    jmp short .taken
    mov eax, 5
.taken:
    check "a jump became NOPs", rax, 5

    ; An instruction across pages.
    function 0x11223344, scratch + 4096 - 3
    call scratch + 4096 - 3
    check "an instruction across pages", rax, 0x11223344
    mov byte [scratch + 4096], 0x55
    call scratch + 4096 - 3
    check "its part in the second page changed", rax, 0x11553344
    mov byte [scratch + 4095], 0x66
    call scratch + 4096 - 3
    check "its part in the first page changed", rax, 0x11556644
    mov word [scratch + 4095], 0x7788
    call scratch + 4096 - 3
    check "a store across the pages", rax, 0x11778844

    ; String instructions.
    mov edi, scratch
    mov ecx, 4096
    mov al, 0x90
    rep stosb
    mov byte [scratch + 4096], RET_
    mov eax, 0x31
    call scratch
    check "REP STOSB: NOPs to the end", rax, 0x31
    function 0x41, scratch + 256
    call scratch
    check "a function among them", rax, 0x41
    mov edi, scratch
    mov ecx, 512
    mov rax, 0x9090909090909090
    rep stosq
    mov eax, 0x32
    call scratch
    check "REP STOSQ wrote over it", rax, 0x32
    mov esi, .template
    mov edi, scratch + 128
    mov ecx, 6
    rep movsb
    call scratch
    check "REP MOVSB", rax, 0x51
    mov edi, scratch + 4096 - 2
    mov ecx, 4
    mov al, 0x90
    rep stosb
    mov eax, 0xC3
    mov edi, scratch + 128
    stosb
    mov eax, 0x33
    call scratch
    check "STOSB", rax, 0x33
    mov edi, .overwritten
    mov ecx, 5
    mov al, 0x90
    xor ebx, ebx
    rep stosb
.overwritten:
    mov ebx, 1
    check "REP STOSB over the next instruction", rbx, 0
    mov rbp, rsp
    mov esp, .pushed_over + 8
    mov rax, 0x9090909090909090
    xor ebx, ebx
    push rax
.pushed_over:
    mov ebx, 1
    nop
    nop
    nop
    mov rsp, rbp
    check "PUSH over the next instruction", rbx, 0
    mov eax, 0x06B0
    xchg [scratch + 128], ax                    ; MOV AL, 6
    mov byte [scratch + 130], RET_
    xor eax, eax
    call scratch
    check "XCHG", rax, 6
    lock inc byte [scratch + 129]
    call scratch
    check "LOCK INC", rax, 7
    mov rsp, [.stack_pointer]
    jmp .after_template
.template:
    mov eax, 0x51
    ret
align 8
.stack_pointer: dq boot_stack_top - 8
.after_template:

    ; Through another linear address.
    mov dword [alias_table], scratch + (PAGE_PRESENT | PAGE_WRITABLE)
    mov dword [page_directories + 8 * (ALIAS >> 21)], alias_table + (PAGE_PRESENT | PAGE_WRITABLE)
    invlpg [ALIAS]
    function 0x61, scratch
    call scratch
    check "before the alias", rax, 0x61
    mov dword [ALIAS + 1], 0x62
    call scratch
    check "changed through the alias", rax, 0x62
    call ALIAS
    check "called through the alias", rax, 0x62
    mov dword [scratch + 1], 0x63
    call ALIAS
    check "changed by its first address, called through the alias", rax, 0x63
    function 0x71, scratch + 4096
    call ALIAS
    mov dword [alias_table], scratch + 4096 + (PAGE_PRESENT | PAGE_WRITABLE)
    invlpg [ALIAS]
    call ALIAS
    check "the alias mapped to another page", rax, 0x71
    mov dword [alias_table], scratch + (PAGE_PRESENT | PAGE_WRITABLE)
    mov rax, cr3
    mov cr3, rax
    call ALIAS
    check "and back", rax, 0x63

    ; By another processor: it calls the function each time that it is asked by an IPI.
    pop rbx
    for_each_cpu rbx, .next
    cmp ebx, [bsp]
    jne .wake
    next_cpu rbx, .next
    finish
.wake:
    mov r12d, [rbx + percpu.apic_id]
    mov edi, VECTOR
    mov esi, .answer
    call set_gate
    mov edi, r12d
    xor esi, esi
    call init_sipi_sipi
    lea rdi, [rbx + percpu.state]
    mov esi, CPU_HERE
    call wait_for
    xor r13d, r13d
    xor ebp, ebp
    mov r14d, 100
.ask:
    lea eax, [r14 + r14 * 2]
    mov [scratch + 1], eax
    mov edi, r12d
    mov esi, ICR_FIXED | ICR_ASSERT | VECTOR
    call lapic_send
    inc rbp
    mov ecx, 100000000
.wait:
    cmp [answers], rbp
    je .answered
    pause
    loop .wait
.answered:
    add r13, [ap_result]
    dec r14d
    jnz .ask
    check "another CPU, by IPI: a hundred changes", r13, 3 * 5050
    mov qword [ap_result], 0
    xor r13d, r13d
    mov qword [answers], 0
    mov r14d, 1000                              ; and without IPIs: it polls, serializes and calls
    mov edi, r12d
    mov esi, ICR_FIXED | ICR_ASSERT | VECTOR
    mov qword [.mode], 1
    call lapic_send
    xor ebp, ebp
.change:
    mov [scratch + 1], r14d
    inc rbp
    mov [asked], rbp
.poll:
    pause
    cmp [answers], rbp
    jne .poll
    add r13, [ap_result]
    dec r14d
    jnz .change
    check "another CPU, that serializes: a thousand changes", r13, 500500
    finish
.answer:
    cmp qword [.mode], 0
    jne .answer_poll
    xor eax, eax
    cpuid                                       ; serializes
    call scratch
    mov [ap_result], rax
    mov edi, LAPIC_EOI
    xor esi, esi
    call lapic_write
    lock inc qword [answers]
    iretq
.answer_poll:
    mov eax, [answers]
.same:
    pause
    cmp [asked], rax
    je .same
    xor eax, eax
    cpuid
    call scratch
    mov [ap_result], rax
    inc qword [answers]
    jmp .answer_poll
align 8
.mode: dq 0

ap_entry:
    find_self
    own_stack
    call become_cpu
    mov dword [rbx + percpu.state], CPU_HERE
.halt:
    sti
    hlt
    jmp .halt

%include "image-end.inc"
