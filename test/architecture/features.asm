; What CPUID announces beyond the base: UMIP, PCID and INVPCID, RDPID, RDSEED, IA32_TSC_ADJUST, performance counters that count
; nothing, MONITOR and MWAIT. SDM vol. 2 (the instructions), vol. 3A "Process-Context Identifiers (PCIDs)", "MONITOR/MWAIT
; Instruction", vol. 3B "Time-Stamp Counter Adjustment".

%include "guest.inc"
%include "architecture.inc"

CR4_PCE equ 1 << 8
CR4_UMIP equ 1 << 11
CR4_PCIDE equ 1 << 17
CR0_PG_BIT equ 1 << 31
IA32_TSC equ 0x10
IA32_TSC_ADJUST equ 0x3B
IA32_TSC_AUX equ 0xC0000103
IA32_PMC0 equ 0xC1
IA32_PERFEVTSEL0 equ 0x186
VECTOR equ 0x51
WINDOW equ 0x40000000

section .bss
alignb 4096
window_table: resq 512
frames:       resb 4096 * 2
alignb 64
line:         resb 64
sleeping:     resd 1
woken:        resd 1
stored:       resq 2
counter:      resq 1
descriptor:   resq 2

section .text
; announced LEAF, SUBLEAF, REGISTER, BIT: zero flag where it is not.
%macro announced 4
    mov eax, %1
    mov ecx, %2
    cpuid
    bt %3, %4
%endmacro
; clear_cr4 BITS
%macro clear_cr4 1
    mov rax, cr4
    and eax, ~(%1)
    mov cr4, rax
%endmacro

bits 64
; The second CPU waits for a store to the line, by MONITOR and MWAIT.
ap_entry:
    mov rsp, stack_of_ap_top
    mov rax, line
    xor ecx, ecx
    xor edx, edx
    monitor
    mov dword [sleeping], 1
    cmp dword [line], 0
    jne .written
    xor eax, eax
    mwait
.written:
    mov dword [woken], 1
    jmp halt_forever
section .bss
    resb 1024
stack_of_ap_top:
section .text

bsp_main:
    call architecture_init
    mov eax, page_directories
    mov ecx, 4 * 512
.user:
    or byte [rax], PAGE_USER
    add rax, 8
    loop .user
    or byte [pml4], PAGE_USER
    or byte [pdpt], PAGE_USER
    mov rax, cr3
    mov cr3, rax

    group "umip", .no_umip
    announced 7, 0, ecx, 2
    jnc .umip_absent
    set_cr4 CR4_UMIP
    attempt_user {sgdt [stored]}
    faulted "umip: SGDT", GP, 0
    attempt_user {sidt [stored]}
    faulted "umip: SIDT", GP, 0
    attempt_user {sldt eax}
    faulted "umip: SLDT", GP, 0
    attempt_user {str [stored]}
    faulted "umip: STR", GP, 0
    attempt_user {smsw eax}
    faulted "umip: SMSW", GP, 0
    attempt {sgdt [stored]}
    passed "umip: at CPL 0"
    clear_cr4 CR4_UMIP
    attempt_user {smsw eax}
    user_passed "umip: without CR4.UMIP"
    jmp .no_umip
.umip_absent:
    print_skip "umip: SGDT", "umip: SIDT", "umip: SLDT", "umip: STR", "umip: SMSW", "umip: at CPL 0", "umip: without CR4.UMIP"
.no_umip:

    group "pcid", .no_pcid
    announced 1, 0, ecx, 17
    jnc .pcid_absent
    call pcid
    jmp .no_pcid
.pcid_absent:
    print_skip "pcid: CR4.PCIDE with a PCID in CR3", "pcid: CR4.PCIDE", "pcid: CR0.PG stays"
    print_skip "pcid: CR3 keeps the PCID, not bit 63", "pcid: bit 62 of CR3", "pcid: the other page", "pcid: INVLPG"
    print_skip "pcid: INVPCID of an address", "pcid: INVPCID of a context", "pcid: INVPCID of all", "pcid: INVPCID of all but global pages"
    print_skip "pcid: INVPCID of no type", "pcid: INVPCID: reserved bits", "pcid: INVPCID: not canonical"
    print_skip "pcid: INVPCID at CPL 3", "pcid: INVPCID of a PCID without CR4.PCIDE"
.no_pcid:

    group "rdpid", .no_rdpid
    announced 7, 0, ecx, 22
    jnc .rdpid_absent
    mov ecx, IA32_TSC_AUX
    mov eax, 0x12345
    xor edx, edx
    wrmsr
    mov rbx, -1
    rdpid rbx
    check "rdpid: is IA32_TSC_AUX", rbx, 0x12345
    jmp .no_rdpid
.rdpid_absent:
    print_skip "rdpid: is IA32_TSC_AUX"
.no_rdpid:

    group "rdseed", .no_rdseed
    announced 7, 0, ebx, 18
    jnc .rdseed_absent
    mov ecx, 10000
.seed:
    rdseed rbx
    jc .seeded
    loop .seed
