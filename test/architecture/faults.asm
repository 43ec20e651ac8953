; Exceptions in 32-bit and in 64-bit mode: vectors, error codes, saved instruction pointers and flags, stack switches, IST,
; double faults. SDM vol. 3A, "Interrupt and Exception Handling"; vol. 2, "Exceptions" of the instructions.

%define BARE
%include "architecture.inc"

NOT_PRESENT equ SPARE                           ; a data segment that is not present
EMPTY       equ SPARE + 8                       ; null type: reserved
READ_ONLY   equ SPARE + 16
EXECUTE_ONLY equ SPARE + 24
CODE_NOT_PRESENT equ SPARE + 40
STACK_NOT_PRESENT equ SPARE + 48
OUTSIDE     equ SPARE + 8 * GDT_SPARES          ; past the GDT's limit

section .bss
alignb 16
saved_stack: resq 1
alignb 16
ist_stack_bottom: resb 1024
ist_stack_top:
bounds: resd 2

section .text
bits 32

main:
    set_descriptor NOT_PRESENT, 0x0000FFFF, 0x00CF1300
    set_descriptor EMPTY, 0x0000FFFF, 0x00CF8000
    set_descriptor READ_ONLY, 0x0000FFFF, 0x00CF9100
    set_descriptor EXECUTE_ONLY, 0x0000FFFF, 0x00CF9900
    set_descriptor CODE_NOT_PRESENT, 0x0000FFFF, 0x00CF1B00
    set_descriptor STACK_NOT_PRESENT, 0x0000FFFF, 0x00CF1300
    group "32-bit", without_32

    xor ecx, ecx
    xor edx, edx
    mov eax, 1
    attempt {div ecx}
    faulted "32-bit: #DE by zero", DE, 0
    mov edx, 5
    mov ecx, 2
    attempt {div ecx}
    faulted "32-bit: #DE by a quotient too large", DE, 0
    mov eax, 0x80000000
    mov edx, 0xFFFFFFFF
    mov ecx, -1
    attempt {idiv ecx}
    faulted "32-bit: #DE by IDIV of the least number", DE, 0
    mov eax, 5
    attempt {aam 0}
    faulted "32-bit: #DE by AAM 0", DE, 0
    attempt {ud2}
    faulted "32-bit: #UD by UD2", UD, 0
    mov ax, NOT_PRESENT
    attempt {mov es, ax}
    faulted "32-bit: #NP by a data segment", NP, NOT_PRESENT
    attempt {jmp CODE_NOT_PRESENT:0}
    faulted "32-bit: #NP by a far jump", NP, CODE_NOT_PRESENT
    mov ax, STACK_NOT_PRESENT
    attempt {mov ss, ax}
    faulted "32-bit: #SS by a stack segment not present", SS_, STACK_NOT_PRESENT
    xor eax, eax
    attempt {mov ss, ax}
    faulted "32-bit: #GP by a null stack segment", GP, 0
    mov ax, READ_ONLY
    attempt {mov ss, ax}
    faulted "32-bit: #GP by a read-only stack segment", GP, READ_ONLY
    mov ax, EMPTY
    attempt {mov es, ax}
    faulted "32-bit: #GP by a descriptor of the wrong type", GP, EMPTY
    mov ax, EXECUTE_ONLY
    attempt {mov es, ax}
    faulted "32-bit: #GP by an execute-only segment", GP, EXECUTE_ONLY
    mov ax, OUTSIDE
    attempt {mov es, ax}
    faulted "32-bit: #GP past the GDT's limit", GP, OUTSIDE
    mov ax, DATA | 4
    attempt {mov es, ax}
    faulted "32-bit: #GP by the LDT that is not there", GP, DATA | 4
    mov ax, READ_ONLY
    mov es, ax
    attempt {mov [es:bounds], eax}
    faulted "32-bit: #GP by a write to a read-only segment", GP, 0
    mov ax, USER_DATA
    mov es, ax
    attempt {mov [cs:bounds], eax}
    faulted "32-bit: #GP by a write to a code segment", GP, 0
    xor eax, eax
    mov fs, ax
    attempt {mov eax, [fs:0]}
    faulted "32-bit: #GP by a null segment", GP, 0
    ; A fault in the delivery of #GP.
    mov byte [idt32 + GP * 8 + 5], 0x0E
    xor eax, eax
    mov fs, ax
    attempt {mov eax, [fs:0]}
    faulted "32-bit: #DF: #NP in the delivery of #GP", DF, 0
    mov byte [idt32 + UD * 8 + 5], 0x0E
    attempt {ud2}
    faulted "32-bit: #NP in the delivery of #UD", NP, UD << 3 | 3
    mov byte [idt32 + GP * 8 + 5], 0x8E
    mov byte [idt32 + UD * 8 + 5], 0x8E

