; late-ap, a guest with a planted bug: an AP that it has given up may still come, into what is another's by then.
;
; Each AP finds its area in one word, `next_area`, that the BSP sets before it wakes it. An AP that is not there in time
; is given up, and the next one gets its area; if nobody needs it in the end, the BSP takes it for itself. But
; nothing takes back the SIPI: the latecomer reads the word as it is then. Like edk2 #11394, where the BSP frees memory
; below 1 MiB while an AP is still on its way there.
; A correct system lets an AP that comes ask whether it is still wanted, or never uses again what it was given.
; One that never comes does no harm: the others are a success. After an area was taken twice, the run ends with 1.
; Command line: timeout=MS is how long an AP may take, 1000 by default, 60000 at most; table=mp reads the MP table,
; not the MADT.

%include "guest.inc"
%include "planted.inc"

struc area
    .owner:  resd 1                             ; the CPU that the BSP knows to be there, as its entry
    .user:   resd 1                             ; the CPU that has taken it last
    .takers: resd 1                             ; how many have
    .spare:  resd 1                             ; to 16 bytes
endstruc

timeout_option "late-ap", 1000

section .data
next_area: dd areas                             ; that of the AP which is being woken

section .bss
alignb 64
areas: resb MAX_CPUS * area_size

section .text
bits 64

bsp_main:
    announce "late-ap"
    call read_timeout_option
    call rest_init
    xor r12d, r12d                              ; APs given up
    for_each_ap .wake
    mov edi, [rbx + percpu.apic_id]
    xor esi, esi
    call init_sipi_sipi
    lea rdi, [rbx + percpu.state]
    mov esi, CPU_HERE
    mov edx, [timeout_ms]
    call rest_until
    test eax, eax
    jz .give_up
    say_cpu rbx, " here"
    mov eax, [next_area]
    mov [rax + area.owner], ebx
    add dword [next_area], area_size
    jmp .woken
.give_up:
    inc r12d
    say_cpu rbx, " is given up"                 ; BUG: its area is not
.woken:
    next_ap .wake

    test r12d, r12d
    jz .all
    mov ebx, [bsp]
    mov eax, [next_area]
    mov [rax + area.owner], ebx
    call take_area
    mov edi, next_area
    mov esi, -1                                 ; never: works on for a while
    mov edx, [timeout_ms]
    add edx, edx
    call rest_until
    call check_areas
.all:
    mov r13d, [cpu_count]
    sub r13d, r12d
    say "late-ap: ", r13d, " of ", [cpu_count], " processors are up, ", r12d, " given up"
    jmp end_success

; Ends the run if an area was taken twice.
check_areas:
    mov ebx, areas
.next:
    mov ebp, [rbx + area.owner]
    test ebp, ebp
    jz .done                                    ; past the last
    cmp dword [rbx + area.takers], 1
    jne .taken_twice
    add ebx, area_size
    jmp .next
.taken_twice:
    mov r13d, [rbx + area.user]
    say "late-ap: the area of cpu ", [rbp + percpu.uid], " was taken ", [rbx + area.takers], \
        " times, the last time by cpu ", [r13 + percpu.uid]
    jmp end_failure
.done:
    ret

; Makes the area that `next_area` names that of the entry at RBX. Needs no stack.
%macro take_next_area 0
    mov eax, [next_area]
    mov [rax + area.user], ebx
    lock inc dword [rax + area.takers]
%endmacro

take_area:
    take_next_area
    ret

ap_entry:
    find_self
    take_next_area
    mov dword [rbx + percpu.state], CPU_HERE
    jmp halt_forever

%include "image-end.inc"
