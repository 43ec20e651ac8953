; Instructions that kernels execute at CPL 0 and that a KVM which interprets those may lack: POPCNT, CMPXCHG16B, SSE, XSAVE, also at
; registers of devices, which hypervisors leave to such a KVM anyway. SDM vol. 2, and vol. 1, "Managing State Using the XSAVE Feature Set".

%define BARE
%include "architecture.inc"

CR0_MP_NE equ 1 << 1 | 1 << 5
CR4_OSFXSR equ 1 << 9
CR4_OSXMMEXCPT equ 1 << 10
CR4_OSXSAVE equ 1 << 18
SSE_STATE equ 2
X87_SSE equ 1 | SSE_STATE
BEYOND equ 1 << 40                              ; no page is there
LAPIC_BASE equ 0xFEE00000
LAPIC_VERSION equ LAPIC_BASE + 0x30
LAPIC_DIVIDER equ LAPIC_BASE + 0x3E0
DIVIDE_BY_1 equ 0xB
NOWHERE equ 0xD0000000                          ; no device is there, and no RAM

section .bss
alignb 64
area: resb 4096
pair: resq 2
section .data
align 16
threes: dd 3, 3, 3, 3
dividers: dd DIVIDE_BY_1, 0, 0, 0
section .text

; announced BIT, LABEL: of CPUID.01H:ECX; goes to the label where it is not.
%macro announced 2
    mov eax, 1
    cpuid
    bt ecx, %1
    jnc %2
%endmacro

bits 32
main:
    call build_identity64
    mov eax, cr4
    or eax, CR4_OSFXSR | CR4_OSXMMEXCPT
    mov cr4, eax
    to_long_mode identity_pml4
bits 64
    announced 23, .no_popcnt
    mov rax, 0x8000000000000F01
    attempt {popcnt rbx, rax}
    passed "kernel: POPCNT"
    check "kernel: POPCNT: the bits", rbx, 6
    xor eax, eax
    popcnt rbx, rax
    pushfq
    pop rbx
    and ebx, 1 << 6
    check "kernel: POPCNT: ZF", rbx, 1 << 6
    mov rax, BEYOND
    attempt {popcnt rbx, [rax]}
    page_faulted "kernel: POPCNT: a page that is not there", 0, rax
    jmp .pairs
.no_popcnt:
    print_skip "kernel: POPCNT", "kernel: POPCNT: the bits", "kernel: POPCNT: ZF", "kernel: POPCNT: a page that is not there"

.pairs:
    announced 13, .no_pairs
    mov qword [pair], 1
    mov qword [pair + 8], 2
    mov eax, 1
    mov edx, 2
    mov ebx, 3
    mov ecx, 4
    lock cmpxchg16b [pair]
    setz bl
    movzx ebx, bl
    check "kernel: LOCK CMPXCHG16B: equal", rbx, 1
    check "kernel: LOCK CMPXCHG16B: low", qword [pair], 3
    check "kernel: LOCK CMPXCHG16B: high", qword [pair + 8], 4
    lock cmpxchg16b [pair]
    check "kernel: LOCK CMPXCHG16B: not equal: RAX", rax, 3
    check "kernel: LOCK CMPXCHG16B: not equal: RDX", rdx, 4
    attempt {lock cmpxchg16b [pair + 8]}
    faulted "kernel: LOCK CMPXCHG16B: elsewhere", GP, 0
    jmp .sse
.no_pairs:
    print_skip "kernel: LOCK CMPXCHG16B: equal", "kernel: LOCK CMPXCHG16B: low", "kernel: LOCK CMPXCHG16B: high"
    print_skip "kernel: LOCK CMPXCHG16B: not equal: RAX", "kernel: LOCK CMPXCHG16B: not equal: RDX"
    print_skip "kernel: LOCK CMPXCHG16B: elsewhere"

.sse:
    mov rax, cr0
    or eax, CR0_MP_NE
    mov cr0, rax
    attempt_begins
..@sse:
    fninit
    movdqa xmm9, [threes]
    paddd xmm9, xmm9
    movq rbx, xmm9
    attempt_ends
    passed "kernel: SSE"
    mov rax, 0x600000006
    check "kernel: SSE: the sum", rbx, rax

    mov edx, LAPIC_VERSION
    mov ecx, [rdx]
    attempt {movd xmm10, [rdx]}
    passed "kernel: a register of a device into one of SSE"
    movd ebx, xmm10
    check "kernel: a register of a device into one of SSE: what it has", rbx, rcx
    movdqa xmm10, [dividers]
    mov edx, LAPIC_DIVIDER
    attempt {movd [rdx], xmm10}
    passed "kernel: a register of SSE into one of a device"
    mov ebx, [rdx]
    check "kernel: a register of SSE into one of a device: it is there", rbx, DIVIDE_BY_1
    mov eax, NOWHERE
    attempt {paddd xmm10, [rax]}
    passed "kernel: an addition of 16 bytes that no device has"
    movq rbx, xmm10
    mov rax, 0xFFFFFFFF00000000 | DIVIDE_BY_1 - 1
    check "kernel: an addition of 16 bytes that no device has: the sum", rbx, rax
    mov eax, NOWHERE
    attempt {movntdq [rax], xmm10}
    passed "kernel: 16 bytes to where no device is"

    announced 26, .no_xsave
    mov rax, cr4
    or eax, CR4_OSXSAVE
    mov cr4, rax
    xor ecx, ecx
    xgetbv
    check "kernel: XGETBV", rax, 1
    mov eax, X87_SSE
    xor edx, edx
    xsetbv
    attempt_begins
    mov eax, X87_SSE
    xor edx, edx
    xsave64 [area]
    pxor xmm9, xmm9
    xrstor64 [area]
    movq rbx, xmm9
    attempt_ends
    passed "kernel: XSAVE and XRSTOR"
    mov rax, 0x600000006
    check "kernel: XSAVE and XRSTOR: the register is back", rbx, rax
    mov rbx, [area + 512]
    and ebx, SSE_STATE
    check "kernel: XSAVE: SSE is in use", rbx, SSE_STATE
    mov eax, X87_SSE
    xor edx, edx
    attempt {xrstor64 [area + 8]}
    faulted "kernel: XRSTOR: elsewhere", GP, 0
    finish
.no_xsave:
    print_skip "kernel: XGETBV", "kernel: XSAVE and XRSTOR", "kernel: XSAVE and XRSTOR: the register is back"
    print_skip "kernel: XSAVE: SSE is in use", "kernel: XRSTOR: elsewhere"
    finish

section .bss
alignb 16
    resb 256
top_of_stack:

%include "image-end.inc"
