; one-stack, a guest with a planted bug: all APs begin on one stack, and leave it for their own later.
;
; That works as long as they come one by one, as they do here: the BSP waits for each before it wakes the next, though
; not for ever, since one that is late will come all the same. Two that come together find each other's data.
; Like SerenityOS #2513, where all APs had picked the same id and with it the same stack.
; A correct system gives each AP a stack before it wakes it, or lets one AP at a time pass (a lock in the trampoline).
; An AP that finds another's data says so and ends the run with 1; where nobody looks, it goes on as that other CPU.
; Command line: timeout=MS is how long it waits for each, 100 by default, 60000 at most; table=mp reads the MP table,
; not the MADT.

%include "guest.inc"
%include "planted.inc"

POST_CODE equ 0x80                              ; port of the POST codes, on the bus: a write takes about 1 us
POSTS     equ 64

timeout_option "one-stack", 100

section .bss
alignb 16
first_stack: resb 256
first_stack_top:

section .text
bits 64

bsp_main:
    announce "one-stack"
    call read_timeout_option
    call rest_init
    for_each_ap .wake
    mov edi, [rbx + percpu.apic_id]
    xor esi, esi
    call init_sipi_sipi
    lea rdi, [rbx + percpu.state]
    mov esi, CPU_HERE
    mov edx, [timeout_ms]
    call rest_until
    next_ap .wake
    for_each_ap .await
    call await_ap
    next_ap .await
    all_here "one-stack"

ap_entry:
    mov esp, first_stack_top                    ; BUG: everybody's
    find_self
    push rbx
    call set_up
    pop rbp
    own_stack
    cmp ebp, ebx
    je come
    call become_cpu
    say_cpu rbx, " finds what cpu ", [rbp + percpu.uid], " has put on the stack"
    jmp end_failure

; Stands for what takes an AP some time in the beginning, its caches, its microcode: here it shows POST codes.
set_up:
    mov ecx, POSTS
.post:
    mov al, cl
    out POST_CODE, al
    loop .post
    ret

%include "image-end.inc"
