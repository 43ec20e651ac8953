; The x87 FPU as an operating system meets it: #NM with CR0.TS and CR0.EM, CLTS, exceptions that wait for the next instruction
; that waits, and images of its state. SDM vol. 1, "Programming with the x87 FPU"; vol. 3A, "Processor Management and
; Initialization" and "Exception Reference" (#NM, #MF). FPU instructions run at CPL 3.

%include "guest.inc"
%include "architecture.inc"

CR0_NE equ 1 << 5
MF equ 16
UNMASKED_ZE equ 0x37B
STATUS_ZE equ 1 << 2
STATUS_ES equ 1 << 7
STATUS_B equ 1 << 15
NOWHERE equ 0x7FFFFFFFF000                      ; canonical, not mapped

section .bss
alignb 16
image: resb 108
alignb 16
other_image: resb 108
word_out: resq 1
number: resq 2

section .data
align 8
unmasked: dw UNMASKED_ZE
initial: dw 0x37F
pi_digits: dq 314159265358979

section .text

ap_entry equ halt_forever

bits 64
bsp_main:
    call architecture_init
    open_to_user
    mov rax, cr0
    or eax, CR0_NE
    mov cr0, rax
    set_fpu_bits CR0_MP

    mov eax, 1
    cpuid
    and edx, 1
    check "announced", rdx, 1

    ; Lazy switches of the state.
    group "lazy", without_lazy
    attempt_user {fninit}
    user_passed "lazy: without CR0.TS"
    set_fpu_bits CR0_MP | CR0_TS
    attempt_user {fld1}
    faulted "lazy: #NM by an x87 instruction", NM, 0
    attempt_user {fnstsw ax}
    faulted "lazy: #NM by a control instruction", NM, 0
    attempt_user {wait}
    faulted "lazy: #NM by WAIT with CR0.MP", NM, 0
    set_fpu_bits CR0_TS
    attempt_user {wait}
    user_passed "lazy: WAIT without CR0.MP"
    clts
    attempt_user_begins
    fld1
    fadd st0, st0
    fistp qword [word_out]
    attempt_user_ends
    user_passed "lazy: after CLTS it runs"
    check "lazy: as if nothing had been", qword [word_out], 2
    set_fpu_bits CR0_MP | CR0_TS
    mov rbx, NOWHERE
    attempt_user {fld qword [rbx]}
    faulted "lazy: #NM before a page fault", NM, 0
    set_fpu_bits CR0_EM
    attempt_user {fld1}
    faulted "lazy: #NM with CR0.EM", NM, 0
    attempt_user {wait}
    user_passed "lazy: WAIT with CR0.EM"
    set_fpu_bits CR0_MP

without_lazy:
    ; An unmasked exception.
    group "pending", without_pending
    attempt_user_begins
    fninit
    fldcw [unmasked]
    fld1
    fldz
..@division:
    fdivp
    mov ecx, 5
    fnstsw [word_out]
..@waits:
    wait
    mov ecx, 6
    attempt_user_ends
    faulted "pending: #MF by WAIT", MF, 0, ..@waits
    movzx eax, word [word_out]
    and eax, STATUS_B | STATUS_ES | STATUS_ZE
    check "pending: the status word told before", rax, STATUS_B | STATUS_ES | STATUS_ZE
    attempt_user {fld1}
    faulted "pending: #MF by the next x87 instruction", MF, 0
    mov rbx, NOWHERE
    attempt_user {fld qword [rbx]}
    faulted "pending: #MF before a page fault", MF, 0
    set_fpu_bits CR0_MP | CR0_TS
    attempt_user {fld1}
    faulted "pending: #NM before #MF", NM, 0
    clts
    attempt_user_begins
    fnstenv [image]
    fnstcw [word_out]
    attempt_user_ends
    user_passed "pending: FNSTENV does not wait"
    mov eax, [image + 12]
    check "pending: its instruction pointer", rax, ..@division
    movzx eax, word [image + 18]
    check "pending: its opcode", rax, 0x6F9
    movzx eax, word [image]
    check "pending: its control word", rax, UNMASKED_ZE
    movzx eax, word [word_out]
    check "pending: then all are masked", rax, 0x37F
    attempt_user {wait}
    user_passed "pending: masked it does not wait"
    attempt_user {fldcw [unmasked]}
    user_passed "pending: FLDCW that unmasks it"
    attempt_user {fldcw [initial]}
    faulted "pending: #MF by FLDCW", MF, 0
    attempt_user_begins
    fnclex
    wait
    attempt_user_ends
    user_passed "pending: FNCLEX clears it"

without_pending:
    ; Images.
    group "images", without_images
    attempt_user_begins
    fninit
    fldcw [unmasked]
    fld1
    fldz
    fdivp
    fnsave [image]
    fnstcw [word_out]
    wait
    attempt_user_ends
    user_passed "images: FNSAVE does not wait, and leaves nothing"
    movzx eax, word [word_out]
    check "images: then all is as after FNINIT", rax, 0x37F
    attempt_user {frstor [image]}
    user_passed "images: FRSTOR of a waiting exception"
    attempt_user {frstor [image]}
    faulted "images: #MF by the next FRSTOR", MF, 0
    attempt_user_begins
    fninit
    fild qword [pi_digits]
    fldpi
    fnsave [image]
    fld1
    fnsave [other_image]
    frstor [image]
    fistp qword [word_out]
    fistp qword [number]
    attempt_user_ends
    user_passed "images: a switch there and back"
    check "images: ST(0)", qword [word_out], 3
    mov rax, [number]
    sub rax, [pi_digits]
    check "images: ST(1)", rax, 0
    movzx eax, word [other_image + 8]
    check "images: the other one has its tag", rax, 0x3FFF

without_images:
    attempt_user_begins
    fninit
    attempt_user_ends
    finish

%include "image-end.inc"
