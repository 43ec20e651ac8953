; The local APIC as MSRs: its modes, which registers there are and which bits, destinations of 32 bits, and what an INIT
; leaves. SDM vol. 3A, "Extended XAPIC (x2APIC)".

%include "guest.inc"
%include "architecture.inc"

VECTOR equ 0x50
VECTOR_BIT equ 1 << (VECTOR & 31)
TPR equ 0x808
PPR equ 0x80A
EOI equ 0x80B
LDR equ 0x80D
SVR equ 0x80F
ISR2 equ 0x812                                  ; vectors 0x40 to 0x5F
IRR2 equ 0x822
ESR equ 0x828
ICR equ 0x830
LVT_LINT0 equ 0x835
DIVIDE equ 0x83E
SELF_IPI equ 0x83F
LOGICAL equ 1 << 11
TO_SELF equ 1 << 18

PROBE_VECTOR equ 0x09                           ; the second CPU starts at 0x9000
PROBE_CODE equ PROBE_VECTOR << 12
FOUND_BASE equ PROBE_CODE + 0x800
FOUND_LDR equ PROBE_CODE + 0x804
FOUND_DONE equ PROBE_CODE + 0x808

section .bss
own_id: resq 1
logical_id: resq 1

section .text
ap_entry equ halt_forever

; write INDEX, VALUE: both halves by a constant or RAX.
%macro write 2
    mov ecx, %1
    mov rax, %2
    mov rdx, rax
    shr rdx, 32
    wrmsr
%endmacro
; read INDEX: RAX
%macro read 1
    mov ecx, %1
    rdmsr
    shl rdx, 32
    or rax, rdx
%endmacro
; refused_write NAME, INDEX, VALUE
%macro refused_write 3
    mov ecx, %2
    mov rax, %3
    mov rdx, rax
    shr rdx, 32
    attempt {wrmsr}
    faulted %1, GP, 0
%endmacro
%macro refused_read 2
    mov ecx, %2
    attempt {rdmsr}
    faulted %1, GP, 0
%endmacro
; arrives NAME: what has been sent to this CPU comes at once, and is in service until its end.
%macro arrives 1
    %strcat in_service %1, ": in service"
    %strcat no_more %1, ": and no more"
    attempt_begins
    sti
    call linger
    cli
    attempt_ends
    check %1, qword [fault.vector], VECTOR
    read ISR2
    and eax, VECTOR_BIT
    check in_service, rax, VECTOR_BIT
    write EOI, 0
    read ISR2
    and eax, VECTOR_BIT
    check no_more, rax, 0
%endmacro

bits 64
bsp_main:
    call architecture_init
    mov eax, 1
    cpuid
    test ecx, CPUID_1_ECX_X2APIC
    jz .absent
    group "x2apic", .done
    call modes
    call registers
    call interrupts
    call second_cpu
    jmp .done
.absent:
    print_line "x2apic left out"
.done:
    finish

modes:
    refused_read "x2apic: no MSRs in xAPIC mode", 0x802
    refused_write "x2apic: none to write either", TPR, 0
    read IA32_APIC_BASE
    mov rbx, rax
    and eax, ~APIC_BASE_ENABLE
    or eax, APIC_BASE_X2APIC
    refused_write "x2apic: EXTD without EN", IA32_APIC_BASE, rax
    ; The task priority stays.
    mov ecx, LAPIC_BASE
    mov dword [rcx + 0x80], 0x30
    mov rax, rbx
    or eax, APIC_BASE_X2APIC
    mov rdx, rax
    shr rdx, 32
    mov ecx, IA32_APIC_BASE
    attempt {wrmsr}
    passed "x2apic: from xAPIC mode"
    read IA32_APIC_BASE
    and eax, APIC_BASE_ENABLE | APIC_BASE_X2APIC
    check "x2apic: IA32_APIC_BASE", rax, APIC_BASE_ENABLE | APIC_BASE_X2APIC
    read TPR
    check "x2apic: the TPR stays", rax, 0x30
    mov ecx, LAPIC_BASE
    mov eax, [rcx + LAPIC_ID]
    mov edx, 0xFFFFFFFF
    check "x2apic: no page of registers", rax, rdx
    mov rax, rbx
    refused_write "x2apic: not back to xAPIC mode", IA32_APIC_BASE, rax
    mov rax, rbx
    and eax, ~APIC_BASE_ENABLE
    write IA32_APIC_BASE, rax
    refused_read "x2apic: no MSRs when it is off", 0x802
    mov rax, rbx
    or eax, APIC_BASE_X2APIC
    refused_write "x2apic: not from off", IA32_APIC_BASE, rax
    mov rax, rbx
    write IA32_APIC_BASE, rax
    mov ecx, LAPIC_BASE
    mov eax, [rcx + LAPIC_SVR]
    and eax, 0x1FF
    check "x2apic: off, on: as after power-on", rax, 0xFF
    mov rax, rbx
    or eax, APIC_BASE_X2APIC
    write IA32_APIC_BASE, rax
    write SVR, 0x1FF
    ret

