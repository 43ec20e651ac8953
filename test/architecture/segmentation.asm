; Segmentation: limits, expand-down, rights, conforming code, LAR, LSL, VERR, VERW, ARPL, far transfers between levels,
; the LDT; compatibility and 64-bit mode. SDM vol. 3A, "Protected-Mode Memory Management" and "Protection".

%define BARE
%include "architecture.inc"

SMALL       equ SPARE                           ; data at `window`, limit 0xFFF
DOWN32      equ SPARE + 8                       ; expand-down, limit 0xFFF, B = 1
DOWN16      equ SPARE + 16                      ; expand-down, limit 0xFFF, B = 0
PAGES       equ SPARE + 24                      ; base 0, limit 2 MiB by pages
CONFORMING  equ SPARE + 32                      ; code, DPL 0
EXECUTE     equ SPARE + 40                      ; execute-only code, DPL 0
INNER       equ SPARE + 48                      ; data, DPL 0
LDT_        equ SPARE + 56
USER_SMALL  equ (SPARE + 64) | 3                ; code, DPL 3, limit 0
MIDDLE      equ SPARE + 72                      ; data, DPL 2
OUTSIDE     equ SPARE + 8 * GDT_SPARES
IN_LDT      equ 8 | 4

section .bss
alignb 4096
    resb 4096
window: resb 65536 * 2
ldt: resq 4
section .data
inner_selector: dw INNER
section .text
bits 32

; describe SELECTOR, BASE, LIMIT, HIGH: base by code, since it is an address of the image.
%macro describe 4
    mov eax, %2
    mov edx, eax
    shl eax, 16
    or eax, %3
    mov [architecture_gdt + (%1 & ~7)], eax
    mov eax, edx
    shr eax, 16
    and eax, 0xFF
    and edx, 0xFF000000
    or eax, edx
    or eax, %4
    mov [architecture_gdt + (%1 & ~7) + 4], eax
%endmacro

