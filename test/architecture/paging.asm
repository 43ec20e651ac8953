; Paging: 2-level, PAE and 4-level; access rights, A and D, error codes, CR2, reserved bits, NX, SMEP, SMAP, INVLPG.
; SDM vol. 3A, "Paging".

%define BARE
%include "architecture.inc"

WINDOW equ 0x40000000                           ; nothing of the machine is here; mapped as each check wants it
WINDOW_DIRECTORY equ WINDOW >> 22
LARGE  equ 0x40800000                           ; large pages are tried here
BEYOND equ WINDOW + 0x1000

P   equ PAGE_PRESENT
PW  equ PAGE_PRESENT | PAGE_WRITABLE
PU  equ PAGE_PRESENT | PAGE_USER
PWU equ PAGE_PRESENT | PAGE_WRITABLE | PAGE_USER
AD  equ PAGE_ACCESSED | PAGE_DIRTY

section .bss
alignb 4096
directory:  resd 1024                           ; 2-level
table:      resd 1024                           ; of the window, 2-level
pae_pdpt:   resq 4
alignb 4096
pae_directories: resq 4 * 512
wide_table: resq 512                            ; of the window, PAE and 4-level
frame_a:    resb 4096
frame_b:    resb 4096
frame_c:    resb 4096
section .text
bits 32

; map INDEX, FRAME | RIGHTS: a page of the window in the 2-level table.
%macro map 2
    mov dword [table + 4 * (%1)], %2
    invlpg [WINDOW + 4096 * (%1)]
%endmacro

; wide_map INDEX, LOW, HIGH: in the table of 64-bit entries.
%macro wide_map 2-3 0
    mov dword [wide_table + 8 * (%1)], %2
    mov dword [wide_table + 8 * (%1) + 4], %3
    invlpg [WINDOW + 4096 * (%1)]
%endmacro

%macro set_wp 0
    mov eax, cr0
    or eax, CR0_WP
    mov cr0, eax
%endmacro
%macro clear_wp 0
    mov eax, cr0
    and eax, ~CR0_WP
    mov cr0, eax
%endmacro
%macro reload_cr3 0
  %if __BITS__ == 64
    mov rax, cr3
    mov cr3, rax
  %else
    mov eax, cr3
    mov cr3, eax
  %endif
%endmacro

main:
    mov dword [frame_a], 0xAAAAAAAA
    mov dword [frame_a + 0xFFC], 0xA1A2A3A4
    mov dword [frame_b], 0xB1B2B3B4
    mov dword [frame_b + 0xFFC], 0xBBBBBBBB
    mov byte [frame_c], 0xC3                    ; RET

    group "2-level", without_2_level
    ; 2-level: everything mapped to itself with 4 MiB pages, for everyone.
    mov eax, PWU | PAGE_LARGE
    xor ecx, ecx
large:
    mov [directory + 4 * ecx], eax
    add eax, 1 << 22
    inc ecx
    cmp ecx, 1024
    jne large
    mov dword [directory + 4 * WINDOW_DIRECTORY], table + PWU
    mov eax, cr4
    or eax, CR4_PSE
    mov cr4, eax
    mov eax, directory
    mov cr3, eax
    mov eax, cr0
    or eax, CR0_PG
    mov cr0, eax
    jmp paged