without_32:
    group "user-32", without_user_32
    ; CPL 3.
    attempt_user {cli}
    faulted "user-32: #GP by CLI", GP, 0
    check "user-32: CS is saved", dword [fault.cs], USER_CODE32
    check "user-32: SS is saved", dword [fault.ss], USER_DATA
    check "user-32: ESP is saved", dword [fault.sp], user_stack_top
    check "user-32: the frame is on the stack of the TSS", dword [fault.frame], kernel_stack_top - 20
    attempt_user {hlt}
    faulted "user-32: #GP by HLT", GP, 0
    attempt_user {mov eax, cr0}
    faulted "user-32: #GP by MOV from CR0", GP, 0
    attempt_user {in al, 0x80}
    faulted "user-32: #GP by IN", GP, 0
    attempt_user {int 0x81}
    faulted "user-32: #GP by INT n of DPL 0", GP, 0x81 << 3 | 2
    attempt_user {int USER_RETURN}
    trapped_user "user-32: INT n of DPL 3", USER_RETURN
    attempt_user_begins
    mov eax, DATA
    mov es, eax
    attempt_user_ends
    faulted "user-32: #GP by a segment of DPL 0", GP, DATA, ..@at_%[attempts] + 5
    attempt_user {rdmsr}
    faulted "user-32: #GP by RDMSR", GP, 0
    attempt_user {lgdt [architecture_gdt_pointer]}
    faulted "user-32: #GP by LGDT", GP, 0

    ; #AC: CR0.AM, EFLAGS.AC, CPL 3.
    mov eax, cr0
    or eax, CR0_AM
    mov cr0, eax
    attempt_user_begins
    push dword FLAG_AC | 2
    popf
    mov eax, [bounds + 1]
    attempt_user_ends
    faulted "user-32: #AC", AC, 0, ..@back_%[attempts] - 5
    attempt_user_begins
    push dword FLAG_AC | 2
    popf
    mov eax, [bounds + 4]
    attempt_user_ends
    user_passed "user-32: no #AC where it is aligned"
    push dword FLAG_AC | 2
    popf
    attempt {mov eax, [bounds + 1]}
    passed "user-32: no #AC at CPL 0"
    push dword 2
    popf
    mov eax, cr0
    and eax, ~CR0_AM
    mov cr0, eax
without_user_32:
    group "undefined-32", without_undefined_32
    attempt {db 0xF0, 0x89, 0xC0}               ; LOCK MOV EAX, EAX
    faulted "undefined-32: #UD by LOCK", UD, 0
    attempt {db 0x0F, 0xFF, 0xC0}
    faulted "undefined-32: #UD by UD0", UD, 0
    attempt {db 0x8E, 0xC8}                     ; MOV CS, AX
    faulted "undefined-32: #UD by MOV CS", UD, 0
    attempt {db 0x0F, 0x20, 0xC8}               ; MOV EAX, CR1
    faulted "undefined-32: #UD by MOV from CR1", UD, 0
    attempt {db 0x8D, 0xC0}                     ; LEA EAX, EAX
    faulted "undefined-32: #UD by LEA of a register", UD, 0
    attempt {db 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x90}
    faulted "undefined-32: #GP by 16 bytes", GP, 0

without_undefined_32:
    group "bound", without_bound
    mov dword [bounds], -5
    mov dword [bounds + 4], 5
    mov eax, 6
    attempt {bound eax, [bounds]}
    faulted "bound: #BR", BR, 0
    mov eax, -5
    attempt {bound eax, [bounds]}
    passed "bound: BOUND within bounds"
without_bound:
    group "int-32", without_int_32
    attempt {int3}
    trapped "int-32: #BP by INT3", BP_
    attempt {int 3}
    trapped "int-32: #BP by INT 3", BP_
    mov al, 0x7F
    add al, 1
    attempt {into}
    trapped "int-32: #OF by INTO", OF
    xor al, al
    attempt {into}
    passed "int-32: INTO without overflow"
    mov byte [idt32 + 0x90 * 8 + 5], 0x0E       ; not present
    attempt {int 0x90}
    faulted "int-32: #NP by INT n", NP, 0x90 << 3 | 2
    mov byte [idt32 + 0x90 * 8 + 5], 0x80       ; no gate
    attempt {int 0x90}
    faulted "int-32: #GP by INT n without a gate", GP, 0x90 << 3 | 2
    mov byte [idt32 + 0x90 * 8 + 5], 0x8E
    mov word [idt32 + 0x90 * 8 + 2], 0
    attempt {int 0x90}
    faulted "int-32: #GP by INT n to a null segment", GP, 0
    mov word [idt32 + 0x90 * 8 + 2], DATA
    attempt {int 0x90}
    faulted "int-32: #GP by INT n to a data segment", GP, DATA
    mov word [idt32_pointer], 8 * 0x90 - 1
    lidt [idt32_pointer]
    attempt {int 0x90}
    faulted "int-32: #GP by INT n past the IDT's limit", GP, 0x90 << 3 | 2
    mov word [idt32_pointer], 8 * 256 - 1
    lidt [idt32_pointer]
    mov word [idt32 + 0x90 * 8 + 2], CODE32

without_int_32:
    call build_identity64
    to_long_mode identity_pml4
    group "64-bit", without_64
    xor ecx, ecx
    xor edx, edx
    attempt {div rcx}
    faulted "64-bit: #DE by zero", DE, 0
    check "64-bit: CS is saved", qword [fault.cs], CODE64
    check "64-bit: SS is saved", qword [fault.ss], DATA
    mov edx, 1
    mov ecx, 1
    attempt {div rcx}
    faulted "64-bit: #DE by a quotient too large", DE, 0
    attempt {ud2}
    faulted "64-bit: #UD by UD2", UD, 0
    attempt {db 0xCE}
    faulted "64-bit: #UD by INTO", UD, 0
    mov ax, NOT_PRESENT
    attempt {mov es, ax}
    faulted "64-bit: #NP by a data segment", NP, NOT_PRESENT
    mov ax, STACK_NOT_PRESENT
    attempt {mov ss, ax}
    faulted "64-bit: #SS by a stack segment not present", SS_, STACK_NOT_PRESENT
    mov ax, OUTSIDE
    attempt {mov es, ax}
    faulted "64-bit: #GP past the GDT's limit", GP, OUTSIDE
    xor eax, eax
    attempt {mov ss, ax}
    passed "64-bit: a null stack segment at CPL 0"
    mov fs, ax
    attempt {mov eax, [fs:bounds]}
    passed "64-bit: a null data segment"
    mov rbx, 0x0000800000000000
    mov rax, cr0
    bts rax, 32
    attempt {mov cr0, rax}
    faulted "64-bit: #GP by an upper bit of CR0", GP, 0
    mov rax, cr0
    btr rax, 0
    attempt {mov cr0, rax}
    faulted "64-bit: #GP by PG without PE", GP, 0
    mov rax, cr4
    btr rax, 5
    attempt {mov cr4, rax}
    faulted "64-bit: #GP by clearing CR4.PAE", GP, 0
    mov rax, cr4
    bts rax, 31
    attempt {mov cr4, rax}
    faulted "64-bit: #GP by a reserved bit of CR4", GP, 0
    ; Pushes are aligned to 16 bytes at the same level.
    mov [saved_stack], rsp
    and rsp, -16
    sub rsp, 3
    mov rbx, rsp
    attempt {ud2}
    check "64-bit: RSP is saved as it was", qword [fault.sp], rbx
    and rbx, -16
    sub rbx, 40
    mov rsp, [saved_stack]
    check "64-bit: the frame is aligned to 16 bytes", qword [fault.frame], rbx

    ; IST.
    mov qword [tss64 + 36], ist_stack_top
    mov byte [idt64 + UD * 16 + 4], 1
    attempt {ud2}
    faulted "64-bit: #UD with an IST entry", UD, 0
    check "64-bit: its frame is on the stack of IST1", qword [fault.frame], ist_stack_top - 40
    attempt_user {ud2}
    check "64-bit: and from CPL 3", qword [fault.frame], ist_stack_top - 40
    mov byte [idt64 + UD * 16 + 4], 0

    ; CPL 3.
    attempt_user {cli}
    faulted "64-bit: user: #GP by CLI", GP, 0
    check "64-bit: user: CS is saved", qword [fault.cs], USER_CODE64
    check "64-bit: user: SS is saved", qword [fault.ss], USER_DATA
    check "64-bit: user: RSP is saved", qword [fault.sp], user_stack_top
    check "64-bit: user: the frame is on RSP0", qword [fault.frame], kernel_stack_top - 40
    attempt_user {hlt}
    faulted "64-bit: user: #GP by HLT", GP, 0
    attempt_user {mov rax, cr3}
    faulted "64-bit: user: #GP by MOV from CR3", GP, 0
    attempt_user {out 0x80, al}
    faulted "64-bit: user: #GP by OUT", GP, 0
    attempt_user {invlpg [0]}
    faulted "64-bit: user: #GP by INVLPG", GP, 0
    attempt_user {swapgs}
    faulted "64-bit: user: #GP by SWAPGS", GP, 0
    attempt_user {wrmsr}
    faulted "64-bit: user: #GP by WRMSR", GP, 0
    attempt_user {int USER_RETURN}
    trapped_user "64-bit: user: INT n of DPL 3", USER_RETURN
    attempt_user {int 0x81}
    faulted "64-bit: user: #GP by INT n of DPL 0", GP, 0x81 << 3 | 2
    attempt_user {int3}
    faulted "64-bit: user: #GP by INT3 of DPL 0", GP, BP_ << 3 | 2
    or byte [idt64 + BP_ * 16 + 5], 3 << 5
    attempt_user {int3}
    trapped_user "64-bit: user: #BP", BP_
    mov rax, cr0
    or eax, CR0_AM
    mov cr0, rax
    attempt_user_begins
    push FLAG_AC | 2
    popfq
    mov rax, [qword bounds + 4]
    attempt_user_ends
    faulted "64-bit: user: #AC", AC, 0, ..@back_%[attempts] - 10
    check "64-bit: user: #AC: AC is saved", qword [fault.flags], FLAG_AC | FLAG_RF | 2
    mov rax, cr0
    and eax, ~CR0_AM
    mov cr0, rax

    ; Faults in the delivery of faults.
    mov byte [idt64 + GP * 16 + 5], 0x0E
    mov rbx, 0x0000800000000000
    attempt {mov eax, [rbx]}
    faulted "64-bit: #DF: #NP in the delivery of #GP", DF, 0
    mov byte [idt64 + GP * 16 + 5], 0x8E
    mov rbx, 0x0000800000000000
    mov [saved_stack], rsp
    mov byte [idt64 + DF * 16 + 4], 1
    attempt_begins
    mov rsp, rbx
