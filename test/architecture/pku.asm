; Protection keys: CR4.PKE, PKRU, what it denies of user pages and to whom, the PK bit of error codes, translations that a new
; PKRU ends, PKRU as a component of XSAVE. SDM vol. 3A, "Protection Keys", "Page-Fault Exceptions"; vol. 2, RDPKRU, WRPKRU.

%define BARE
%include "architecture.inc"

WINDOW equ 0x40000000                           ; nothing of the machine is here; mapped as each check wants it
LARGE  equ 0x40800000
CR4_PKE equ 1 << 22
CR4_OSXSAVE equ 1 << 18
X87_STATE equ 1
PKRU_STATE equ 1 << 9
PU  equ PAGE_PRESENT | PAGE_USER
PW  equ PAGE_PRESENT | PAGE_WRITABLE
PWU equ PAGE_PRESENT | PAGE_WRITABLE | PAGE_USER
BY_KEY equ 1 << 5                               ; of an error code
LDT equ SPARE

%define key(n) ((n) << 27)                      ; in the upper half of an entry
%define no_access(n) (1 << (2 * (n)))           ; in PKRU
%define no_write(n) (2 << (2 * (n)))

section .bss
alignb 4096
wide_table: resq 512
frame_a:    resb 4096
frame_b:    resb 4096
alignb 64
area:       resb 4096
section .text

; wide_map INDEX, LOW, HIGH: a page of the window.
%macro wide_map 2-3 0
    mov dword [wide_table + 8 * (%1)], %2
    mov dword [wide_table + 8 * (%1) + 4], %3
    invlpg [WINDOW + 4096 * (%1)]
%endmacro
%macro set_pkru 1
    xor ecx, ecx
    xor edx, edx
    mov eax, %1
    wrpkru
%endmacro
%macro set_cr0 1
    mov rax, cr0
    or eax, %1
    mov cr0, rax
%endmacro
%macro clear_cr0 1
    mov rax, cr0
    and eax, ~(%1)
    mov cr0, rax
%endmacro
%macro rdpkru_into 1
    xor ecx, ecx
    rdpkru
    mov %1, rax
%endmacro
; In: mask of components. To or from the area.
%macro components 1
    xor edx, edx
    mov eax, %1
%endmacro

bits 32
main:
    mov eax, 7
    xor ecx, ecx
    cpuid
    bt ecx, 3
    jnc absent
    mov dword [frame_a], 0xAAAAAAAA
    mov byte [frame_b], 0xC3                    ; RET
    call build_identity64
    mov dword [identity_directories + 8 * (WINDOW >> 21)], wide_table + PWU
    to_long_mode identity_pml4
