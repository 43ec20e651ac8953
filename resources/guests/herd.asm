; herd: wakes all processors at once.
;
; One INIT and one SIPI go to all excluding self; all APs run the same trampoline at the same time and take their stacks
; by ticket. Command line: quiet leaves out a line for each CPU; table=mp reads the MP table, not the MADT.

%include "guest.inc"

section .data
quiet_option: db "quiet", 0
quiet:        db 0

section .bss
alignb 64
tickets:  resd 1                                ; stacks handed out
arrived:  resd 1                                ; APs that have counted themselves in
; The queue of lines to say. Whoever finds it empty says its own line, and then those that came in meanwhile: so no CPU
; ever spins for the console, which matters where a thousand virtual CPUs share a few real ones.
queue_tail:    resd 1                           ; places handed out
queue_head:    resd 1                           ; next to be said; belongs to the CPU that speaks
queue_pending: resd 1                           ; lines not yet said; 0: nobody speaks
queue:         resd MAX_CPUS                    ; entries of the CPU table, 0 until filled in

section .text
bits 64

bsp_main:
    announce "herd"
    mov edi, quiet_option
    call find_option
    test rax, rax
    setnz [quiet]

    mov esi, ICR_INIT | ICR_ASSERT | ICR_ALL_EXCLUDING_SELF
    call lapic_send
    mov edi, AFTER_INIT
    call delay
    mov esi, ICR_ALL_EXCLUDING_SELF
    call sipi

    mov ebx, [cpu_count]
    dec ebx                                     ; the APs
.wait:
    mov r12d, [arrived]
    mov edi, arrived
    mov esi, ebx
    call wait_for
    test eax, eax
    jnz .all
    cmp r12d, [arrived]                         ; the time-out starts again as long as they keep coming
    jne .wait
    jmp .missing
.all:
    say "herd: all ", [cpu_count], " processors are here"
    jmp end_success

.missing:
    for_each_cpu rbx, .next
    cmp dword [rbx + percpu.state], CPU_HERE
    je .here
    say_cpu rbx, " does not answer"
.here:
    next_cpu rbx, .next
    inc r12d                                    ; the BSP itself
    say "herd: ", r12d, " of ", [cpu_count], " processors are here"
    jmp end_failure

ap_entry:
    mov eax, 1
    lock xadd [tickets], eax
    cmp eax, MAX_CPUS
    jae halt_forever
    inc eax
    imul eax, eax, STACK_BYTES
    lea rsp, [stacks + rax]                     ; the end of the ticket's stack
    find_self
    call become_cpu
    mov dword [rbx + percpu.state], CPU_HERE
    cmp byte [quiet], 0
    jne .quiet
    call say_here
    jmp halt_forever
.quiet:
    lock inc dword [arrived]
    jmp halt_forever

; Queues the line of this CPU, and says all that is queued unless somebody is at it. RBX = this CPU's entry.
; A line's CPU is counted in once the line is out.
say_here:
    mov eax, 1
    lock xadd [queue_tail], eax
    mov [queue + rax * 4], ebx
    mov eax, 1
    lock xadd [queue_pending], eax
    test eax, eax
    jnz .done
.next:
    mov eax, [queue_head]
    inc dword [queue_head]
.fill:
    mov ebp, [queue + rax * 4]                  ; its CPU may be between taking the place and filling it in
    test ebp, ebp
    jnz .say
    pause
    jmp .fill
.say:
    print_line "cpu ", [rbp + percpu.uid], " apic ", [rbp + percpu.apic_id], " here"
    lock inc dword [arrived]
    lock dec dword [queue_pending]
    jnz .next
.done:
    ret

%include "image-end.inc"