..@push: push rax
    attempt_ends
    faulted "64-bit: #DF: #SS in the delivery of #SS", DF, 0, ..@push
    mov rsp, [saved_stack]
    mov byte [idt64 + DF * 16 + 4], 0
without_64:
    group "undefined-64", without_undefined_64
    attempt {db 0x62, 0x06}
    faulted "undefined-64: #UD by BOUND", UD, 0
    attempt {db 0x06}
    faulted "undefined-64: #UD by PUSH ES", UD, 0
    attempt {db 0x9A}
    faulted "undefined-64: #UD by a far call to an immediate", UD, 0
    attempt {db 0x27}
    faulted "undefined-64: #UD by DAA", UD, 0
    attempt {db 0xF0, 0x90}
    faulted "undefined-64: #UD by LOCK NOP", UD, 0
without_undefined_64:
    group "int-64", done
    attempt {int3}
    trapped "int-64: #BP by INT3", BP_
    attempt {db 0xF1}
    trapped "int-64: #DB by INT1", DB_
    mov byte [idt64 + 0x90 * 16 + 5], 0x0E
    attempt {int 0x90}
    faulted "int-64: #NP by INT n", NP, 0x90 << 3 | 2
    mov byte [idt64 + 0x90 * 16 + 5], 0x8E
    mov word [idt64 + 0x90 * 16 + 2], CODE32
    attempt {int 0x90}
    faulted "int-64: #GP by INT n to a 32-bit segment", GP, CODE32
    mov word [idt64 + 0x90 * 16 + 2], CODE64
    mov word [idt64_pointer], 16 * 0x90 - 1
    lidt [idt64_pointer]
    attempt {int 0x90}
    faulted "int-64: #GP by INT n past the IDT's limit", GP, 0x90 << 3 | 2
    mov word [idt64_pointer], 16 * 256 - 1
    lidt [idt64_pointer]

done:
    group "triple-fault", last
    lidt [no_idt]
    ud2
last:
    finish
align 8
no_idt: dw 0
    dq 0

%include "image-end.inc"
