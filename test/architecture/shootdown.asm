; Several processors on one memory: translations shot down by IPIs, and locked operations whose totals must be right.
; SDM vol. 3A, "Propagation of Page Table and Page Directory Entry Changes to Multiple Processors", "Locked Atomic
; Operations".

%include "guest.inc"
%include "architecture.inc"

VECTOR equ 0x52
WINDOW equ 0x40000000
ROUNDS equ 500
SHOTS  equ 40

section .bss
alignb 4096
table:      resq 512
frames:     resb 4096 * 4
go:         resd 1                              ; number of the step that the APs may do
done:       resd 1                              ; APs that have done it
ready:      resd 1
mismatches: resd 1
shot:       resd 1                              ; APs that have answered the last shot
alignb 16
counter_xadd: resq 1
counter_inc: resq 1
counter_xchg: resq 1
xchg_lock:  resq 1
counter_8:  resq 1
alignb 16
counter_16: resq 2
counter_bit: resq 1
alignb 64
    resb 62
split:      resd 1                              ; across two cache lines

section .text
bits 64

; The work of every CPU, the BSP as well.
work:
    mov ecx, ROUNDS
.xadd:
    mov eax, 3
    lock xadd [counter_xadd], rax
    lock inc qword [counter_inc]
    lock add dword [split], 5
    loop .xadd
    mov ecx, ROUNDS
.xchg:
    mov eax, 1
.spin:
    xchg [xchg_lock], eax                       ; locked without a prefix
    test eax, eax
    jz .owner
    pause
    jmp .spin
.owner:
    mov rax, [counter_xchg]
    inc rax
    mov [counter_xchg], rax
    mov dword [xchg_lock], 0
    loop .xchg
    mov esi, ROUNDS
.eight:
    mov eax, [counter_8]
    mov edx, [counter_8 + 4]
.again8:
    mov ebx, eax
    mov ecx, edx
    add ebx, 0x80000001
    adc ecx, 0
    lock cmpxchg8b [counter_8]
    jne .again8
    dec esi
    jnz .eight
    mov esi, ROUNDS
.bits:
    mov eax, [gs:percpu.uid]
.bit_taken:
    lock bts dword [counter_bit], eax
    jc .bit_taken
    lock btr dword [counter_bit], eax
    jnc .lost
    dec esi
    jnz .bits
    jmp .bits_done
.lost:
    lock inc dword [mismatches]
.bits_done:
    cmp byte [has_16b], 0
    je .done
    mov esi, ROUNDS
.sixteen:
    mov rax, [counter_16]
    mov rdx, [counter_16 + 8]
.again16:
    mov rbx, rax
    mov rcx, rdx
    mov r8, 0x8000000000000001
    add rbx, r8
    adc rcx, 0
    lock cmpxchg16b [counter_16]
    jne .again16
    dec esi
    jnz .sixteen
.done:
    ret

; On an AP: forget the window.
shoot:
    push rax
    push rcx
    push rdx
    push rsi
    push rdi
    invlpg [WINDOW]
    mov edi, LAPIC_EOI
    xor esi, esi
    call lapic_write
    lock inc dword [shot]
    pop rdi
    pop rsi
    pop rdx
    pop rcx
    pop rax
    iretq

%macro wait_count 2
%%wait:
    pause
    mov eax, [%1]
    cmp eax, %2
    jne %%wait
%endmacro

bsp_main:
    call architecture_init
    mov edi, VECTOR
    mov esi, shoot
    call set_gate
    group "cmpxchg16b", .without_16b
    mov eax, 1
    cpuid
    shr ecx, 13
    and ecx, 1
    mov [has_16b], cl
.without_16b:
    mov eax, page_directories + 8 * (WINDOW >> 21)
    mov dword [rax], table + (PAGE_PRESENT | PAGE_WRITABLE)
    mov dword [table], frames + (PAGE_PRESENT | PAGE_WRITABLE)
    invlpg [WINDOW]
    mov edi, 0
    mov esi, ICR_ALL_EXCLUDING_SELF
    call init_sipi_sipi
    mov r12d, [cpu_count]
    dec r12d                                    ; APs
    wait_count ready, r12d
    mov dword [go], 1
    call work
    wait_count done, r12d
    mov eax, r12d
    inc eax
    imul r14d, eax, ROUNDS                      ; rounds of all
    lea rbx, [r14 + r14 * 2]
    check "LOCK XADD", qword [counter_xadd], rbx
    check "LOCK INC", qword [counter_inc], r14
    lea rbx, [r14 + r14 * 4]
    mov eax, [split]
    check "LOCK ADD across cache lines", rax, rbx
    check "XCHG as a lock", qword [counter_xchg], r14
    mov eax, 0x80000001
    imul rax, r14
    check "LOCK CMPXCHG8B", qword [counter_8], rax
    mov eax, [mismatches]
    check "LOCK BTS and BTR", rax, 0
    check "LOCK BTS and BTR: all are clear", qword [counter_bit], 0
    cmp byte [has_16b], 0
    je .shoot
    mov rax, 0x8000000000000001
    mul r14
    check "cmpxchg16b: low half", qword [counter_16], rax
    check "cmpxchg16b: high half", qword [counter_16 + 8], rdx
.shoot:

    ; The window is moved from frame to frame. Each AP reads it all the time; after a shot it must see the new frame.
    mov dword [frames], 0
    mov dword [frames + 4096], 1
    mov dword [frames + 8192], 2
    mov dword [frames + 12288], 3
    mov dword [done], 0
    mov dword [go], 2
    mov r14d, 1
.shot:
    mov eax, r14d
    and eax, 3
    shl eax, 12
    add eax, frames + (PAGE_PRESENT | PAGE_WRITABLE)
    mov [table], eax
    invlpg [WINDOW]
    mov dword [shot], 0
    xor edi, edi
    mov esi, ICR_FIXED | ICR_ASSERT | ICR_ALL_EXCLUDING_SELF | VECTOR
    call lapic_send
    wait_count shot, r12d
    mov eax, r14d
    mov [current], eax                          ; from now on nobody may see another frame
    mov dword [done], 0
    mov eax, r14d
    add eax, 2
    mov [go], eax
    mov eax, [WINDOW]
    mov ecx, r14d
    and ecx, 3
    cmp eax, ecx
    je .same
    lock inc dword [mismatches]
.same:
    wait_count done, r12d                       ; each has looked
    inc r14d
    cmp r14d, SHOTS
    jbe .shot
    mov eax, [mismatches]
    check "shoot-down: nobody sees the old page", rax, 0

    finish

ap_entry:
    find_self
    own_stack
    call become_cpu
    lock inc dword [ready]
.wait:
    pause
    cmp dword [go], 1
    jne .wait
    call work
    lock inc dword [done]
    mov ebp, 3                                  ; the first look is after shot 1
    sti
.look:
    mov eax, [WINDOW]                           ; fills the TLB
    cmp [go], ebp
    jb .look
    mov ecx, [current]
    and ecx, 3
    mov eax, [WINDOW]
    cmp eax, ecx
    je .same
    lock inc dword [mismatches]
.same:
    inc ebp
    lock inc dword [done]
    jmp .look

section .data
has_16b: db 0
align 4
current: dd 0

%include "image-end.inc"
