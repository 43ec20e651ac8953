; Two CPUs: `load` has each count by itself, `ping` has them answer each other's interrupts. Says how many ticks of the
; time-stamp counter, which counts 1 GHz, that took.

%include "guest.inc"

LOOPS  equ 40000000
TRIPS  equ 2000
VECTOR equ 0x52

section .bss
ready:  resd 1
go:     resd 1
done:   resd 1
hits:   resd 2                                  ; interrupts taken by the BSP, and by the AP

section .text
bits 64

work:
    mov ecx, LOOPS
    xor eax, eax
    xor edx, edx
.next:
    add eax, ecx
    xor edx, eax
    dec ecx
    jnz .next
    ret

hit_bsp:
    inc dword [hits]
    jmp hit
hit_ap:
    inc dword [hits + 4]
hit:
    push rax
    push rcx
    push rdx
    push rsi
    push rdi
    mov edi, LAPIC_EOI
    xor esi, esi
    call lapic_write
    pop rdi
    pop rsi
    pop rdx
    pop rcx
    pop rax
    iretq

ticks:
    rdtsc
    shl rdx, 32
    or rax, rdx
    ret

bsp_main:
    mov edi, VECTOR
    mov esi, hit_bsp
    call set_gate
    mov edi, VECTOR + 1
    mov esi, hit_ap
    call set_gate
    mov edi, ping_option
    call find_option
    mov r14, rax
    xor edi, edi
    mov esi, ICR_ALL_EXCLUDING_SELF
    call init_sipi_sipi
.wait:
    pause
    cmp dword [ready], 0
    je .wait
    call ticks
    mov r12, rax
    mov dword [go], 1
    test r14, r14
    jnz .ping
    call work
.both:
    pause
    cmp dword [done], 0
    je .both
    jmp .end
.ping:
    mov r13d, 1
.trip:
    xor edi, edi
    mov esi, ICR_FIXED | ICR_ASSERT | ICR_ALL_EXCLUDING_SELF | (VECTOR + 1)
    call lapic_send
.back:
    sti
    nop
    cli
    cmp [hits], r13d
    jne .back
    inc r13d
    cmp r13d, TRIPS
    jbe .trip
.end:
    call ticks
    sub rax, r12
    mov r12, rax
    print "ticks "
    mov rax, r12
    xor edx, edx
    mov ecx, 1000                               ; a print has 32 bits
    div rcx
    mov r12d, eax
    print_line r12d, "000"
    jmp end_success

ap_entry:
    find_self
    own_stack
    call become_cpu
    mov edi, ping_option
    call find_option
    mov r14, rax
    lock inc dword [ready]
.wait:
    pause
    cmp dword [go], 0
    je .wait
    test r14, r14
    jnz .ping
    call work
    lock inc dword [done]
    jmp halt_forever
.ping:
    mov r13d, 1
.trip:
    sti
    nop
    cli
    cmp [hits + 4], r13d
    jne .trip
    inc r13d
    xor edi, edi
    mov esi, ICR_FIXED | ICR_ASSERT | ICR_ALL_EXCLUDING_SELF | VECTOR
    call lapic_send
    jmp .trip

section .data
ping_option: db "ping", 0

%include "image-end.inc"