bits 64
    set_cr0 CR0_WP

    mov eax, 7
    xor ecx, ecx
    cpuid
    and ecx, 1 << 4
    check "pku: CPUID: OSPKE is not set", rcx, 0
    xor ecx, ecx
    xor edx, edx
    attempt {rdpkru}
    faulted "pku: RDPKRU without CR4.PKE", UD, 0
    attempt {wrpkru}
    faulted "pku: WRPKRU without CR4.PKE", UD, 0
    set_cr4 CR4_PKE
    mov rax, cr4
    and eax, CR4_PKE
    check "pku: CR4.PKE", rax, CR4_PKE
    mov eax, 7
    xor ecx, ecx
    cpuid
    and ecx, 1 << 4
    check "pku: CPUID: OSPKE", rcx, 1 << 4

    mov ecx, 1
    xor edx, edx
    attempt {rdpkru}
    faulted "pku: RDPKRU with ECX", GP, 0
    attempt {wrpkru}
    faulted "pku: WRPKRU with ECX", GP, 0
    xor ecx, ecx
    mov edx, 1
    attempt {wrpkru}
    faulted "pku: WRPKRU with EDX", GP, 0
    mov rcx, 1 << 32
    mov rdx, 1 << 32
    mov rax, 0xFFFFFFFF12345670
    wrpkru
    mov rax, -1
    mov rdx, -1
    rdpkru
    check "pku: RDPKRU reads what was written", rax, 0x12345670
    check "pku: RDPKRU: RDX", rdx, 0
    xor ecx, ecx
    xor edx, edx
    mov eax, 0x55555554
    attempt_user_begins
    wrpkru
    rdpkru
    attempt_user_ends
    user_passed "pku: both at CPL 3"
    check "pku: they do the same there", rax, 0x55555554

    ; Access disabled.
    wide_map 0, frame_a + PWU, key(1)
    set_pkru no_access(1)
    attempt {mov eax, [WINDOW]}
    page_faulted "pku: access: a read", BY_KEY | 1, WINDOW
    attempt {mov [WINDOW + 8], eax}
    page_faulted "pku: access: a write", BY_KEY | 3, WINDOW + 8
    attempt_user {mov eax, [WINDOW]}
    page_faulted "pku: access: user reads", BY_KEY | 5, WINDOW
    attempt_user {mov [WINDOW + 8], eax}
    page_faulted "pku: access: user writes", BY_KEY | 7, WINDOW + 8
    attempt_user {lock inc dword [WINDOW]}
    page_faulted "pku: access: user reads and writes", BY_KEY | 7, WINDOW
    clear_cr0 CR0_WP
    attempt {mov [WINDOW + 8], eax}
    page_faulted "pku: access: a write without CR0.WP", BY_KEY | 3, WINDOW + 8
    set_cr0 CR0_WP
    mov rax, [wide_table]
    and eax, PAGE_ACCESSED | PAGE_DIRTY
    check "pku: access: neither A nor D", rax, 0
    wide_map 1, frame_b + PWU, key(1)
    attempt {call WINDOW + 4096}
    passed "pku: access: a fetch"
    attempt_user {call WINDOW + 4096}
    user_passed "pku: access: user fetches"
    wide_map 1, frame_a + PWU
    attempt_user {mov rax, [WINDOW + 4096 - 4]}
    page_faulted "pku: access: user reads across the page's end", BY_KEY | 5, WINDOW + 4096 - 4
    attempt_user {mov eax, [WINDOW + 4096]}
    user_passed "pku: access: a page with another key"

    ; Writes disabled.
    set_pkru no_write(1)
    attempt_user {mov eax, [WINDOW]}
    user_passed "pku: write: user reads"
    attempt_user {mov [WINDOW], eax}
    page_faulted "pku: write: user writes", BY_KEY | 7, WINDOW
    attempt {mov [WINDOW], eax}
    page_faulted "pku: write: a write", BY_KEY | 3, WINDOW
    clear_cr0 CR0_WP
    attempt {mov [WINDOW], eax}
    passed "pku: write: a write without CR0.WP"
    attempt_user {mov [WINDOW], eax}
    page_faulted "pku: write: user writes without CR0.WP", BY_KEY | 7, WINDOW
    set_cr0 CR0_WP
    mov dword [frame_a], 0xAAAAAAAA

    ; What was translated before PKRU changed.
    set_pkru 0
    attempt_user {mov [WINDOW + 16], eax}
    user_passed "pku: change: a write"
    set_pkru no_write(1)
    attempt_user {mov [WINDOW + 16], eax}
    page_faulted "pku: change: then none", BY_KEY | 7, WINDOW + 16
    set_pkru no_access(1)
    attempt_user {mov eax, [WINDOW + 16]}
    page_faulted "pku: change: then no read", BY_KEY | 5, WINDOW + 16
    set_pkru no_access(2)
    attempt_user {mov eax, [WINDOW + 16]}
    user_passed "pku: change: of another key"
    attempt_user_begins
    mov [WINDOW + 16], eax
    xor ecx, ecx
    xor edx, edx
    mov eax, no_write(1)
    wrpkru
    mov ebx, [WINDOW + 16]
