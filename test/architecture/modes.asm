; From mode to mode: real, protected, real, long, compatibility, long, protected; what each refuses; real mode itself.
; SDM vol. 3A, "Mode Switching", "8086 Emulation" (Real-Address Mode), "Initializing IA-32e Mode".

%define BARE
%include "architecture.inc"

LOW_CODE equ 0x8000                             ; the 16-bit code's copy
RESULTS  equ 0x7000                             ; words that it leaves here
REAL_STACK equ 0x7000

section .bss
alignb 4096
directory: resd 1024
section .text

; The 16-bit code, which runs from its copy.
%define low(label) (label - low_begin + LOW_CODE)
; keep N, REGISTER
%macro keep 2
    mov [RESULTS + 4 * (%1)], %2
%endmacro

bits 16
low_begin:
    mov ax, DATA16
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov eax, cr0
    and al, ~CR0_PE
    mov cr0, eax
    jmp 0:low(.real)
.real:
    xor ax, ax
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov sp, REAL_STACK
    lidt [low(.ivt_pointer)]
    mov word [4 * 0x60], low(.int60)
    mov word [4 * 0x60 + 2], 0
    mov word [4 * 0], low(.fault)
    mov word [4 * 0 + 2], 0
    mov word [4 * 12], low(.fault12)
    mov word [4 * 12 + 2], 0
    mov word [4 * 13], low(.fault13)
    mov word [4 * 13 + 2], 0
    mov word [4 * 6], low(.fault6)
    mov word [4 * 6 + 2], 0

    mov eax, cr0
    and eax, 1
    keep 0, eax
    mov dword [0x6010], 0x13572468
    mov ax, 0x0601
    mov ds, ax
    mov ebx, [0]                                ; 0x0601:0 = 0x6010
    xor ax, ax
    mov ds, ax
    keep 1, ebx
    mov ax, 0xFFFF
    mov ds, ax
    mov ebx, [0x10]                             ; above 1 MiB: A20 is on
    xor ax, ax
    mov ds, ax
    keep 2, ebx
    mov byte [low(.vector)], 0xFF
    mov word [low(.resume)], low(.after_limit)
.limit:
    mov ax, [0xFFFF]                            ; the last byte is past the limit
.after_limit:
    movzx eax, byte [low(.vector)]
    keep 3, eax
    movzx eax, word [low(.saved_ip)]
    sub ax, low(.limit)
    keep 4, eax
    mov byte [low(.vector)], 0xFF
    mov word [low(.resume)], low(.after_stack)
    mov bp, 0xFFFF
    mov ax, [bp]
.after_stack:
    movzx eax, byte [low(.vector)]
    keep 5, eax
    mov byte [low(.vector)], 0xFF
    mov word [low(.resume)], low(.after_divide)
    xor cx, cx
.divide:
    div cx
.after_divide:
    movzx eax, byte [low(.vector)]
    keep 6, eax
    movzx eax, word [low(.saved_ip)]
    sub ax, low(.divide)
    keep 7, eax
    mov byte [low(.vector)], 0xFF
    mov word [low(.resume)], low(.after_sldt)
    sldt ax                                     ; not recognized in real mode
.after_sldt:
    movzx eax, byte [low(.vector)]
    keep 8, eax
    xor eax, eax
    stc
    int 0x60
.int_back:
    keep 9, eax
    pushf
    pop ax
    and eax, 1
    keep 10, eax                                ; CF as IRET restored it
    call 0:low(.far_routine)
    keep 11, ecx
    mov ax, 0x0800
    mov es, ax
    call 0x0800:(.far_routine - low_begin)
    movzx eax, cx
    keep 12, eax

    ; "Unreal": a limit of 4 GiB loaded in protected mode stays.
    mov eax, cr0
    or al, CR0_PE
    mov cr0, eax
    jmp short .loads
.loads:
    mov bx, DATA
    mov fs, bx
    and al, ~CR0_PE
    mov cr0, eax
    jmp 0:low(.unreal)
