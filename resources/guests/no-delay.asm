; no-delay, a guest with a planted bug: the first SIPI follows its INIT at once, the second 200 us later.
;
; A virtual processor is ready for a SIPI the moment after its INIT. A real one may need longer, and what reaches it
; before is lost. Like acrn #4835, where some platforms hung for want of any delay between INIT and SIPI.
; A correct system waits 10 ms after the INIT (SDM vol. 3A, "Typical BSP Initialization Sequence").
; An AP that has not come after 5 s is reported, and the run ends with 1.
; Command line: table=mp reads the MP table, not the MADT.

%include "guest.inc"
%include "planted.inc"

section .text
bits 64

bsp_main:
    announce "no-delay"
    call rest_init
    for_each_ap .wake
    mov edi, [rbx + percpu.apic_id]
    mov esi, ICR_INIT | ICR_ASSERT
    call lapic_send
    mov edi, [rbx + percpu.apic_id]
    xor esi, esi
    call sipi_sipi                              ; BUG: 10 ms too early
    call await_ap
    next_ap .wake
    all_here "no-delay"

ap_entry:
    find_self
    own_stack
    jmp come

%include "image-end.inc"