..@denied_at_3:
    mov [WINDOW + 16], ebx
    attempt_user_ends
    page_faulted "pku: change: at CPL 3, by the next instruction", BY_KEY | 7, WINDOW + 16, ..@denied_at_3
    set_cr4 CR4_PGE
    set_pkru 0
    wide_map 0, frame_a + (PWU | PAGE_GLOBAL), key(1)
    mov eax, [WINDOW]
    set_pkru no_access(1)
    attempt {mov eax, [WINDOW]}
    page_faulted "pku: change: a global page", BY_KEY | 1, WINDOW
    mov rax, cr4
    and eax, ~CR4_PGE
    mov cr4, rax

    ; With the other causes of page faults.
    set_pkru no_write(1)
    wide_map 0, frame_a + PU, key(1)
    attempt_user {mov [WINDOW], eax}
    page_faulted "pku: other: a read-only page", BY_KEY | 7, WINDOW
    set_pkru no_write(2)
    attempt_user {mov [WINDOW], eax}
    page_faulted "pku: other: a read-only page, by another key", 7, WINDOW
    set_pkru no_access(1)
    wide_map 0, frame_a + PW, key(1)
    attempt {mov eax, [WINDOW]}
    passed "pku: other: a supervisor page has no key"
    attempt_user {mov eax, [WINDOW]}
    page_faulted "pku: other: user reads a supervisor page", 5, WINDOW
    wide_map 0, frame_a + PAGE_USER, key(1)
    attempt_user {mov eax, [WINDOW]}
    page_faulted "pku: other: a missing page", 4, WINDOW
    wide_map 0, frame_a + PWU
    mov dword [identity_directories + 8 * (WINDOW >> 21) + 4], key(1)
    mov rax, cr3
    mov cr3, rax
    attempt_user {mov eax, [WINDOW]}
    user_passed "pku: other: a key of a table is none"
    mov dword [identity_directories + 8 * (WINDOW >> 21) + 4], 0

    ; Other pages and keys.
    set_pkru no_access(15)
    wide_map 0, frame_a + PWU, key(15)
    attempt_user {mov eax, [WINDOW]}
    page_faulted "pku: key 15", BY_KEY | 5, WINDOW
    mov dword [identity_directories + 8 * (LARGE >> 21)], PWU | PAGE_LARGE
    mov dword [identity_directories + 8 * (LARGE >> 21) + 4], key(9)
    invlpg [LARGE]
    set_pkru no_access(9)
    attempt_user {mov eax, [LARGE + frame_a]}
    page_faulted "pku: a 2 MiB page", BY_KEY | 5, LARGE + frame_a
    set_pkru 0
    attempt_user {mov eax, [LARGE + frame_a]}
    user_passed "pku: a 2 MiB page without denial"
    set_pkru no_access(9)
    or dword [identity_directories + 8 * (LARGE >> 21)], 1 << 13
    invlpg [LARGE]
    attempt_user {mov eax, [LARGE]}
    page_faulted "pku: a 2 MiB page with a reserved bit", 0xD, LARGE

    ; The processor's own accesses are to data, too.
    set_pkru no_access(3)
    wide_map 0, frame_a + PWU, key(3)
    set_descriptor LDT, 0x0000000F | (WINDOW & 0xFFFF) << 16, (WINDOW & 0xFF000000) | 0x8200 | (WINDOW >> 16 & 0xFF)
    set_descriptor LDT + 8, 0, 0
    mov ax, LDT
    lldt ax
    mov ax, 8 | 4
    attempt {mov fs, ax}
    page_faulted "pku: a descriptor table", BY_KEY | 1, WINDOW + 8
    xor eax, eax
    lldt ax

    set_pkru no_access(1)
    wide_map 0, frame_a + PWU, key(1)
    attempt {mov eax, [WINDOW]}
    page_faulted "pku: CR4.PKE: set", BY_KEY | 1, WINDOW
    mov rax, cr4
    and eax, ~CR4_PKE
    mov cr4, rax
    attempt {mov eax, [WINDOW]}
    passed "pku: CR4.PKE: cleared"
    set_cr4 CR4_PKE
    attempt {mov eax, [WINDOW]}
    page_faulted "pku: CR4.PKE: set again", BY_KEY | 1, WINDOW
    xor ecx, ecx
    rdpkru
    check "pku: CR4.PKE: PKRU has stayed", rax, no_access(1)

    ; As a component of the extended state.
    mov eax, 0xD
    xor ecx, ecx
    cpuid
    test eax, PKRU_STATE
    jz .no_component
    mov eax, 0xD
    mov ecx, 9
    cpuid
    mov r12, rbx                                ; where it lies in the standard format
    check "pku: XSAVE: its bytes", rax, 8
    and ecx, 1
    check "pku: XSAVE: of user mode", rcx, 0
    set_cr4 CR4_OSXSAVE
    xor ecx, ecx
    components X87_STATE
    xsetbv
    components X87_STATE | PKRU_STATE
    attempt {xsetbv}
    passed "pku: XSAVE: XCR0"
    mov eax, 0xD
    xor ecx, ecx
    cpuid
    lea r14, [r12 + 8]
    check "pku: XSAVE: the area ends with it", rbx, r14
    mov eax, 0xD
    mov ecx, 1
    cpuid
    mov r15, rax
    mov edi, area
    mov ecx, 512
    mov rax, -1
    rep stosq
    mov edi, area + 512
    mov ecx, 8
    xor eax, eax
    rep stosq
    set_pkru no_access(1)
    components PKRU_STATE
    xsave64 [area]
    check "pku: XSAVE: the header", qword [area + 512], PKRU_STATE
    check "pku: XSAVE: PKRU", qword [area + r12], no_access(1)
    set_pkru 0
    mov eax, [WINDOW]
    components PKRU_STATE
    xrstor64 [area]
    rdpkru_into rbx
    check "pku: XRSTOR: PKRU", rbx, no_access(1)
    attempt {mov eax, [WINDOW]}
    page_faulted "pku: XRSTOR: it denies at once", BY_KEY | 1, WINDOW
    mov qword [area + 512], 0
    components PKRU_STATE
    xrstor64 [area]
    rdpkru_into rbx
    check "pku: XRSTOR: of an area without it", rbx, 0
    attempt {mov eax, [WINDOW]}
    passed "pku: XRSTOR: it denies nothing"
    test r15d, 1 << 1
    jz .no_compaction
    set_pkru no_write(7)
    components X87_STATE | PKRU_STATE
    xsavec64 [area]
    mov rax, [area + 520]
    mov rbx, 1 << 63 | X87_STATE | PKRU_STATE
    check "pku: XSAVEC: the format", rax, rbx
    mov rax, [area + 512]
    and eax, PKRU_STATE
    check "pku: XSAVEC: the header", rax, PKRU_STATE
    check "pku: XSAVEC: behind the header", qword [area + 576], no_write(7)
    set_pkru 0
    components PKRU_STATE
    xrstor64 [area]
    rdpkru_into rbx
    check "pku: XRSTOR: the compacted format", rbx, no_write(7)
    jmp .initial
