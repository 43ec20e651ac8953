; lost-sipi, a guest with a planted bug: it sends each AP one SIPI and never another.
;
; Whatever loses that one (a processor that is busy with its INIT, a hypervisor under load) leaves the AP waiting for
; ever. Like reactos #9559, which sent no second SIPI, and edk2 #13164, whose BSP waited for the AP without end and
; without sending anything again; this one gives up after 5 s and ends with 1.
; A correct system sends the second SIPI that the SDM and the MP Specification ask for, and, where an AP still does not
; come, INIT and SIPIs once more.
; Command line: table=mp reads the MP table, not the MADT.

%include "guest.inc"
%include "planted.inc"

section .text
bits 64

bsp_main:
    announce "lost-sipi"
    call rest_init
    for_each_ap .wake
    mov edi, [rbx + percpu.apic_id]
    xor esi, esi
    call init
    mov edi, [rbx + percpu.apic_id]
    xor esi, esi
    call sipi                                   ; BUG: the only one
    call await_ap
    next_ap .wake
    all_here "lost-sipi"

ap_entry:
    find_self
    own_stack
    jmp come

%include "image-end.inc"