paged:
    map 0, frame_a + PWU
    map 1, frame_b + PWU
    check "2-level: 4 KiB page", dword [WINDOW], 0xAAAAAAAA
    mov eax, [table]
    and eax, AD
    check "2-level: a read sets A of the page", eax, PAGE_ACCESSED
    mov eax, [directory + 4 * WINDOW_DIRECTORY]
    and eax, AD
    check "2-level: a read sets A of the table", eax, PAGE_ACCESSED
    mov dword [WINDOW + 8], 0x12345678
    check "2-level: a write arrives", dword [frame_a + 8], 0x12345678
    mov eax, [table]
    and eax, AD
    check "2-level: a write sets D of the page", eax, AD
    mov eax, [directory + 4 * WINDOW_DIRECTORY]
    and eax, AD
    check "2-level: a write leaves D of the table", eax, PAGE_ACCESSED
    mov dword [directory + 4 * (LARGE >> 22)], PWU | PAGE_LARGE
    invlpg [LARGE]
    check "2-level: 4 MiB page", dword [LARGE + frame_a], 0xAAAAAAAA
    mov eax, [directory + 4 * (LARGE >> 22)]
    and eax, AD
    check "2-level: a read sets A of the 4 MiB page", eax, PAGE_ACCESSED
    mov dword [LARGE + frame_a + 12], 0x87654321
    mov eax, [directory + 4 * (LARGE >> 22)]
    and eax, AD
    check "2-level: a write sets D of the 4 MiB page", eax, AD
    map 0, frame_a + PWU
    attempt_user {mov eax, [WINDOW]}
    user_passed "2-level: user reads a user page"
    mov eax, [table]
    and eax, AD
    check "2-level: which sets A", eax, PAGE_ACCESSED

    ; Pages of the second frame follow those of the first: they are not neighbours in memory the other way round.
    map 0, frame_b + PWU
    map 1, frame_a + PWU
    mov dword [frame_a], 0xAAAAAAAA
    check "2-level: a read across pages", dword [WINDOW + 0xFFE], 0xAAAABBBB
    mov dword [WINDOW + 0xFFD], 0x11223344
    check "2-level: a write across pages, first part", dword [frame_b + 0xFFC], 0x223344BB
    check "2-level: a write across pages, second part", dword [frame_a], 0xAAAAAA11
    mov dword [frame_b + 0xFFC], 0xBBBBBBBB
    mov dword [frame_a], 0xAAAAAAAA
    lock add dword [WINDOW + 0xFFE], 0x00010001
    check "2-level: a locked addition across pages", dword [WINDOW + 0xFFE], 0xAAABBBBC
    mov dword [frame_b + 0xFFC], 0xBBBBBBBB
    mov dword [frame_a], 0xAAAAAAAA
    map 1, 0
    attempt {mov eax, [WINDOW + 0xFFE]}
    page_faulted "2-level: a read into a missing page", 0, BEYOND
    attempt {mov dword [WINDOW + 0xFFE], 0}
    page_faulted "2-level: a write into a missing page", 2, BEYOND
    check "2-level: which wrote nothing", dword [frame_b + 0xFFC], 0xBBBBBBBB
    attempt {lock inc dword [WINDOW + 0xFFF]}
    page_faulted "2-level: a locked increment into a missing page", 2, BEYOND
    map 1, frame_a + P
    set_wp
    attempt {mov dword [WINDOW + 0xFFE], 0}
    page_faulted "2-level: a write into a read-only page", 3, BEYOND
    check "2-level: which wrote nothing either", dword [frame_b + 0xFFC], 0xBBBBBBBB
    map 0, 0
    attempt {mov eax, [WINDOW + 0xFFE]}
    page_faulted "2-level: a read from a missing page on", 0, WINDOW + 0xFFE

    ; Rights.
    map 0, frame_a + PU
    attempt {mov dword [WINDOW], 1}
    page_faulted "2-level: CR0.WP: a write to a read-only page", 3, WINDOW
    clear_wp
    attempt {mov dword [WINDOW], 0xAAAAAAAA}
    passed "2-level: no CR0.WP: a write to a read-only page"
    attempt_user {mov dword [WINDOW], 1}
    page_faulted "2-level: user writes a read-only page", 7, WINDOW
    set_wp
    attempt_user {mov eax, [WINDOW]}
    user_passed "2-level: user reads a read-only page"
    map 0, frame_a + PW
    attempt_user {mov eax, [WINDOW + 4]}
    page_faulted "2-level: user reads a supervisor page", 5, WINDOW + 4
    attempt_user {mov [WINDOW + 4], eax}
    page_faulted "2-level: user writes a supervisor page", 7, WINDOW + 4
    attempt {mov eax, [WINDOW]}
    passed "2-level: supervisor reads a supervisor page"
    map 0, 0
    attempt_user {mov eax, [WINDOW]}
    page_faulted "2-level: user reads a missing page", 4, WINDOW
    attempt_user {mov [WINDOW], eax}
    page_faulted "2-level: user writes a missing page", 6, WINDOW
    attempt {add dword [WINDOW], 1}
    page_faulted "2-level: a read-modify-write of a missing page", 2, WINDOW
    attempt {cmp dword [WINDOW], 1}
    page_faulted "2-level: a comparison with a missing page", 0, WINDOW
    attempt {push dword [WINDOW]}
    page_faulted "2-level: PUSH from a missing page", 0, WINDOW
    check "2-level: which leaves ESP", dword [resume_sp], esp
    mov ecx, 0x40
    mov esi, frame_a
    mov edi, WINDOW - 0x20
    mov dword [directory + 4 * (WINDOW_DIRECTORY - 1)], table + PWU
    map 0, 0
    mov dword [table + 4 * 1023], frame_c + PWU
    invlpg [WINDOW - 0x20]
    attempt {rep movsb}
    page_faulted "2-level: REP MOVSB into a missing page", 2, WINDOW
    check "2-level: its count", ecx, 0x20
    check "2-level: its destination", edi, WINDOW
    check "2-level: its source", esi, frame_a + 0x20
    mov dword [directory + 4 * (WINDOW_DIRECTORY - 1)], (WINDOW - (1 << 22)) + (PWU | PAGE_LARGE)
    reload_cr3

    ; Rights are those of all levels together.
    map 0, frame_a + PWU
    mov dword [directory + 4 * WINDOW_DIRECTORY], table + PU
    reload_cr3
    attempt {mov [WINDOW], eax}
    page_faulted "2-level: a read-only table", 3, WINDOW
    mov dword [directory + 4 * WINDOW_DIRECTORY], table + PW
    reload_cr3
    attempt_user {mov eax, [WINDOW]}
    page_faulted "2-level: a supervisor's table", 5, WINDOW
    mov dword [directory + 4 * WINDOW_DIRECTORY], 0
    reload_cr3
    attempt {mov eax, [WINDOW]}
    page_faulted "2-level: a missing table", 0, WINDOW
    mov dword [directory + 4 * WINDOW_DIRECTORY], table + PWU
    reload_cr3

    ; Fetches.
    map 0, frame_c + PWU
    attempt {call WINDOW}
    passed "2-level: a call into the window"
    map 0, 0
    attempt {call WINDOW}
    page_faulted "2-level: a call of a missing page", 0, WINDOW, WINDOW
    map 0, frame_c + PW
    attempt_user {call WINDOW}
    page_faulted "2-level: user calls a supervisor page", 5, WINDOW, WINDOW
    mov byte [frame_a + 0xFFF], 0xB8            ; MOV EAX, imm32: the immediate is in the next page
    map 0, frame_a + PWU
    map 1, 0
    attempt {jmp WINDOW + 0xFFF}
    page_faulted "2-level: an instruction into a missing page", 0, BEYOND, WINDOW + 0xFFF
    mov dword [frame_b], 0x55667788
    mov byte [frame_b + 4], 0xC3
    map 1, frame_b + PWU
    attempt {call WINDOW + 0xFFF}
    check "2-level: an instruction across pages", eax, 0x55667788

    ; Changed entries: INVLPG, CR3, global pages.
    map 0, frame_a + PWU
    mov eax, [WINDOW]
    mov dword [table], frame_b + PWU
    invlpg [WINDOW + 0x123]
    check "2-level: INVLPG", dword [WINDOW], 0x55667788
    mov dword [table], frame_a + PWU
    reload_cr3
    check "2-level: MOV CR3", dword [WINDOW], 0xAAAAAAAA
    mov eax, cr4
    or eax, CR4_PGE
    mov cr4, eax
    map 0, frame_a + (PWU | PAGE_GLOBAL)
    mov eax, [WINDOW]
    mov dword [table], frame_b + (PWU | PAGE_GLOBAL)
    invlpg [WINDOW]
    check "2-level: INVLPG of a global page", dword [WINDOW], 0x55667788
    mov dword [table], frame_a + PWU
    mov eax, cr4
    and eax, ~CR4_PGE
    mov cr4, eax
    check "2-level: CR4.PGE cleared", dword [WINDOW], 0xAAAAAAAA
    mov eax, [WINDOW]
    mov dword [table], frame_b + PWU
    mov eax, cr0
    and eax, ~CR0_PG
    mov cr0, eax
    or eax, CR0_PG
    mov cr0, eax
    check "2-level: paging off and on", dword [WINDOW], 0x55667788

    mov dword [directory + 4 * (LARGE >> 22)], PWU | PAGE_LARGE | 1 << 21
    invlpg [LARGE]
    attempt {mov eax, [LARGE]}
    page_faulted "2-level: a reserved bit of a 4 MiB page", 9, LARGE
    attempt_user {mov [LARGE], eax}
    page_faulted "2-level: a reserved bit, user writes", 15, LARGE

    mov eax, cr0
    and eax, ~CR0_PG
    mov cr0, eax
