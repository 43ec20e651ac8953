; SYSCALL and SYSRET, SYSENTER and SYSEXIT, SWAPGS, FSGSBASE, the time-stamp counter, MSRs, CPUID's topology, and the
; registers as INIT and SIPI leave them. SDM vol. 2B (the instructions), vol. 2A "CPUID", vol. 3A "Processor State After
; Reset" (table 11-1) and "Start-Up IPI".

%include "guest.inc"
%include "architecture.inc"

IA32_TSC equ 0x10
IA32_SYSENTER_CS equ 0x174
IA32_SYSENTER_ESP equ 0x175
IA32_SYSENTER_EIP equ 0x176
IA32_STAR equ 0xC0000081
IA32_LSTAR equ 0xC0000082
IA32_CSTAR equ 0xC0000083
IA32_FMASK equ 0xC0000084
IA32_FS_BASE equ 0xC0000100
IA32_KERNEL_GS_BASE equ 0xC0000102
UNKNOWN_MSR equ 0x4000

PROBE_VECTOR equ 0x09                           ; the second CPU starts at 0x9000, and leaves what it found in its page
PROBE_CODE equ PROBE_VECTOR << 12
FOUND equ PROBE_CODE + 0x800

struc found
    .eax: resd 1
    .ebx: resd 1
    .ecx: resd 1
    .edx: resd 1
    .esi: resd 1
    .edi: resd 1
    .ebp: resd 1
    .esp: resd 1
    .eflags: resd 1
    .cs: resd 1
    .ds: resd 1
    .es: resd 1
    .ss: resd 1
    .fs: resd 1
    .gs: resd 1
    .cr0: resd 1
    .cr2: resd 1
    .cr3: resd 1
    .cr4: resd 1
    .gdt: resb 8
    .idt: resb 8
    .dr6: resd 1
    .dr7: resd 1
    .efer: resd 1
    .done: resd 1
endstruc

section .bss
alignb 16
entered: resq 1                                 ; RSP at a system call's entry
kept: resq 8

section .text

ap_entry equ halt_forever

; write_msr INDEX, VALUE
%macro write_msr 2
    mov ecx, %1
    mov rax, %2
    mov rdx, rax
    shr rdx, 32
    wrmsr
%endmacro
; read_msr INDEX: RAX
%macro read_msr 1
    mov ecx, %1
    rdmsr
    shl rdx, 32
    or rax, rdx
%endmacro

bits 64
bsp_main:
    call architecture_init
    open_to_user

    ; SYSCALL and SYSRET.
    group "syscall", without_syscall
    read_msr IA32_EFER
    and eax, ~EFER_SCE
    mov rbx, rax
    write_msr IA32_EFER, rbx
    attempt {syscall}
    faulted "syscall: #UD without EFER.SCE", UD, 0
    or ebx, EFER_SCE
    write_msr IA32_EFER, rbx
    mov rbx, (0x28 << 48) | (CODE64 << 32)
    write_msr IA32_STAR, rbx
    write_msr IA32_LSTAR, syscall_entry
    write_msr IA32_FMASK, FLAG_CF | FLAG_IF
    mov qword [kept], 0
    attempt_user_begins
    stc
    mov edi, 0x1234
    syscall
..@syscall_after:
    mov r8d, 0x77
    attempt_user_ends
    faulted "syscall: SYSRET returns to CPL 3", UD, 0, ..@back_%[attempts]
    check "syscall: at CPL 0", qword [kept], CODE64
    check "syscall: SS", qword [kept + 8], DATA_64
    check "syscall: RCX is the return address", qword [kept + 16], ..@syscall_after
    mov rbx, [kept + 24]
    and ebx, FLAG_CF | FLAG_IF
    check "syscall: R11 keeps the flags", rbx, FLAG_CF
    mov rbx, [kept + 32]
    and ebx, FLAG_CF | FLAG_IF
    check "syscall: IA32_FMASK clears", rbx, 0
    check "syscall: RSP stays", qword [entered], user_stack_top
    check "syscall: SYSRET's CS", qword [fault.cs], USER_CODE64
    check "syscall: SYSRET's SS", qword [fault.ss], USER_DATA
    mov rbx, [fault.flags]
    and ebx, FLAG_CF
    check "syscall: SYSRET restores the flags", rbx, FLAG_CF
    check "syscall: the code behind it runs", r8, 0x77
    mov rcx, 0x0100000000000000
    mov r11d, 2
    attempt {o64 sysret}
    faulted "syscall: SYSRET to a non-canonical address", GP, 0
    attempt_user {o64 sysret}
    faulted "syscall: SYSRET at CPL 3", GP, 0
    jmp without_syscall
