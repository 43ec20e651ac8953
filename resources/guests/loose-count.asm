; loose-count, a guest with a planted bug: the APs count themselves in without a lock.
;
; All are woken at once; each reads the count, which is its number, copies its entry to that place in the list of those
; that came, and writes the count back, one higher. Two that do so at the same time have one number between them, and
; one of the two is never counted. Like SerenityOS #2513, where APs had picked the same id. The moment is short, so
; nearly every run is a success; on the emulator the seed decides which is not.
; A correct system adds with LOCK XADD (SDM vol. 3A, "Locked Atomic Operations"), or takes a lock around all of it.
; When the count is not full after 5 s, the run ends with 1; a system that waits at a barrier hangs.
; Command line: table=mp reads the MP table, not the MADT.

%include "guest.inc"
%include "planted.inc"

section .bss
alignb 64
count:   resd 1                                 ; APs that have counted themselves in
arrived: resb MAX_CPUS * percpu_size            ; copies of their entries, by number

section .text
bits 64

bsp_main:
    announce "loose-count"
    call rest_init
    mov esi, ICR_ALL_EXCLUDING_SELF
    call init_sipi_sipi
    mov edi, count
    mov esi, [cpu_count]
    dec esi
    mov edx, PATIENCE_MS
    call rest_until
    test eax, eax
    jz .missing
    all_here "loose-count"
.missing:
    mov r12d, [count]
    inc r12d                                    ; the BSP itself
    say "loose-count: ", r12d, " of ", [cpu_count], " processors are counted"
    jmp end_failure

ap_entry:
    find_self
    own_stack
    call become_cpu
    mov dword [rbx + percpu.state], CPU_HERE
    mov ecx, STACK_BYTES / 8
    mov rdi, rsp
.clear:                                         ; what was there before the start is no business of anybody
    sub rdi, 8
    mov qword [rdi], 0
    dec ecx
    jnz .clear

    mov edx, [count]                            ; BUG: from here
    imul edi, edx, percpu_size
    add edi, arrived
    mov esi, ebx
    mov ecx, percpu_size / 8
.copy:
    mov rax, [rsi]
    mov [rdi], rax
    add esi, 8
    add edi, 8
    loop .copy
    inc edx
    mov [count], edx                            ; to here another CPU may count itself in
    jmp halt_forever

%include "image-end.inc"