.unreal:
    a32 mov ebx, [fs:dword 0x100000]
    keep 13, ebx
    xor ax, ax
    mov fs, ax                                  ; changes the base, and leaves the limit
    a32 mov ebx, [fs:dword 0x100000]
    keep 14, ebx
    smsw ax
    and eax, 1
    keep 15, eax
    mov ax, 1
    lmsw ax
    smsw cx
    xor ax, ax
    lmsw ax                                     ; cannot clear PE
    smsw ax
    and eax, 1
    keep 16, eax
    mov eax, cr0
    or al, CR0_PE
    mov cr0, eax
    jmp dword CODE32:real_returns
.far_routine:
    mov ecx, 0
    mov cx, cs
    retf
.int60:
    pushf
    pop ax
    and ax, FLAG_IF | FLAG_TF | 1               ; interrupts off, CF as it was
    push bp
    mov bp, sp
    cmp word [bp + 2], low(.int_back)
    jne .int_done
    or ax, 0x8000
.int_done:
    pop bp
    movzx eax, ax
    iret
.fault:
    mov byte [low(.vector)], 0
    jmp .fault_common
.fault6:
    mov byte [low(.vector)], 6
    jmp .fault_common
.fault12:
    mov byte [low(.vector)], 12
    jmp .fault_common
.fault13:
    mov byte [low(.vector)], 13
.fault_common:                                  ; no error codes in real mode
    pop word [low(.saved_ip)]
    pop ax
    popf
    jmp [low(.resume)]
align 4
.ivt_pointer:
    dw 0x3FF
    dd 0
.saved_ip: dw 0
.resume: dw 0
.vector: db 0
low_end:

bits 32
main:
    mov esi, low_begin
    mov edi, LOW_CODE
    mov ecx, low_end - low_begin
    rep movsb
    mov [saved_esp], esp
    group "real", without_real
    jmp CODE16:LOW_CODE
real_returns:
    mov eax, USER_DATA
    mov ds, eax
    mov es, eax
    mov eax, DATA
    mov ss, eax
    mov esp, [saved_esp]
    xor eax, eax
    mov fs, eax
    lidt [idt32_pointer]
    check "real: CR0.PE", dword [RESULTS], 0
    check "real: a segment's base is its selector times 16", dword [RESULTS + 4], 0x13572468
    check "real: FFFF:0010", dword [RESULTS + 8], MULTIBOOT_HEADER_MAGIC
    check "real: 64 KiB limit: the vector", dword [RESULTS + 12], GP
    check "real: 64 KiB limit: the saved IP", dword [RESULTS + 16], 0
    check "real: 64 KiB limit of the stack", dword [RESULTS + 20], SS_
    check "real: #DE", dword [RESULTS + 24], DE
    check "real: #DE: the saved IP", dword [RESULTS + 28], 0
    check "real: #UD by SLDT", dword [RESULTS + 32], UD
    check "real: INT n: flags within and return address", dword [RESULTS + 36], 0x8001
    check "real: IRET restores CF", dword [RESULTS + 40], 1
    check "real: far call", dword [RESULTS + 44], 0
    check "real: far call to another segment", dword [RESULTS + 48], 0x0800
    check "real: a limit from protected mode stays", dword [RESULTS + 52], MULTIBOOT_HEADER_MAGIC
    check "real: also where the selector is loaded", dword [RESULTS + 56], MULTIBOOT_HEADER_MAGIC
    check "real: SMSW", dword [RESULTS + 60], 0
    check "real: LMSW cannot clear PE", dword [RESULTS + 64], 1
without_real:
    mov eax, cr0
    and eax, 1
    check "protected: CR0.PE", eax, 1

    mov eax, cr0
    and eax, ~CR0_PE
    or eax, CR0_PG
    attempt {mov cr0, eax}
    faulted "protected: PG without PE", GP, 0
    mov eax, cr0
    or eax, 1 << 29
    and eax, ~(1 << 30)
    attempt {mov cr0, eax}
    faulted "protected: NW without CD", GP, 0
    mov ecx, IA32_EFER
    rdmsr
    or eax, EFER_LME
    wrmsr
    rdmsr
    and eax, EFER_LME | EFER_LMA
    check "protected: EFER.LME without paging: LMA stays clear", eax, EFER_LME
    mov eax, cr0
    or eax, CR0_PG
    attempt {mov cr0, eax}
    faulted "protected: PG with EFER.LME, without CR4.PAE", GP, 0
    mov ecx, IA32_EFER
    rdmsr
    and eax, ~EFER_LME
    wrmsr
    rdmsr
    or eax, 1 << 9
    attempt {wrmsr}
    faulted "protected: a reserved bit of EFER", GP, 0
    attempt {db 0x0F, 0x05}
    faulted "protected: SYSCALL without EFER.SCE", UD, 0

    group "2-level", without_paging
    mov eax, PAGE_PRESENT | PAGE_WRITABLE | PAGE_LARGE | PAGE_USER
    xor ecx, ecx