.no_compaction:
    print_skip "pku: XSAVEC: the format", "pku: XSAVEC: the header", "pku: XSAVEC: behind the header"
    print_skip "pku: XRSTOR: the compacted format"
.initial:
    set_pkru 0
    test r15d, 1 << 2
    jz .no_xinuse
    mov ecx, 1
    xgetbv
    and eax, PKRU_STATE
    check "pku: XGETBV: 0 is its initial configuration", rax, 0
    set_pkru 4
    mov ecx, 1
    xgetbv
    and eax, PKRU_STATE
    check "pku: XGETBV: else it is in use", rax, PKRU_STATE
    jmp .done
.no_xinuse:
    print_skip "pku: XGETBV: 0 is its initial configuration", "pku: XGETBV: else it is in use"
    jmp .done
.no_component:
    print_skip "pku: XSAVE: its bytes", "pku: XSAVE: of user mode", "pku: XSAVE: XCR0", "pku: XSAVE: the area ends with it"
    print_skip "pku: XSAVE: the header", "pku: XSAVE: PKRU", "pku: XRSTOR: PKRU", "pku: XRSTOR: it denies at once"
    print_skip "pku: XRSTOR: of an area without it", "pku: XRSTOR: it denies nothing", "pku: XSAVEC: the format"
    print_skip "pku: XSAVEC: the header", "pku: XSAVEC: behind the header", "pku: XRSTOR: the compacted format"
    print_skip "pku: XGETBV: 0 is its initial configuration", "pku: XGETBV: else it is in use"
.done:
    finish

bits 32
absent:
    print_skip "pku: CPUID: OSPKE is not set", "pku: RDPKRU without CR4.PKE", "pku: WRPKRU without CR4.PKE", "pku: CR4.PKE"
    print_skip "pku: CPUID: OSPKE", "pku: RDPKRU with ECX", "pku: WRPKRU with ECX", "pku: WRPKRU with EDX"
    print_skip "pku: RDPKRU reads what was written", "pku: RDPKRU: RDX", "pku: both at CPL 3", "pku: they do the same there"
    print_skip "pku: access: a read", "pku: access: a write", "pku: access: user reads", "pku: access: user writes"
    print_skip "pku: access: user reads and writes", "pku: access: a write without CR0.WP", "pku: access: neither A nor D"
    print_skip "pku: access: a fetch", "pku: access: user fetches", "pku: access: user reads across the page's end"
    print_skip "pku: access: a page with another key", "pku: write: user reads", "pku: write: user writes"
    print_skip "pku: write: a write", "pku: write: a write without CR0.WP", "pku: write: user writes without CR0.WP"
    print_skip "pku: change: a write", "pku: change: then none", "pku: change: then no read", "pku: change: of another key"
    print_skip "pku: change: at CPL 3, by the next instruction", "pku: change: a global page", "pku: other: a read-only page"
    print_skip "pku: other: a read-only page, by another key", "pku: other: a supervisor page has no key"
    print_skip "pku: other: user reads a supervisor page", "pku: other: a missing page"
    print_skip "pku: other: a key of a table is none", "pku: key 15", "pku: a 2 MiB page", "pku: a 2 MiB page without denial"
    print_skip "pku: a 2 MiB page with a reserved bit", "pku: a descriptor table", "pku: CR4.PKE: set"
    print_skip "pku: CR4.PKE: cleared", "pku: CR4.PKE: set again", "pku: CR4.PKE: PKRU has stayed", "pku: XSAVE: its bytes"
    print_skip "pku: XSAVE: of user mode", "pku: XSAVE: XCR0", "pku: XSAVE: the area ends with it", "pku: XSAVE: the header"
    print_skip "pku: XSAVE: PKRU", "pku: XRSTOR: PKRU", "pku: XRSTOR: it denies at once", "pku: XRSTOR: of an area without it"
    print_skip "pku: XRSTOR: it denies nothing", "pku: XSAVEC: the format", "pku: XSAVEC: the header"
    print_skip "pku: XSAVEC: behind the header", "pku: XRSTOR: the compacted format"
    print_skip "pku: XGETBV: 0 is its initial configuration", "pku: XGETBV: else it is in use"
    finish

%include "image-end.inc"