registers:
    mov eax, 0xB
    xor ecx, ecx
    cpuid
    mov [own_id], rdx
    read 0x802
    check "x2apic: the id is CPUID's", rax, qword [own_id]
    mov ecx, [own_id]
    mov ebx, ecx
    and ecx, 15
    mov eax, 1
    shl eax, cl
    shr ebx, 4
    shl ebx, 16
    or ebx, eax
    mov [logical_id], rbx
    read LDR
    check "x2apic: the LDR follows from the id", rax, rbx
    read 0x803
    and eax, 0xF0
    check "x2apic: version", rax, 0x10
    refused_read "x2apic: no DFR", 0x80E
    refused_write "x2apic: no DFR to write", 0x80E, 0xF0000000
    refused_read "x2apic: no upper ICR", 0x831
    refused_read "x2apic: the EOI register is not read", EOI
    refused_read "x2apic: SELF IPI is not read", SELF_IPI
    refused_read "x2apic: a number without register", 0x804
    refused_read "x2apic: the last number", 0x8FF
    refused_write "x2apic: the id is not written", 0x802, 5
    refused_write "x2apic: the version is not written", 0x803, 0
    refused_write "x2apic: the PPR is not written", PPR, 0
    refused_write "x2apic: the LDR is not written", LDR, 1
    refused_write "x2apic: the ISR is not written", ISR2, 0
    refused_write "x2apic: an upper half", TPR, 0x100000000
    refused_write "x2apic: a reserved bit of the TPR", TPR, 0x100
    refused_write "x2apic: an EOI that is not 0", EOI, 1
    refused_write "x2apic: an ESR that is not 0", ESR, 1
    refused_write "x2apic: a reserved bit of the SVR", SVR, 0x21FF
    refused_write "x2apic: a reserved bit of an LVT", LVT_LINT0, 0x30000
    refused_write "x2apic: a reserved bit of the divider", DIVIDE, 0x10
    refused_write "x2apic: a reserved bit of SELF IPI", SELF_IPI, 0x100 | VECTOR
    refused_write "x2apic: a reserved bit of the ICR", ICR, 0x100000 | TO_SELF | VECTOR
    write TPR, 0x40
    mov rbx, cr8
    check "x2apic: the TPR is CR8", rbx, 4
    read PPR
    check "x2apic: and the PPR", rax, 0x40
    mov eax, 2
    mov cr8, rax
    read TPR
    check "x2apic: CR8 is the TPR", rax, 0x20
    xor eax, eax
    mov cr8, rax
    read ICR
    check "x2apic: the ICR keeps no destination of xAPIC mode", rax, 0
    ret

interrupts:
    write SELF_IPI, VECTOR
    read IRR2
    and eax, VECTOR_BIT
    check "x2apic: SELF IPI waits", rax, VECTOR_BIT
    arrives "x2apic: SELF IPI"
    read ICR
    check "x2apic: SELF IPI is not the ICR", rax, 0
    write ICR, TO_SELF | VECTOR
    arrives "x2apic: to self"
    mov rax, [own_id]
    shl rax, 32
    or rax, ICR_ASSERT | VECTOR
    mov rbx, rax
    write ICR, rax
    arrives "x2apic: to the own id"
    read ICR
    check "x2apic: the ICR has 64 bits", rax, rbx
    mov rax, [logical_id]
    shl rax, 32
    or rax, LOGICAL | VECTOR
    write ICR, rax
    arrives "x2apic: to the logical id"
    mov rax, [logical_id]
    add eax, 1 << 16
    shl rax, 32
    or rax, LOGICAL | VECTOR
    write ICR, rax
    read IRR2
    and eax, VECTOR_BIT
    check "x2apic: not to another cluster", rax, 0
    mov rax, 0xFF00000000 | VECTOR
    write ICR, rax
    read IRR2
    and eax, VECTOR_BIT
    check "x2apic: 0xFF is an id", rax, 0
    mov rax, 0xFFFFFFFF00000000 | VECTOR
    write ICR, rax
    arrives "x2apic: to everybody"
    write SELF_IPI, VECTOR
    write SELF_IPI, VECTOR + 1
    attempt_begins
    sti
    call linger
    cli
    attempt_ends
    check "x2apic: the higher one first", qword [fault.vector], VECTOR + 1
    write EOI, 0
    arrives "x2apic: then the other"
    ret

; Long enough for any interrupt.
linger:
    mov ecx, 20000
    loop $
    ret

second_cpu:
    mov esi, probe
    mov edi, PROBE_CODE
    mov ecx, probe_end - probe
    rep movsb
    call probe_once
    mov eax, [FOUND_DONE]
    check "x2apic: the second CPU came", rax, 1
    mov eax, [FOUND_BASE]
    and eax, APIC_BASE_ENABLE | APIC_BASE_X2APIC
    check "x2apic: in xAPIC mode", rax, APIC_BASE_ENABLE
    call probe_once
    mov eax, [FOUND_DONE]
    check "x2apic: it came again", rax, 1
    mov eax, [FOUND_BASE]
    and eax, APIC_BASE_ENABLE | APIC_BASE_X2APIC
    check "x2apic: an INIT leaves the mode", rax, APIC_BASE_ENABLE | APIC_BASE_X2APIC
    mov eax, [FOUND_LDR]
    check "x2apic: and the LDR", rax, 2
    ret

; INIT, SIPI to the other CPU, until it has said that it is done.
probe_once:
    mov dword [FOUND_DONE], 0
    mov rax, (1 << 32) | ICR_INIT | ICR_ASSERT
    write ICR, rax
    mov edi, AFTER_INIT
    call delay
    mov rax, (1 << 32) | ICR_STARTUP | ICR_ASSERT | PROBE_VECTOR
    write ICR, rax
    mov ecx, 20000000
.wait:
    cmp dword [FOUND_DONE], 1
    je .came
    pause
    loop .wait
.came:
    ret

; Tells its mode, its LDR in x2APIC mode, and goes there.
bits 16
probe:
    mov ecx, IA32_APIC_BASE
    rdmsr
    mov [cs:FOUND_BASE - PROBE_CODE], eax
    or eax, APIC_BASE_X2APIC
    wrmsr
    mov ecx, LDR
    rdmsr
    mov [cs:FOUND_LDR - PROBE_CODE], eax
    mov dword [cs:FOUND_DONE - PROBE_CODE], 1
.halt:
    cli
    hlt
    jmp .halt
probe_end:

%include "image-end.inc"