main:
    describe SMALL, window, 0x0FFF, 0x00409200
    describe DOWN32, window - 0x1000, 0x0FFF, 0x00409600
    describe DOWN16, window - 0x1000, 0x0FFF, 0x00009600
    describe PAGES, 0, 0x01FF, 0x00C09200
    describe CONFORMING, 0, 0xFFFF, 0x00CF9E00
    describe EXECUTE, 0, 0xFFFF, 0x00CF9800
    describe INNER, 0, 0xFFFF, 0x00CF9200
    describe LDT_, ldt, 31, 0x00008200
    describe USER_SMALL, 0, 0, 0x0040FA00
    describe MIDDLE, 0, 0xFFFF, 0x00CFD200
    mov dword [window], 0x01020304
    mov dword [window + 0xFFC], 0x05060708
    mov dword [window + 0x1000], 0x090A0B0C
    group "32-bit", without_32

    mov ax, SMALL
    mov fs, ax
    mov eax, [architecture_gdt + SMALL + 4]
    and eax, 0x0000FF00
    check "32-bit: a load sets the descriptor's accessed bit", eax, 0x9300
    check "32-bit: base", dword [fs:0], 0x01020304
    check "32-bit: limit: the last dword", dword [fs:0xFFC], 0x05060708
    attempt {mov eax, [fs:0xFFD]}
    faulted "32-bit: limit: one byte past", GP, 0
    attempt {mov al, [fs:0x1000]}
    faulted "32-bit: limit: past", GP, 0
    attempt {mov [fs:0xFFFFFFFF], al}
    faulted "32-bit: limit: the last address", GP, 0
    attempt {mov al, [fs:0xFFF]}
    passed "32-bit: limit: the last byte"
    mov ax, DOWN32
    mov fs, ax
    attempt {mov eax, [fs:0xFFC]}
    faulted "32-bit: expand-down: below", GP, 0
    attempt {mov al, [fs:0xFFF]}
    faulted "32-bit: expand-down: the limit itself", GP, 0
    check "32-bit: expand-down: above the limit", dword [fs:0x1000], 0x01020304
    check "32-bit: expand-down: past 64 KiB", dword [fs:0x11000], 0
    mov ax, DOWN16
    mov fs, ax
    check "32-bit: expand-down, B = 0: above the limit", dword [fs:0x1000], 0x01020304
    attempt {mov eax, [fs:0xFFFD]}
    faulted "32-bit: expand-down, B = 0: past 64 KiB", GP, 0
    mov ax, PAGES
    mov fs, ax
    attempt {mov eax, [fs:0x1FFFFC]}
    passed "32-bit: a limit in pages: the last dword"
    attempt {mov eax, [fs:0x1FFFFD]}
    faulted "32-bit: a limit in pages: past", GP, 0
    mov ax, PAGES
    mov ss, ax
    attempt {mov eax, [ss:0x200000]}
    faulted "32-bit: limit of the stack segment", SS_, 0
    mov ax, PAGES
    mov ss, ax
    mov ebp, 0x200000
    attempt {mov eax, [ebp]}
    faulted "32-bit: limit of the stack segment by EBP", SS_, 0
    mov ax, PAGES
    mov ss, ax
    attempt {mov eax, [ds:ebp]}
    passed "32-bit: another segment by EBP"
    mov ax, DATA
    mov ss, ax
    mov ax, EXECUTE
    attempt {mov fs, ax}
    faulted "32-bit: execute-only as data", GP, EXECUTE
    mov ax, CONFORMING | 3
    attempt {mov fs, ax}
    passed "32-bit: conforming code as data, RPL 3"
    mov ax, INNER | 3
    attempt {mov fs, ax}
    faulted "32-bit: DPL 0 with RPL 3", GP, INNER
    mov ax, TSS32
    attempt {mov fs, ax}
    faulted "32-bit: a TSS as data", GP, TSS32
    mov ax, USER_DATA & ~3
    attempt {mov ss, ax}
    faulted "32-bit: a stack of DPL 3 at CPL 0", GP, USER_DATA & ~3
    mov ax, DATA | 1
    attempt {mov ss, ax}
    faulted "32-bit: a stack with RPL 1 at CPL 0", GP, DATA
    mov ax, 3
    attempt {mov fs, ax}
    passed "32-bit: a null selector with RPL 3"
    attempt {mov eax, [fs:0]}
    faulted "32-bit: its use", GP, 0

    ; The LDT.
    mov ax, LDT_
    lldt ax
    mov eax, [architecture_gdt + SMALL]
    mov [ldt + 8], eax
    mov eax, [architecture_gdt + SMALL + 4]
    mov [ldt + 12], eax
    mov ax, IN_LDT
    attempt {mov fs, ax}
    passed "32-bit: a segment of the LDT"
    check "32-bit: its base", dword [fs:0], 0x01020304
    sldt ax
    movzx eax, ax
    check "32-bit: SLDT", eax, LDT_
    mov ax, 32 | 4
    attempt {mov fs, ax}
    faulted "32-bit: past the LDT's limit", GP, 32 | 4
    mov ax, SMALL
    attempt {lldt ax}
    faulted "32-bit: LLDT of a data segment", GP, SMALL
    xor eax, eax
    lldt ax
    mov fs, ax

    ; Far transfers at one level.
    mov edx, esp
    call CODE32:far_routine
    check "32-bit: far call and return", eax, CODE32
    check "32-bit: the stack pointer", edx, esp
    call CONFORMING:conforming_routine
    check "32-bit: far call of conforming code", eax, CONFORMING
    attempt {jmp DATA:0}
    faulted "32-bit: far jump to data", GP, DATA
    attempt {jmp 0:0}
    faulted "32-bit: far jump to the null selector", GP, 0
    attempt {jmp USER_CODE32:0}
    faulted "32-bit: far jump outwards", GP, USER_CODE32 & ~3
    attempt {call OUTSIDE:0}
    faulted "32-bit: far call past the GDT", GP, OUTSIDE

    ; To CPL 3 and what is allowed there.