without_2_level:
    group "PAE", without_pae
    ; PAE: everything mapped to itself with 2 MiB pages, for everyone.
    mov eax, PWU | PAGE_LARGE
    xor ecx, ecx
.large_pae:
    mov [pae_directories + 8 * ecx], eax
    add eax, 1 << 21
    inc ecx
    cmp ecx, 4 * 512
    jne .large_pae
    mov dword [pae_pdpt], pae_directories + P
    mov dword [pae_pdpt + 8], pae_directories + 4096 + P
    mov dword [pae_pdpt + 16], pae_directories + 8192 + P
    mov dword [pae_pdpt + 24], pae_directories + 12288 + P
    mov dword [pae_directories + 8 * (WINDOW >> 21)], wide_table + PWU
    mov eax, cr4
    or eax, CR4_PAE
    mov cr4, eax
    mov ecx, IA32_EFER
    rdmsr
    or eax, EFER_NXE
    wrmsr
    mov eax, pae_pdpt
    mov cr3, eax
    mov eax, cr0
    or eax, CR0_PG
    mov cr0, eax
    jmp .pae
.pae:
    mov dword [frame_a], 0xAAAAAAAA
    mov dword [frame_b + 0xFFC], 0xBBBBBBBB
    wide_map 0, frame_b + PWU
    wide_map 1, frame_a + PWU
    check "PAE: a read across pages", dword [WINDOW + 0xFFE], 0xAAAABBBB
    mov eax, [wide_table]
    and eax, AD
    check "PAE: a read sets A", eax, PAGE_ACCESSED
    mov [WINDOW], eax
    mov eax, [wide_table]
    and eax, AD
    check "PAE: a write sets D", eax, AD
    mov dword [pae_directories + 8 * (LARGE >> 21)], PWU | PAGE_LARGE
    invlpg [LARGE]
    check "PAE: 2 MiB page", dword [LARGE + frame_a], 0xAAAAAAAA
    mov [LARGE + frame_b], eax
    mov eax, [pae_directories + 8 * (LARGE >> 21)]
    and eax, AD
    check "PAE: A and D of a 2 MiB page", eax, AD
    wide_map 0, frame_a + PU
    attempt {mov [WINDOW], eax}
    page_faulted "PAE: a write to a read-only page", 3, WINDOW
    attempt_user {mov [WINDOW], eax}
    page_faulted "PAE: user writes a read-only page", 7, WINDOW
    wide_map 0, frame_c + PWU, 1 << 31
    attempt {call WINDOW}
    page_faulted "PAE: a fetch from an NX page", 0x11, WINDOW, WINDOW
    attempt_user {call WINDOW}
    page_faulted "PAE: user fetches from an NX page", 0x15, WINDOW, WINDOW
    attempt {mov eax, [WINDOW]}
    passed "PAE: a read from an NX page"
    wide_map 0, 0
    attempt {call WINDOW}
    page_faulted "PAE: a fetch from a missing page, NX on", 0x10, WINDOW, WINDOW
    wide_map 0, frame_c + PWU, 1 << 30
    attempt {mov eax, [WINDOW]}
    page_faulted "PAE: a reserved bit of a page", 9, WINDOW
    mov dword [pae_directories + 8 * (LARGE >> 21)], PWU | PAGE_LARGE | 1 << 13
    invlpg [LARGE]
    attempt {mov eax, [LARGE]}
    page_faulted "PAE: a reserved bit of a 2 MiB page", 9, LARGE
    mov ecx, IA32_EFER
    rdmsr
    and eax, ~EFER_NXE
    wrmsr
    wide_map 0, frame_c + PWU, 1 << 31
    attempt {mov eax, [WINDOW]}
    page_faulted "PAE: NX is reserved while EFER.NXE is 0", 9, WINDOW
    wide_map 0, 0
    attempt {call WINDOW}
    page_faulted "PAE: a fetch from a missing page, NX off", 0, WINDOW, WINDOW
    mov dword [pae_pdpt + 24], pae_directories + 12288 + PW
    mov ebx, pae_pdpt
    attempt {mov cr3, ebx}
    faulted "PAE: a reserved bit of a PDPTE", GP, 0
    mov dword [pae_pdpt + 24], pae_directories + 12288 + P
    mov eax, cr0
    and eax, ~CR0_PG
    mov cr0, eax