.seeded:
    rdseed rdx
    cmp rbx, rdx
    setne al
    movzx eax, al
    check "rdseed: not twice the same", rax, 1
    jmp .no_rdseed
.rdseed_absent:
    print_skip "rdseed: not twice the same"
.no_rdseed:

    group "tsc-adjust", .no_adjust
    announced 7, 0, ebx, 1
    jnc .adjust_absent
    call counter_now
    mov [counter], rax
    mov ecx, IA32_TSC_ADJUST
    rdmsr
    or eax, edx
    check "tsc-adjust: as after power-on", rax, 0
    xor eax, eax
    mov edx, 1 << 16                            ; 2^48 further
    wrmsr
    call counter_now
    shr rax, 48
    check "tsc-adjust: moves the counter", rax, 1
    xor eax, eax
    xor edx, edx
    mov ecx, IA32_TSC
    wrmsr
    mov ecx, IA32_TSC_ADJUST
    rdmsr
    shr edx, 16
    check "tsc-adjust: what a store to the counter has moved", rdx, 0xFFFF
    xor eax, eax
    xor edx, edx
    wrmsr
    call counter_now
    cmp rax, [counter]
    seta bl
    movzx ebx, bl
    shr rax, 48
    check "tsc-adjust: the counter is back", rbx, 1
    check "tsc-adjust: and not beyond", rax, 0
    jmp .no_adjust
.adjust_absent:
    print_skip "tsc-adjust: as after power-on", "tsc-adjust: moves the counter"
    print_skip "tsc-adjust: what a store to the counter has moved", "tsc-adjust: the counter is back"
    print_skip "tsc-adjust: and not beyond"
.no_adjust:

    group "counters", .no_counters
    clear_cr4 CR4_PCE
    xor ecx, ecx
    attempt_user {rdpmc}
    faulted "counters: RDPMC at CPL 3", GP, 0
    set_cr4 CR4_PCE
    xor ecx, ecx
    mov eax, -1
    mov edx, -1
    attempt {rdpmc}
    passed "counters: RDPMC"
    shl rdx, 32
    or rax, rdx
    check "counters: it counts nothing", rax, 0
    mov ecx, 0x8000
    attempt {rdpmc}
    faulted "counters: RDPMC of none", GP, 0
    mov ecx, IA32_PERFEVTSEL0
    mov eax, 0x4300C0
    xor edx, edx
    attempt {wrmsr}
    passed "counters: an event is chosen"
    mov ecx, IA32_PMC0
    attempt {rdmsr}
    passed "counters: IA32_PMC0"
    shl rdx, 32
    or rax, rdx
    check "counters: counts nothing", rax, 0
    clear_cr4 CR4_PCE
.no_counters:

    group "monitor", .no_monitor
    announced 1, 0, ecx, 3
    jnc .monitor_absent
    call monitors
    jmp .no_monitor
.monitor_absent:
    print_skip "monitor: #UD at CPL 3", "monitor: MWAIT at CPL 3", "monitor: an extension that is none", "monitor: MWAIT of an extension that is none"
    print_skip "monitor: a page that is not present", "monitor: the CPU waits", "monitor: it does not run", "monitor: a store to another line", "monitor: a store to the line wakes it"
    print_skip "monitor: a store before MWAIT", "monitor: MWAIT without MONITOR", "monitor: an interrupt ends the wait"
    print_skip "monitor: a masked interrupt ends the wait"
.no_monitor:
    finish

; Into RAX.
counter_now:
    rdtsc
    shl rdx, 32
    or rax, rdx
    ret

