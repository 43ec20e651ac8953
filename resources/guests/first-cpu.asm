; first-cpu, a guest with a planted bug: it takes the BSP for the first entry of the table, and APIC ids for indices.
;
; Both hold on most machines. Like twizzler #23 and lk #475, where the BSP is CPU 0 by assumption, and genode #5468,
; where APIC ids had gaps. With another BSP, another order of the table or gaps, an AP takes the place of another, or
; one past the table; the BSP misses it after 5 s, and the run ends with 1. Where the second entry of the table is the
; BSP's own, it sends itself an INIT: a reboot on a PC, a crash where there is no firmware.
; A correct system reads its own APIC id, and looks every id up in the table.
; Command line: table=mp reads the MP table, not the MADT.

%include "guest.inc"
%include "planted.inc"

section .text
bits 64

bsp_main:
    mov ebx, cpus                               ; BUG: the first entry, whoever this is
    mov [bsp], ebx
    call become_cpu
    mov dword [rbx + percpu.state], CPU_HERE
    announce "first-cpu"
    call rest_init
    for_each_ap .wake
    mov edi, [rbx + percpu.apic_id]
    xor esi, esi
    call init_sipi_sipi
    call await_ap
    next_ap .wake
    all_here "first-cpu"

ap_entry:
    lapic_enable                                ; EAX = APIC id
    cmp eax, MAX_CPUS
    jae halt_forever
    imul ebx, eax, percpu_size
    add ebx, cpus                               ; BUG: the id is not the index
    own_stack
    jmp come

%include "image-end.inc"