without_pae:
    ; 4-level.
    call build_identity64
    mov dword [identity_directories + 8 * (WINDOW >> 21)], wide_table + PWU
    mov ecx, IA32_EFER
    rdmsr
    or eax, EFER_NXE
    wrmsr
    to_long_mode identity_pml4
    mov rax, cr0
    or eax, CR0_WP
    mov cr0, rax
    mov dword [frame_a], 0xAAAAAAAA
    mov dword [frame_b + 0xFFC], 0xBBBBBBBB
    wide_map 0, frame_b + PWU
    wide_map 1, frame_a + PWU
    mov eax, [WINDOW + 0xFFE]
    mov ebx, 0xAAAABBBB
    check "4-level: a read across pages", rax, rbx
    mov rax, [wide_table]
    and eax, AD
    check "4-level: a read sets A", rax, PAGE_ACCESSED
    mov dword [WINDOW], eax
    mov rax, [wide_table]
    and eax, AD
    check "4-level: a write sets D", rax, AD
    mov rax, [identity_pml4]
    and eax, PAGE_ACCESSED
    check "4-level: A of the PML4E", rax, PAGE_ACCESSED
    mov rax, [identity_pdpt + 8]
    and eax, PAGE_ACCESSED
    check "4-level: A of the PDPTE", rax, PAGE_ACCESSED
    mov dword [identity_directories + 8 * (LARGE >> 21)], PWU | PAGE_LARGE
    invlpg [LARGE]
    mov eax, [LARGE + frame_a]
    mov ebx, 0xAAAAAAAA
    check "4-level: 2 MiB page", rax, rbx
    wide_map 0, frame_a + PU
    attempt {mov [WINDOW], eax}
    page_faulted "4-level: a write to a read-only page", 3, WINDOW
    attempt_user {mov [WINDOW], eax}
    page_faulted "4-level: user writes a read-only page", 7, WINDOW
    attempt_user {mov eax, [WINDOW]}
    user_passed "4-level: user reads a read-only page"
    wide_map 0, frame_a + PW
    attempt_user {mov eax, [WINDOW]}
    page_faulted "4-level: user reads a supervisor page", 5, WINDOW
    wide_map 0, 0
    attempt_user {mov eax, [WINDOW]}
    page_faulted "4-level: user reads a missing page", 4, WINDOW
    attempt_user {mov [WINDOW], eax}
    page_faulted "4-level: user writes a missing page", 6, WINDOW
    wide_map 0, frame_a + PWU
    wide_map 1, 0
    attempt {mov rax, [WINDOW + 0xFF9]}
    page_faulted "4-level: a read into a missing page", 0, BEYOND
    wide_map 0, frame_c + PWU, 1 << 31
    attempt {call WINDOW}
    page_faulted "4-level: a fetch from an NX page", 0x11, WINDOW, WINDOW
    attempt_user {call WINDOW}
    page_faulted "4-level: user fetches from an NX page", 0x15, WINDOW, WINDOW
    wide_map 0, frame_c + PWU
    mov dword [identity_directories + 8 * (WINDOW >> 21) + 4], 1 << 31
    reload_cr3
    attempt {call WINDOW}
    page_faulted "4-level: a fetch through an NX directory entry", 0x11, WINDOW, WINDOW
    mov dword [identity_directories + 8 * (WINDOW >> 21) + 4], 0
    reload_cr3
    attempt {call WINDOW}
    passed "4-level: a call into the window"
    mov dword [identity_directories + 8 * (LARGE >> 21)], PWU | PAGE_LARGE | 1 << 13
    invlpg [LARGE]
    attempt {mov eax, [LARGE]}
    page_faulted "4-level: a reserved bit of a 2 MiB page", 9, LARGE
    mov dword [identity_pml4 + 8], identity_pdpt + (PWU | PAGE_LARGE)
    mov rbx, 1 << 39
    attempt {mov eax, [rbx]}
    page_faulted "4-level: a reserved bit of a PML4E", 9, rbx
    mov dword [identity_pml4 + 8], 0
    invlpg [rbx]
    attempt {mov eax, [rbx]}
    page_faulted "4-level: a missing PML4E", 0, rbx
    mov eax, 0x80000001
    cpuid
    mov ebx, 1 << 30
    mov ecx, 0x40000000
    lea r8, [rcx * 4]                           ; the PDPTE after the identity map
    test edx, 1 << 26
    jz .no_1g
    mov dword [identity_pdpt + 8 * 4], PWU | PAGE_LARGE
    mov eax, [r8 + frame_a]
    mov ebx, 0xAAAAAAAA
    check "4-level: 1 GiB page", rax, rbx
    mov [r8 + frame_a], eax
    mov rax, [identity_pdpt + 8 * 4]
    and eax, AD
    check "4-level: A and D of a 1 GiB page", rax, AD
    mov dword [identity_pdpt + 8 * 4], PWU | PAGE_LARGE | 1 << 13
    invlpg [r8]
    attempt {mov eax, [r8]}
    page_faulted "4-level: a reserved bit of a 1 GiB page", 9, r8
    jmp .canonical
