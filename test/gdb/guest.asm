; A guest for gdb, with symbols: an ELF64 executable, entered in long mode with the first 4 GiB mapped to themselves.
; The BSP wakes the two others, which say so in `here` and halt, counts to three in `counter`, fills a buffer, and ends.
; With `goal` set to another value it spins until it is equal to `counter`.

bits 64
default abs

APIC_BASE   equ 0xfee00000
ICR_LOW     equ 0x300
INIT_OTHERS equ 0x000c4500                      ; SDM vol. 3A, "Interrupt Command Register (ICR)"
SIPI_OTHERS equ 0x000c4608
TRAMPOLINE  equ 0x8000
DEBUG_EXIT  equ 0xf4
SUCCESS     equ 0x10
COUNTS      equ 3
OTHERS      equ 2
BUFFER_SIZE equ 5000

section .text
global _start, wake, count, fill, fill_store, finish, spin, trampoline, vectors, vectors_done

_start:
    mov rsp, stack_top
    call wake
    call count
    call vectors
    call fill
spin:
    pause
    mov eax, [counter]
    cmp eax, [goal]
    jne spin
finish:
    mov al, SUCCESS
    out DEBUG_EXIT, al
    hlt

wake:
    mov esi, trampoline
    mov edi, TRAMPOLINE
    mov ecx, trampoline_end - trampoline
    rep movsb
    mov eax, APIC_BASE
    mov dword [rax + ICR_LOW], INIT_OTHERS
    mov dword [rax + ICR_LOW], SIPI_OTHERS
.wait:
    pause
    cmp word [TRAMPOLINE + here - trampoline], OTHERS
    jne .wait
    ret

count:
    mov ecx, COUNTS
.next:
    inc dword [counter]
    dec ecx
    jnz .next
    ret

vectors:
    mov rax, cr4
    or eax, 0x600                               ; OSFXSR, OSXMMEXCPT
    mov cr4, rax
    movups xmm3, [pattern]
    fninit
    fldpi
vectors_done:
    ret

fill:
    mov edi, buffer
    mov ecx, BUFFER_SIZE
    mov al, 0x5a
fill_store:
    rep stosb
    ret

bits 16
trampoline:
    xor ax, ax
    mov ds, ax
    lock inc word [TRAMPOLINE + here - trampoline]
.halt:
    hlt
    jmp .halt
here:
    dw 0
trampoline_end:

section .data
global counter, goal, pattern, buffer
counter: dd 0
goal:    dd COUNTS
pattern: dq 0x1122334455667788, 0x99aabbccddeeff00

section .bss
buffer:  resb BUFFER_SIZE
    alignb 16
    resb 4096
stack_top:
