; System calls: SYSCALL from ring 3, and SYSRET.
%assign OPERATIONS ROUNDS * 100000
%define INSTRUCTIONS OPERATIONS
%include "frame.inc"
IA32_EFER       equ 0xc0000080
IA32_STAR       equ 0xc0000081
IA32_LSTAR      equ 0xc0000082
IA32_FMASK      equ 0xc0000084
QUIT            equ 1

prepare:
        call    open_ring3
        mov     ecx, IA32_EFER
        rdmsr
        or      eax, 1                          ; SCE
        wrmsr
        mov     ecx, IA32_STAR
        xor     eax, eax
        mov     edx, KERNEL_CODE | ((USER_DATA - 8) << 16)
        wrmsr
        mov     ecx, IA32_LSTAR
        mov     eax, handler
        xor     edx, edx
        wrmsr
        mov     ecx, IA32_FMASK
        mov     eax, 0x200
        wrmsr
        ret

work:   mov     esi, user
        jmp     enter_ring3

user:   mov     ebp, OPERATIONS
        xor     eax, eax
.call:  syscall
        dec     ebp
        jnz     .call
        mov     eax, QUIT
        syscall
handler:
        test    eax, eax
        jnz     .leave
        o64 sysret
.leave: xor     eax, eax
        jmp     leave_ring3
%include "ring3.inc"
%include "tail.inc"
