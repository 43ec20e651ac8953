; SSE and AVX as an operating system meets them: when they are there (CR4.OSFXSR, CR4.OSXSAVE, XCR0, CR0.EM), lazy switches of
; their state with CR0.TS, aligned operands, unmasked exceptions, FXSAVE and XSAVE. SDM vol. 3A, "System Programming for
; Instruction Set Extensions"; vol. 1, "Managing State Using the XSAVE Feature Set". SIMD instructions run at CPL 3.

%include "guest.inc"
%include "architecture.inc"

CR4_OSFXSR equ 1 << 9
CR4_OSXMMEXCPT equ 1 << 10
CR4_OSXSAVE equ 1 << 18
ECX_OSXSAVE equ 1 << 27
XM equ 19
MXCSR_INITIAL equ 0x1F80
MXCSR_ZE_UNMASKED equ 0x1D80
MXCSR_ZE equ 1 << 2
X87_SSE_AVX equ 7

section .bss
alignb 64
area: resb 1024
other_area: resb 512
word_out: resq 1
out: resq 4

section .data
align 32
ones: times 8 dd 1.0
threes: times 4 dq 3
unmasked: dd MXCSR_ZE_UNMASKED
initial: dd MXCSR_INITIAL

section .text

ap_entry equ halt_forever

bits 64
bsp_main:
    call architecture_init
    open_to_user
    set_fpu_bits CR0_MP

    group "available", without_available
    attempt_user {xorps xmm0, xmm0}
    faulted "available: #UD without CR4.OSFXSR", UD, 0
    set_cr4 CR4_OSFXSR | CR4_OSXMMEXCPT
    attempt_user {xorps xmm0, xmm0}
    user_passed "available: SSE with CR4.OSFXSR"
    attempt_user {vxorps ymm0, ymm0, ymm0}
    faulted "available: #UD by AVX without CR4.OSXSAVE", UD, 0
    set_cr4 CR4_OSXSAVE
    mov eax, 1
    cpuid
    and ecx, ECX_OSXSAVE
    check "available: CPUID tells of CR4.OSXSAVE", rcx, ECX_OSXSAVE
    attempt_user {vxorps ymm0, ymm0, ymm0}
    faulted "available: #UD by AVX that XCR0 lacks", UD, 0
    xor ecx, ecx
    xor edx, edx
    mov eax, 4
    attempt {xsetbv}
    faulted "available: XCR0 has AVX with SSE alone", GP, 0
    mov eax, X87_SSE_AVX
    attempt {xsetbv}
    passed "available: XSETBV"
    attempt_user {xsetbv}
    faulted "available: XSETBV at CPL 3", GP, 0
    attempt_user {vxorps ymm0, ymm0, ymm0}
    user_passed "available: AVX with XCR0"
    set_fpu_bits CR0_EM
    attempt_user {xorps xmm0, xmm0}
    faulted "available: #UD by SSE with CR0.EM", UD, 0
    set_fpu_bits CR0_MP

without_available:
    set_cr4 CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_OSXSAVE
    xor ecx, ecx
    xor edx, edx
    mov eax, X87_SSE_AVX
    xsetbv

    group "aligned", without_aligned
    mov ebx, ones + 4
    attempt_user {movaps xmm0, [rbx]}
    faulted "aligned: MOVAPS elsewhere", GP, 0
    attempt_user {addps xmm0, [rbx]}
    faulted "aligned: an operand of SSE elsewhere", GP, 0
    attempt_user {movups xmm0, [rbx]}
    user_passed "aligned: MOVUPS elsewhere"
    attempt_user {vaddps ymm0, ymm0, [rbx]}
    user_passed "aligned: an operand of AVX elsewhere"

without_aligned:
    group "lazy", without_lazy
    set_fpu_bits CR0_MP | CR0_TS
    attempt_user {xorps xmm0, xmm0}
    faulted "lazy: #NM by SSE", NM, 0
    attempt_user {vxorps ymm0, ymm0, ymm0}
    faulted "lazy: #NM by AVX", NM, 0
    attempt_user {ldmxcsr [initial]}
    faulted "lazy: #NM by LDMXCSR", NM, 0
    clts
    attempt_user {xorps xmm0, xmm0}
    user_passed "lazy: after CLTS it runs"

without_lazy:
    group "saved", without_saved
    attempt_user_begins
    ldmxcsr [initial]
    mov eax, 0x1234
    movd xmm9, eax
    fxsave64 [other_area]
    pxor xmm9, xmm9
    ldmxcsr [unmasked]
    fxrstor64 [other_area]
    movq [out], xmm9
    stmxcsr [word_out]
    attempt_user_ends
    user_passed "saved: FXSAVE and FXRSTOR"
    check "saved: the register is back", qword [out], 0x1234
    mov eax, [word_out]
    check "saved: MXCSR, too", rax, MXCSR_INITIAL
    attempt_user_begins
    vmovdqa ymm15, [threes]
    mov eax, X87_SSE_AVX
    xor edx, edx
    xsave64 [area]
    vzeroall
    xrstor64 [area]
    vmovdqu [out], ymm15
    attempt_user_ends
    user_passed "saved: XSAVE and XRSTOR"
    check "saved: the upper half is back", qword [out + 24], 3
    attempt_user_begins
    vmovdqa ymm15, [threes]
    mov eax, X87_SSE_AVX
    xor edx, edx
    xsave64 [area]
    mov qword [area + 512], 3                   ; AVX state is in its initial configuration
    xrstor64 [area]
    vmovdqu [out], ymm15
    attempt_user_ends
    user_passed "saved: XRSTOR of an initial configuration"
    check "saved: the lower half stays", qword [out + 8], 3
    check "saved: the upper half is zero", qword [out + 24], 0
    mov qword [area + 512], 1 << 5
    mov eax, X87_SSE_AVX
    xor edx, edx
    attempt_user {xrstor64 [area]}
    faulted "saved: a component that XCR0 lacks", GP, 0
    mov ebx, area + 8
    attempt_user {xsave64 [rbx]}
    faulted "saved: an area elsewhere", GP, 0

without_saved:
    group "exceptions", without_exceptions
    attempt_user_begins
    ldmxcsr [unmasked]
    movaps xmm0, [ones]
    xorps xmm1, xmm1
..@division:
    divps xmm0, xmm1
    attempt_user_ends
    faulted "exceptions: #XM by a division", XM, 0, ..@division
    attempt_user_begins
    stmxcsr [word_out]
    movups [out], xmm0
    ldmxcsr [initial]
    attempt_user_ends
    user_passed "exceptions: the next instruction runs"
    mov eax, [word_out]
    check "exceptions: MXCSR tells which", rax, MXCSR_ZE_UNMASKED | MXCSR_ZE
    mov eax, [out]
    check "exceptions: the destination is as before", rax, 0x3F800000
    attempt_user_begins
    movaps xmm0, [ones]
    divps xmm0, xmm1
    movups [out], xmm0
    attempt_user_ends
    user_passed "exceptions: masked"
    mov eax, [out]
    check "exceptions: an infinity", rax, 0x7F800000

without_exceptions:
    group "unannounced", without_unannounced
    mov rax, cr4
    and eax, ~CR4_OSXMMEXCPT
    mov cr4, rax
    attempt_user_begins
    ldmxcsr [unmasked]
    movaps xmm0, [ones]
    xorps xmm1, xmm1
..@quotient:
    divps xmm0, xmm1
    attempt_user_ends
    faulted "unannounced: #UD without CR4.OSXMMEXCPT", UD, 0, ..@quotient

without_unannounced:
    finish

%include "image-end.inc"
