; 5-level paging: what CR4.LA57 may be changed by, the fifth table, and addresses of 57 bits. SDM vol. 3A, "Paging", "4-Level
; Paging and 5-Level Paging"; vol. 1, "Canonical Addressing".

%define BARE
%include "architecture.inc"

CR4_LA57 equ 1 << 12
BEYOND equ 1 << 48                              ; the first address that 4-level paging does not have
MARK equ 0x13572468

section .bss
alignb 4096
top_table: resq 512
section .data
marked: dd MARK
section .text

bits 32
main:
    mov eax, 7
    xor ecx, ecx
    cpuid
    bt ecx, 16
    jnc .absent
    call build_identity64
    mov dword [top_table], identity_pml4 + 7
    mov dword [top_table + 8], identity_pml4 + 7
    mov dword [top_table + 16], identity_pml4 + 7 + PAGE_LARGE
    mov eax, cr4
    or eax, CR4_LA57
    mov cr4, eax
    to_long_mode top_table
bits 64
    mov rax, cr4
    and eax, CR4_LA57
    check "la57: CR4.LA57", rax, CR4_LA57
    mov rax, cr4
    and eax, ~CR4_LA57
    attempt {mov cr4, rax}
    faulted "la57: it stays in long mode", GP, 0
    mov rax, BEYOND + marked
    attempt {mov ebx, [rax]}
    passed "la57: an address of more than 48 bits"
    check "la57: what is there", rbx, MARK
    mov rbx, [top_table + 8]
    and ebx, PAGE_ACCESSED
    check "la57: the fifth table's accessed flag", rbx, PAGE_ACCESSED
    mov rax, (1 << 47) + marked
    attempt {mov ebx, [rax]}
    page_faulted "la57: bit 47 is like any other", 0, rax
    mov rax, (2 << 48) + marked
    attempt {mov ebx, [rax]}
    page_faulted "la57: a large page of the fifth table is reserved", 9, rax
    mov rax, (1 << 56) + marked
    mov qword [fault.cr2], 0
    attempt {mov ebx, [rax]}
    fault_check "la57: not canonical", GP, 0, ..@at_%[attempts], qword [fault.cr2]
    mov rax, ~((1 << 56) - 1) + marked
    attempt {mov ebx, [rax]}
    page_faulted "la57: the upper half", 0, rax
    mov rax, BEYOND + .there
    jmp rax
.there:
    lea rbx, [rel .there]
    mov rax, BEYOND + .there
    check "la57: code beyond 48 bits", rbx, rax
    mov rax, .back
    jmp rax
.back:
    mov rax, BEYOND + top_of_stack
    mov rcx, rsp
    mov rsp, rax
    push 0x77
    pop rbx
    mov rsp, rcx
    check "la57: a stack there", rbx, 0x77
    mov ecx, 0xC0000100
    mov eax, marked
    mov edx, BEYOND >> 32
    attempt {wrmsr}
    passed "la57: IA32_FS_BASE"
    mov ebx, [fs:0]
    check "la57: by FS", rbx, MARK
    mov edx, 1 << 24
    attempt {wrmsr}
    faulted "la57: IA32_FS_BASE: not canonical", GP, 0
    to_protected_mode
bits 32
    mov eax, cr4
    and eax, ~CR4_LA57
    mov cr4, eax
    to_long_mode identity_pml4
bits 64
    mov rax, BEYOND + marked
    attempt {mov ebx, [rax]}
    faulted "la57: without it 48 bits", GP, 0
    mov ecx, 0xC0000100
    mov eax, marked
    mov edx, BEYOND >> 32
    attempt {wrmsr}
    passed "la57: without it an MSR has 57 all the same"
    finish
bits 32
.absent:
    print_skip "la57: CR4.LA57", "la57: it stays in long mode", "la57: an address of more than 48 bits", "la57: what is there"
    print_skip "la57: the fifth table's accessed flag", "la57: bit 47 is like any other"
    print_skip "la57: a large page of the fifth table is reserved", "la57: not canonical", "la57: the upper half"
    print_skip "la57: code beyond 48 bits", "la57: a stack there", "la57: IA32_FS_BASE", "la57: by FS"
    print_skip "la57: IA32_FS_BASE: not canonical", "la57: without it 48 bits", "la57: without it an MSR has 57 all the same"
    finish

section .bss
alignb 16
    resb 256
top_of_stack:

%include "image-end.inc"