without_32:
    group "user-32", without_user_32
    attempt_user_begins
    call CONFORMING:user_conforming
    attempt_user_ends
    user_passed "user-32: calls conforming code"
    check "user-32: keeps its level", ecx, CONFORMING | 3
    attempt_user {jmp CODE32:0}
    faulted "user-32: far jump inwards", GP, CODE32
    attempt_user_begins
    mov eax, MIDDLE | 3
..@middle: mov fs, ax
    attempt_user_ends
    faulted "user-32: a segment of DPL 2", GP, MIDDLE, ..@middle
    attempt_user_begins
    push CODE32
    push far_routine
..@inwards: retf
    attempt_user_ends
    faulted "user-32: RETF inwards", GP, CODE32, ..@inwards
    attempt_user {jmp USER_SMALL:0x10}
    faulted "user-32: far jump past the limit", GP, 0
    attempt_user_begins
    verr [inner_selector]
    setz cl
    movzx ecx, cl
    attempt_user_ends
    check "user-32: VERR of DPL 0", ecx, 0
    attempt_user_begins
    push FLAG_IF | 0x3002
    popf
    pushf
    pop ecx
    and ecx, FLAG_IF | 0x3000
    attempt_user_ends
    check "user-32: POPF changes neither IF nor IOPL", ecx, 0
without_user_32:
    group "outward", without_outward
    push USER_DATA
    push user_stack_top
    push USER_CODE32
    push .by_return
    attempt_begins
    mov ax, INNER
    mov gs, ax
    retf
.by_return:
    mov cx, cs
    mov dx, gs
..@return_end:
    ud2
    attempt_ends
    faulted "outward: RETF to CPL 3", UD, 0, ..@return_end
    add esp, 16
    movzx ecx, cx
    check "outward: RETF to CPL 3: CS", ecx, USER_CODE32
    check "outward: RETF to CPL 3: ESP", dword [fault.sp], user_stack_top
    movzx edx, dx
    check "outward: RETF to CPL 3: a segment of DPL 0 becomes null", edx, 0
without_outward:
    group "descriptors", without_descriptors
    ; Looking at descriptors.
    xor eax, eax
    mov ecx, USER_CODE32
    lar eax, ecx
    and eax, 0x00F0FF00                         ; the rest is undefined
    check "descriptors: LAR", eax, 0x00C0FB00
    mov ecx, SMALL
    lsl eax, ecx
    check "descriptors: LSL by bytes", eax, 0xFFF
    mov ecx, PAGES
    lsl eax, ecx
    check "descriptors: LSL by pages", eax, 0x1FFFFF
    mov eax, 0x1234
    mov ecx, OUTSIDE
    lar eax, ecx
    setz bl
    movzx ebx, bl
    check "descriptors: LAR past the GDT: ZF", ebx, 0
    check "descriptors: LAR past the GDT: the register", eax, 0x1234
    xor ecx, ecx
    lsl eax, ecx
    setz bl
    movzx ebx, bl
    check "descriptors: LSL of the null selector", ebx, 0
    mov ecx, LDT_
    lsl eax, ecx
    check "descriptors: LSL of an LDT", eax, 31
%macro verified 4                               ; name, instruction, selector, ZF
    mov ecx, %3
    %2 cx
    setz bl
    movzx ebx, bl
    check %1, ebx, %4