fill_directory:
    mov [directory + 4 * ecx], eax
    add eax, 1 << 22
    inc ecx
    cmp ecx, 1024
    jne fill_directory
    mov eax, cr4
    or eax, CR4_PSE
    mov cr4, eax
    mov eax, directory
    mov cr3, eax
    mov ecx, 10
toggle:
    mov eax, cr0
    or eax, CR0_PG
    mov cr0, eax
    and eax, ~CR0_PG
    mov cr0, eax
    loop toggle
    check "2-level: paging ten times on and off", ecx, 0
    mov eax, cr0
    or eax, CR0_PG
    mov cr0, eax
    mov ecx, IA32_EFER
    rdmsr
    or eax, EFER_LME
    attempt {wrmsr}
    faulted "2-level: EFER.LME while paging is on", GP, 0
    mov eax, cr0
    and eax, ~(CR0_PG | CR0_PE)
    or eax, CR0_PG
    attempt {mov cr0, eax}
    faulted "2-level: PE cleared while paging is on", GP, 0
    mov eax, cr0
    and eax, ~CR0_PG
    mov cr0, eax
without_paging:

    call build_identity64
    set_descriptor SPARE, 0, 0x00609B00         ; L and D
    set_descriptor SPARE + 8, 0x0000FFFF, 0x00CF9B00
    mov dword [rounds], 3
round:
    to_long_mode identity_pml4
    mov ecx, IA32_EFER
    rdmsr
    and eax, EFER_LME | EFER_LMA
    check "long: EFER.LMA", rax, EFER_LME | EFER_LMA
    mov rbx, 0x123456789ABCDEF0
    mov rcx, rbx
    shl rcx, 4
    mov rdx, 0x23456789ABCDEF00
    check "long: 64-bit registers", rcx, rdx
    mov ecx, IA32_EFER
    rdmsr
    and eax, ~EFER_LME
    attempt {wrmsr}
    faulted "long: EFER.LME cleared while paging is on", GP, 0
    attempt {jmp dword far [l_and_d]}
    faulted "long: a code segment with L and D", GP, SPARE
    ; 40H is INC EAX in compatibility mode, and a REX prefix here.
    mov eax, 5
    db 0x40
    nop
    check "long: 40H is a prefix", rax, 5
    jmp dword far [compatibility_pointer]
bits 32
compatibility_code:
    mov ax, USER_DATA
    mov ds, ax
    mov es, ax
    mov eax, 5
    db 0x40
    nop
    mov [kept], eax
    mov dword [kept + 4], 0
    mov eax, 0xFFFFFFF0
    mov ebx, [eax + kept + 0x10]                ; addresses wrap at 4 GiB
    mov [kept + 8], ebx
    mov dword [kept + 12], 0
    push dword 0x11223344
    pop dword [kept + 16]
    mov [kept + 24], esp
    jmp CODE64:long_again
bits 64
long_again:
    check "compatibility: 40H is INC EAX", qword [kept], 6
    check "compatibility: addresses have 32 bits", qword [kept + 8], 6
    mov eax, [kept + 16]
    check "compatibility: PUSH of 32 bits", rax, 0x11223344
    mov eax, [kept + 24]
    check "compatibility: the stack pointer", rax, rsp
    to_protected_mode
    mov ecx, IA32_EFER
    rdmsr
    and eax, EFER_LME | EFER_LMA
    check "protected again: EFER.LMA", eax, 0
    mov eax, 5
    db 0x40
    nop
    check "protected again: 40H is INC EAX", eax, 6
    dec dword [rounds]
    jnz round
    finish

section .data
saved_esp: dd 0
rounds: dd 0
l_and_d:
    dd 0
    dw SPARE
align 4
compatibility_pointer:
    dd compatibility_code
    dw CODE32
align 8
kept: dq 0, 0, 0, 0

%include "image-end.inc"