syscall_entry:
    mov [entered], rsp
    mov [kept + 16], rcx
    mov [kept + 24], r11
    pushfq
    pop qword [kept + 32]
    mov eax, cs
    mov [kept], rax
    mov eax, ss
    mov [kept + 8], rax
    o64 sysret
without_syscall:

    ; SYSENTER and SYSEXIT.
    group "sysenter", without_sysenter
    write_msr IA32_SYSENTER_CS, 0
    attempt_user {sysenter}
    faulted "sysenter: #GP by a null IA32_SYSENTER_CS", GP, 0
    write_msr IA32_SYSENTER_CS, CODE64
    write_msr IA32_SYSENTER_ESP, kernel_stack_top
    write_msr IA32_SYSENTER_EIP, sysenter_entry
    attempt_user_begins
    mov rcx, rsp
    mov edx, ..@sysexit
    sysenter
..@sysexit:
    mov r8d, 0x78
    attempt_user_ends
    faulted "sysenter: SYSEXIT returns to CPL 3", UD, 0, ..@back_%[attempts]
    check "sysenter: CS", qword [kept], CODE64
    check "sysenter: SS", qword [kept + 8], DATA_64
    check "sysenter: RSP", qword [entered], kernel_stack_top
    check "sysenter: SYSEXIT's CS", qword [fault.cs], USER_CODE64
    check "sysenter: SYSEXIT's SS", qword [fault.ss], USER_DATA_64
    check "sysenter: SYSEXIT's RSP", qword [fault.sp], user_stack_top
    attempt_user {sysexit}
    faulted "sysenter: SYSEXIT at CPL 3", GP, 0
    jmp without_sysenter
sysenter_entry:
    mov [entered], rsp
    mov eax, cs
    mov [kept], rax
    mov eax, ss
    mov [kept + 8], rax
    o64 sysexit
without_sysenter:

    ; SWAPGS.
    read_msr IA32_GS_BASE
    mov rbp, rax
    mov rbx, 0x123456789000
    write_msr IA32_KERNEL_GS_BASE, rbx
    swapgs
    read_msr IA32_GS_BASE
    check "swapgs: GS.base", rax, rbx
    read_msr IA32_KERNEL_GS_BASE
    check "swapgs: IA32_KERNEL_GS_BASE", rax, rbp
    swapgs
    read_msr IA32_GS_BASE
    check "swapgs: and back", rax, rbp
    mov rbx, 0x0100000000000000
    mov rax, rbx
    mov rdx, rax
    shr rdx, 32
    mov ecx, IA32_FS_BASE
    attempt {wrmsr}
    faulted "msr: a non-canonical base", GP, 0
    mov ecx, IA32_LSTAR
    attempt {wrmsr}
    faulted "msr: a non-canonical IA32_LSTAR", GP, 0
    mov ecx, UNKNOWN_MSR
    attempt {rdmsr}
    faulted "msr: RDMSR of an unknown one", GP, 0
    xor eax, eax
    xor edx, edx
    attempt {wrmsr}
    faulted "msr: WRMSR of an unknown one", GP, 0
    write_msr IA32_LSTAR, without_syscall
    read_msr IA32_LSTAR
    check "msr: IA32_LSTAR keeps its value", rax, without_syscall

    ; FSGSBASE.
    mov eax, 7
    xor ecx, ecx
    cpuid
    test ebx, 1
    jz no_fsgsbase
    group "fsgsbase", without_fsgsbase
    attempt {rdfsbase rax}
    faulted "fsgsbase: #UD without CR4.FSGSBASE", UD, 0
    mov rax, cr4
    or eax, CR4_FSGSBASE
    mov cr4, rax
    mov rbx, 0x123456789ABC
    wrfsbase rbx
    rdfsbase rcx
    check "fsgsbase: 64 bits", rcx, rbx
    read_msr IA32_FS_BASE
    check "fsgsbase: is IA32_FS_BASE", rax, rbx
    wrfsbase ebx
    rdfsbase rcx
    mov ebx, ebx
    check "fsgsbase: 32 bits", rcx, rbx
    mov rbx, 0x0100000000000000
    attempt {wrfsbase rbx}
    faulted "fsgsbase: a non-canonical base", GP, 0
    rdgsbase rcx
    check "fsgsbase: GS.base", rcx, rbp
    attempt_user_begins
    mov rbx, 0x1234
    wrfsbase rbx
    rdfsbase r8
    attempt_user_ends
    user_passed "fsgsbase: at CPL 3"
    check "fsgsbase: at CPL 3: the value", r8, 0x1234
    jmp without_fsgsbase