; A page with other contents in each of two address spaces, by one page table.
pcid:
    mov rax, cr3
    mov r12, rax
    or rax, 5
    mov cr3, rax
    mov rax, cr4
    or eax, CR4_PCIDE
    attempt {mov cr4, rax}
    faulted "pcid: CR4.PCIDE with a PCID in CR3", GP, 0
    mov cr3, r12
    mov rax, cr4
    or eax, CR4_PCIDE
    attempt {mov cr4, rax}
    passed "pcid: CR4.PCIDE"
    mov rax, cr0
    btr rax, 31
    attempt {mov cr0, rax}
    faulted "pcid: CR0.PG stays", GP, 0
    mov rax, r12
    or rax, 3
    bts rax, 63
    mov cr3, rax
    mov rbx, cr3
    mov rax, r12
    or rax, 3
    check "pcid: CR3 keeps the PCID, not bit 63", rbx, rax
    mov rax, r12
    bts rax, 62
    attempt {mov cr3, rax}
    faulted "pcid: bit 62 of CR3", GP, 0
    ; WINDOW: the first frame, then by new entries the second.
    mov eax, window_table
    or eax, PAGE_PRESENT | PAGE_WRITABLE
    mov [page_directories + (WINDOW >> 21) * 8], rax
    mov dword [window_table], frames + (PAGE_PRESENT | PAGE_WRITABLE)
    mov dword [frames], 1
    mov dword [frames + 4096], 2
    call show_first
    call show_second
    mov rax, cr3
    mov cr3, rax
    mov rbx, [WINDOW]
    check "pcid: the other page", rbx, 2
    call show_first
    invlpg [WINDOW]
    mov rbx, [WINDOW]
    check "pcid: INVLPG", rbx, 1
  %macro by_invpcid 3
    %2
    mov qword [descriptor], 3
    mov qword [descriptor + 8], WINDOW
    mov eax, %3
    invpcid rax, [descriptor]
    mov rbx, [WINDOW]
    check %1, rbx, 2 - (%3 & 1)
  %endmacro
    by_invpcid "pcid: INVPCID of an address", {call show_second}, 0
    by_invpcid "pcid: INVPCID of a context", {call show_first}, 1
    by_invpcid "pcid: INVPCID of all", {call show_second}, 2
    by_invpcid "pcid: INVPCID of all but global pages", {call show_first}, 3
    mov eax, 4
    attempt {invpcid rax, [descriptor]}
    faulted "pcid: INVPCID of no type", GP, 0
    mov qword [descriptor], 0x1000
    mov eax, 1
    attempt {invpcid rax, [descriptor]}
    faulted "pcid: INVPCID: reserved bits", GP, 0
    mov qword [descriptor], 0
    mov rax, 1 << 62
    mov [descriptor + 8], rax
    xor eax, eax
    attempt {invpcid rax, [descriptor]}
    faulted "pcid: INVPCID: not canonical", GP, 0
    mov eax, 2
    attempt_user {invpcid rax, [descriptor]}
    faulted "pcid: INVPCID at CPL 3", GP, 0
    mov cr3, r12
    clear_cr4 CR4_PCIDE
    mov qword [descriptor], 3
    mov eax, 1
    attempt {invpcid rax, [descriptor]}
    faulted "pcid: INVPCID of a PCID without CR4.PCIDE", GP, 0
    ret
show_first:
    mov eax, frames
    jmp show
show_second:
    mov eax, frames + 4096
show:
    mov rbx, [WINDOW]                           ; so that the old one is known
    or eax, PAGE_PRESENT | PAGE_WRITABLE
    mov [window_table], rax
    ret

monitors:
    xor ecx, ecx
    xor edx, edx
    mov eax, line
    attempt_user {monitor}
    faulted "monitor: #UD at CPL 3", UD, 0
    attempt_user {mwait}
    faulted "monitor: MWAIT at CPL 3", UD, 0
    mov ecx, 1
    attempt {monitor}
    faulted "monitor: an extension that is none", GP, 0
    mov ecx, 2
    attempt {mwait}
    faulted "monitor: MWAIT of an extension that is none", GP, 0
    xor ecx, ecx
    mov qword [page_directories + (WINDOW >> 21) * 8], 0
    invlpg [WINDOW]
    mov eax, WINDOW
    attempt {monitor}
    page_faulted "monitor: a page that is not present", 0, WINDOW
    mov qword [fault.cr2], 0
    ; The other CPU.
    mov edi, 1
    xor esi, esi
    call init_sipi_sipi
    mov ecx, 20000000
.started:
    cmp dword [sleeping], 1
    je .sleeps
    pause
    loop .started
.sleeps:
    mov ebx, [sleeping]
    check "monitor: the CPU waits", rbx, 1
    mov edi, AFTER_INIT
    call delay
    mov ebx, [woken]
    check "monitor: it does not run", rbx, 0
    mov dword [stored], 1
    mov edi, AFTER_INIT
    call delay
    mov ebx, [woken]
    check "monitor: a store to another line", rbx, 0
    mov byte [line + 63], 0x77
    mov ecx, 20000000
.asleep:
    cmp dword [woken], 0
    jne .awake
    pause
    loop .asleep
.awake:
    mov ebx, [woken]
    check "monitor: a store to the line wakes it", rbx, 1
    mov eax, line
    xor ecx, ecx
    xor edx, edx
    monitor
    mov dword [line], 1
    xor eax, eax
    mwait
    check "monitor: a store before MWAIT", dword 1, 1
    mwait
    check "monitor: MWAIT without MONITOR", dword 1, 1
    mov eax, line
    monitor
    call lapic_self
    xor eax, eax
    attempt_begins
    sti
    mwait
    nop
    attempt_ends
    check "monitor: an interrupt ends the wait", qword [fault.vector], VECTOR
    call lapic_eoi
    cli
    mov eax, line
    xor ecx, ecx
    xor edx, edx
    monitor
    call lapic_self
    xor eax, eax
    mov ecx, 1
    mwait
    attempt_begins
    sti
    nop
    nop
    cli
    attempt_ends
    check "monitor: a masked interrupt ends the wait", qword [fault.vector], VECTOR
    call lapic_eoi
    ret
lapic_self:
    push rax
    push rcx
    push rdx
    mov ecx, LAPIC_BASE
    mov eax, LAPIC_SVR_ENABLE | 0xFF
    mov [rcx + LAPIC_SVR], eax
    xor edi, edi
    mov esi, ICR_FIXED | ICR_ASSERT | (1 << 18) | VECTOR
    call lapic_send
    pop rdx
    pop rcx
    pop rax
    ret

%include "image-end.inc"