%endmacro
    verified "descriptors: VERR data", verr, DATA, 1
    verified "descriptors: VERW data", verw, DATA, 1
    verified "descriptors: VERR code", verr, CODE32, 1
    verified "descriptors: VERW code", verw, CODE32, 0
    verified "descriptors: VERR execute-only", verr, EXECUTE, 0
    verified "descriptors: VERR with RPL 3", verr, INNER | 3, 0
    verified "descriptors: VERR conforming with RPL 3", verr, CONFORMING | 3, 1
    verified "descriptors: VERR a TSS", verr, TSS32, 0
    verified "descriptors: VERR null", verr, 0, 0
    mov eax, 0x10
    mov ecx, 3
    arpl ax, cx
    setz bl
    movzx ebx, bl
    check "descriptors: ARPL raises RPL", eax, 0x13
    check "descriptors: ARPL: ZF", ebx, 1
    mov ecx, 1
    arpl ax, cx
    setz bl
    movzx ebx, bl
    check "descriptors: ARPL leaves RPL: ZF", ebx, 0

without_descriptors:
    call build_identity64
    to_long_mode identity_pml4
    group "64-bit", group_64
    mov ax, SMALL
    mov ds, ax
    mov rcx, 0x100000
    attempt {mov eax, [rcx]}
    passed "64-bit: DS has no limit"
    mov eax, [0x100000]
    mov ebx, MULTIBOOT_HEADER_MAGIC
    check "64-bit: DS has no base", rax, rbx
    mov ax, SMALL
    mov fs, ax
    mov eax, [fs:0]
    mov ebx, 0x01020304
    check "64-bit: FS has a base", rax, rbx
    attempt {mov eax, [fs:0x1000]}
    passed "64-bit: FS has no limit"
    mov ax, EXECUTE
    attempt {mov fs, ax}
    faulted "64-bit: execute-only as data", GP, EXECUTE
    mov ax, CODE64
    mov ds, ax
    attempt {mov [window + 16], eax}
    passed "64-bit: DS has no rights"
    mov rdx, rsp
    call dword far [.far_64]
    check "64-bit: far call and return", rax, CODE64
    check "64-bit: the stack pointer", rdx, rsp
    push CODE64
    push .returned
    db 0x48
    retf
.returned:
    check "64-bit: RETFQ", rdx, rsp
    attempt {jmp dword far [.far_data]}
    faulted "64-bit: far jump to data", GP, DATA

    ; Compatibility mode checks limits again.
    jmp dword far [.far_32]
bits 32
.compatibility:
    mov ax, SMALL
    mov ds, ax
    mov ax, USER_DATA
    mov es, ax
    mov ebx, [0]
    mov [es:.kept], ebx
    jmp CODE64:.long
bits 64
.long:
    mov eax, [.kept]
    mov ebx, 0x01020304
    check "compatibility: DS has a base", rax, rbx
    attempt_begins
    jmp dword far [.far_32_limit]
bits 32
.compatibility_limit:
    mov ax, SMALL
    mov ds, ax
..@compatibility_limit: mov eax, [0x1000]
bits 64
    attempt_ends
    faulted "compatibility: DS has a limit", GP, 0, ..@compatibility_limit
    check "compatibility: CS is saved", qword [fault.cs], CODE32
    jmp group_64
align 8
.far_64: dd far_routine64
    dw CODE64
.far_data: dd 0
    dw DATA
.far_32: dd .compatibility
    dw CODE32
.far_32_limit: dd .compatibility_limit
    dw CODE32
align 4
.kept: dd 0
group_64:
    group "descriptors-64", .done
    mov ecx, USER_CODE64
    lar rax, rcx
    and eax, 0x00F0FF00
    mov ebx, 0x0020FB00
    check "descriptors-64: LAR", rax, rbx
    mov ecx, TSS64
    lsl rax, rcx
    check "descriptors-64: LSL of a TSS", rax, 103
.done:
    finish

far_routine64:
    mov eax, cs
    retf
bits 32
far_routine:
    xor eax, eax
    mov ax, cs
    retf
conforming_routine:
    xor eax, eax
    mov ax, cs
    retf
user_conforming:
    xor ecx, ecx
    mov cx, cs
    retf

%include "image-end.inc"