no_fsgsbase:
    print_skip "fsgsbase: #UD without CR4.FSGSBASE", "fsgsbase: 64 bits", "fsgsbase: is IA32_FS_BASE", \
        "fsgsbase: 32 bits", "fsgsbase: a non-canonical base", "fsgsbase: GS.base", "fsgsbase: at CPL 3", \
        "fsgsbase: at CPL 3: the value"
without_fsgsbase:

    ; The time-stamp counter.
    mov ecx, 1000
    xor ebx, ebx
    xor esi, esi
.tsc:
    rdtsc
    shl rdx, 32
    or rax, rdx
    cmp rax, rbx
    ja .later
    inc esi
.later:
    mov rbx, rax
    loop .tsc
    check "tsc: always later", rsi, 0
    attempt_user {rdtsc}
    user_passed "tsc: RDTSC at CPL 3"
    mov rax, cr4
    or eax, CR4_TSD
    mov cr4, rax
    attempt_user {rdtsc}
    faulted "tsc: CR4.TSD: #GP at CPL 3", GP, 0
    attempt {rdtsc}
    passed "tsc: CR4.TSD: at CPL 0"
    mov rax, cr4
    and eax, ~CR4_TSD
    mov cr4, rax

    ; CPUID: two CPUs, one package, two cores of a thread each.
    xor eax, eax
    cpuid
    cmp eax, 0xB
    jb no_topology
    mov eax, 1
    cpuid
    shr ebx, 24
    check "cpuid: initial APIC id", rbx, 0
    mov eax, 0xB
    xor ecx, ecx
    cpuid
    mov [kept], rdx
    and ebx, 0xFFFF
    shr ecx, 8
    and eax, 31
    mov r8d, eax
    mov r9d, ecx
    check "cpuid: level 0: logical processors", rbx, 1
    check "cpuid: level 0: shift", r8, 0
    check "cpuid: level 0: is of threads", r9, 1
    check "cpuid: x2APIC id", qword [kept], 0
    mov eax, 0xB
    mov ecx, 1
    cpuid
    and ebx, 0xFFFF
    shr ecx, 8
    and eax, 31
    mov r8d, eax
    mov r9d, ecx
    check "cpuid: level 1: logical processors", rbx, 2
    check "cpuid: level 1: shift", r8, 1
    check "cpuid: level 1: is of cores", r9, 2
    mov eax, 0xB
    mov ecx, 2
    cpuid
    shr ecx, 8
    check "cpuid: level 2: is none", rcx, 0
    mov eax, 0x80000001
    cpuid
    shr edx, 29
    and edx, 1
    check "cpuid: long mode", rdx, 1
    mov eax, 1
    cpuid
    mov ecx, edx
    and ecx, 1 << 5 | 1 << 6 | 1 << 8 | 1 << 9  ; MSR PAE CX8 APIC
    check "cpuid: MSR, PAE, CMPXCHG8B, APIC", rcx, 1 << 5 | 1 << 6 | 1 << 8 | 1 << 9
no_topology:

    ; The second CPU's registers after INIT and SIPI.
    mov esi, probe
    mov edi, PROBE_CODE
    mov ecx, probe_end - probe
    rep movsb
    mov dword [FOUND + found.done], 0
    call probe_once
    mov eax, [FOUND + found.done]
    check "sipi: the CPU came", rax, 1
    call check_registers
    ; Once more, now that it has run: an INIT clears what it left.
    mov dword [FOUND + found.done], 0
    call probe_once
    mov eax, [FOUND + found.done]
    check "sipi: the CPU came again", rax, 1
    call check_registers
    finish

%macro found_check 3
    mov ebx, [FOUND + found.%2]
    mov eax, %3
    check %1, rbx, rax