.no_1g:
    print_skip "4-level: 1 GiB page", "4-level: A and D of a 1 GiB page", "4-level: a reserved bit of a 1 GiB page"
.canonical:
    mov rbx, 0x0000800000000000
    attempt {mov eax, [rbx]}
    faulted "4-level: a non-canonical address", GP, 0
    attempt {mov eax, [rbx - 1]}
    faulted "4-level: a non-canonical last byte", GP, 0
    mov rbp, rbx
    attempt {mov eax, [rbp]}
    faulted "4-level: a non-canonical address by RBP", SS_, 0
    attempt {jmp rbx}
    faulted "4-level: a jump to a non-canonical address", GP, 0
    mov rbx, -0x1000
    mov rax, [identity_pml4]
    mov [identity_pml4 + 8 * 511], rax
    attempt {mov eax, [rbx]}
    page_faulted "4-level: a missing page of the upper half", 0, rbx
    mov rbx, -1 << 39
    mov eax, [rbx + frame_a]
    mov ecx, 0xAAAAAAAA
    check "4-level: a page of the upper half", rax, rcx

    ; Stale translations.
    wide_map 0, frame_a + PWU
    mov eax, [WINDOW]
    mov dword [wide_table], frame_b + PWU
    invlpg [WINDOW + 0xFFF]
    check "4-level: INVLPG", qword [WINDOW], qword [frame_b]
    mov dword [wide_table], frame_a + PWU
    reload_cr3
    check "4-level: MOV CR3", qword [WINDOW], qword [frame_a]
    wide_map 0, frame_a + (PWU | PAGE_GLOBAL)
    mov eax, [WINDOW]
    mov dword [wide_table], frame_b + (PWU | PAGE_GLOBAL)
    reload_cr3
    check "4-level: MOV CR3 with CR4.PGE clear", qword [WINDOW], qword [frame_b]
    mov rax, cr4
    or rax, CR4_PGE
    mov cr4, rax
    wide_map 0, frame_a + (PWU | PAGE_GLOBAL)
    mov eax, [WINDOW]
    mov dword [wide_table], frame_b + (PWU | PAGE_GLOBAL)
    mov rax, cr4
    and rax, ~CR4_PGE
    mov cr4, rax
    check "4-level: CR4.PGE cleared", qword [WINDOW], qword [frame_b]

    ; SMEP and SMAP, with the identity map the supervisor's.
    group "smap", .done
    mov eax, 7
    xor ecx, ecx
    cpuid
    and ebx, 1 << 7 | 1 << 20
    cmp ebx, 1 << 7 | 1 << 20
    jne .no_smap
    mov dword [wide_table], frame_c + PWU
    and dword [identity_pdpt], ~PAGE_USER       ; this code, but not the window
    mov rax, cr4
    or rax, CR4_SMEP | CR4_SMAP
    mov cr4, rax
    attempt {call WINDOW}
    page_faulted "smap: SMEP", 0x11, WINDOW, WINDOW
    attempt {mov eax, [WINDOW]}
    page_faulted "smap: SMAP: a read", 1, WINDOW
    attempt {mov [WINDOW + 8], eax}
    page_faulted "smap: SMAP: a write", 3, WINDOW + 8
    stac
    mov eax, [WINDOW]
    mov [WINDOW + 8], eax
    clac
    attempt {mov eax, [WINDOW]}
    page_faulted "smap: SMAP after STAC and CLAC", 1, WINDOW
    stac
    attempt {call WINDOW}
    page_faulted "smap: STAC leaves SMEP", 0x11, WINDOW, WINDOW
    mov rax, cr4
    and rax, ~CR4_SMAP
    mov cr4, rax
    attempt {mov eax, [WINDOW]}
    passed "smap: CR4.SMAP cleared"
    mov rax, cr4
    and rax, ~CR4_SMEP
    mov cr4, rax
    attempt {call WINDOW}
    passed "smap: CR4.SMEP cleared"
    or dword [identity_pdpt], PAGE_USER
    reload_cr3
    jmp .done
.no_smap:
    print_skip "smap: SMEP", "smap: SMAP: a read", "smap: SMAP: a write", \
        "smap: SMAP after STAC and CLAC", "smap: STAC leaves SMEP", "smap: CR4.SMAP cleared", \
        "smap: CR4.SMEP cleared"
.done:
    finish

%include "image-end.inc"