%endmacro
check_registers:
    found_check "sipi: EAX", eax, 0
    found_check "sipi: EBX", ebx, 0
    found_check "sipi: ECX", ecx, 0
    mov eax, 1
    push rbx
    cpuid
    pop rbx
    mov ebx, [FOUND + found.edx]
    and eax, 0x000F0F00
    and ebx, 0x000F0F00
    check "sipi: EDX has the family and model of CPUID", rbx, rax
    found_check "sipi: ESI", esi, 0
    found_check "sipi: EDI", edi, 0
    found_check "sipi: EBP", ebp, 0
    found_check "sipi: ESP", esp, 0
    found_check "sipi: EFLAGS", eflags, 2
    found_check "sipi: CS", cs, PROBE_VECTOR << 8
    found_check "sipi: DS", ds, 0
    found_check "sipi: ES", es, 0
    found_check "sipi: SS", ss, 0
    found_check "sipi: FS", fs, 0
    found_check "sipi: GS", gs, 0
    mov ebx, [FOUND + found.cr0]
    and ebx, ~(3 << 29)                         ; an INIT leaves CD and NW
    check "sipi: CR0", rbx, 0x10
    found_check "sipi: CR2", cr2, 0
    found_check "sipi: CR3", cr3, 0
    found_check "sipi: CR4", cr4, 0
    found_check "sipi: DR6", dr6, 0xFFFF0FF0
    found_check "sipi: DR7", dr7, 0x400
    found_check "sipi: EFER", efer, 0
    movzx ebx, word [FOUND + found.gdt]
    check "sipi: GDTR.limit", rbx, 0xFFFF
    mov ebx, [FOUND + found.gdt + 2]
    check "sipi: GDTR.base", rbx, 0
    movzx ebx, word [FOUND + found.idt]
    check "sipi: IDTR.limit", rbx, 0xFFFF
    mov ebx, [FOUND + found.idt + 2]
    check "sipi: IDTR.base", rbx, 0
    ret

; INIT, SIPI to the other CPU, until it has said that it is done.
probe_once:
    mov edi, 1
    mov esi, ICR_INIT | ICR_ASSERT
    call lapic_send
    mov edi, AFTER_INIT
    call delay
    mov edi, 1
    mov esi, ICR_STARTUP | ICR_ASSERT | PROBE_VECTOR
    call lapic_send
    mov ecx, 20000000
.wait:
    cmp dword [FOUND + found.done], 1
    je .came
    pause
    loop .wait
.came:
    ret

; What the second CPU does from CS:0, with registers that nobody has set: it stores them in its own page, through CS.
%define in_page(field) (FOUND - PROBE_CODE + found. %+ field)
%macro keep_found 2
    mov [cs:in_page(%1)], %2
%endmacro
bits 16
probe:
    keep_found eax, eax
    keep_found ebx, ebx
    keep_found ecx, ecx
    keep_found edx, edx
    keep_found esi, esi
    keep_found edi, edi
    keep_found ebp, ebp
    keep_found esp, esp
    pushfd
    pop eax
    keep_found eflags, eax
  %macro keep_segment 1
    xor eax, eax
    mov ax, %1
    keep_found %1, eax
  %endmacro
    keep_segment cs
    keep_segment ds
    keep_segment es
    keep_segment ss
    keep_segment fs
    keep_segment gs
  %macro keep_control 1
    mov eax, %1
    keep_found %1, eax
  %endmacro
    keep_control cr0
    keep_control cr2
    keep_control cr3
    keep_control cr4
    keep_control dr6
    keep_control dr7
    o32 sgdt [cs:in_page(gdt)]
    o32 sidt [cs:in_page(idt)]
    mov ecx, IA32_EFER
    rdmsr
    keep_found efer, eax
    ; Something for the next INIT to clear.
    mov eax, 0x12345678
    mov cr2, eax
    mov ebx, eax
    mov esi, eax
    mov edi, eax
    mov ebp, eax
    mov ds, ax
    mov es, ax
    mov fs, ax
    mov gs, ax
    std
    o32 lidt [cs:.table - probe]
    mov eax, 1
    keep_found done, eax
.halt:
    cli
    hlt
    jmp .halt
align 4
.table: dw 0x77
    dd 0x5678
probe_end:

%include "image-end.inc"
