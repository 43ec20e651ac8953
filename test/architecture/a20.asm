; The A20 gate: port 0x92 and the keyboard controller close and open address line 20, also for translated addresses and page
; tables. IBM PS/2 Hardware Interface Technical Reference; SDM vol. 3B, "8086 Emulation" (A20M#).

%define BARE
%include "architecture.inc"

; While the line is closed the image, at 1 MiB, is out of reach: the code that closes it runs from its copy.
LOW_CODE  equ 0x8000
LOW_STACK equ 0x7000
RESULTS   equ 0x6000
EVEN      equ 4 << 20
ODD       equ 5 << 20                           ; where bit 20 is set
PORT_A    equ 0x92

section .text
bits 32
%define low(label) (label - low_begin + LOW_CODE)

; closed ROUTINE: calls it with ESP and everything it needs below 1 MiB.
%macro closed 1
    mov eax, low(%1)
    call low_call
%endmacro

main:
    mov esi, low_begin
    mov edi, LOW_CODE
    mov ecx, low_end - low_begin
    rep movsb
    group "a20", .done
    mov dword [EVEN], 0x44444444
    mov dword [ODD], 0x55555555
    in al, PORT_A
    and eax, 2
    check "a20: port 0x92 shows that it is open", eax, 2
    closed by_port
    check "a20: closed: bit 20 of an address is 0", dword [RESULTS], 0x44444444
    check "a20: closed: port 0x92", dword [RESULTS + 4], 0
    check "a20: closed: the keyboard controller's output port", dword [RESULTS + 8], 0
    check "a20: open again: what was written went below", dword [EVEN + 4], 0x66666666
    check "a20: open again: and not there", dword [ODD], 0x55555555
    closed by_keyboard
    check "a20: closed by the keyboard controller", dword [RESULTS], 0x44444444
    check "a20: port 0x92 shows it", dword [RESULTS + 4], 0
    closed by_output_port
    check "a20: closed by its output port", dword [RESULTS], 0x44444444

    ; With paging: 16 MiB is mapped to ODD, by a directory that is itself above 1 MiB, at ODD + 0x10000 and its double.
    mov ecx, 1023
.entry:
    mov eax, ecx
    shl eax, 22
    or eax, PAGE_PRESENT | PAGE_WRITABLE | PAGE_LARGE
    mov [ODD + 0x10000 + ecx * 4], eax
    mov [EVEN + 0x10000 + ecx * 4], eax
    dec ecx
    jns .entry
    mov dword [ODD + 0x10000 + 4 * 4], ODD + 0x11000 + PAGE_PRESENT | PAGE_WRITABLE
    mov dword [EVEN + 0x10000 + 4 * 4], EVEN + 0x12000 + PAGE_PRESENT | PAGE_WRITABLE
    mov dword [ODD + 0x11000], ODD + PAGE_PRESENT | PAGE_WRITABLE
    mov dword [EVEN + 0x12000], ODD + 0x20000 + PAGE_PRESENT | PAGE_WRITABLE
    mov dword [ODD + 0x20000], 0x77777777
    mov dword [EVEN + 0x20000], 0x88888888
    mov eax, cr4
    or eax, CR4_PSE
    mov cr4, eax
    mov eax, ODD + 0x10000
    mov cr3, eax
    mov eax, cr0
    or eax, CR0_PG
    mov cr0, eax
    check "a20: paging: open", dword [16 << 20], 0x55555555
    closed by_port_paging
    check "a20: paging: closed: tables and page are those below", dword [RESULTS], 0x88888888
    check "a20: paging: open again", dword [16 << 20], 0x55555555
.done:
    finish

low_call:
    cli
    mov [RESULTS + 16], esp
    mov esp, LOW_STACK
    call eax
    mov esp, [RESULTS + 16]
    ret

low_begin:
by_port:
    in al, PORT_A
    and al, ~3
    out PORT_A, al
    mov ebx, [ODD]
    mov [RESULTS], ebx
    mov dword [ODD + 4], 0x66666666
    in al, PORT_A
    and eax, 2
    mov [RESULTS + 4], eax
    mov al, 0xD0
    out 0x64, al
    in al, 0x60
    and eax, 2
    mov [RESULTS + 8], eax
open:
    in al, PORT_A
    and al, ~1
    or al, 2
    out PORT_A, al
    ret
by_keyboard:
    mov al, 0xDD
    out 0x64, al
    mov ebx, [ODD]
    mov [RESULTS], ebx
    in al, PORT_A
    and eax, 2
    mov [RESULTS + 4], eax
    mov al, 0xDF
    out 0x64, al
    ret
by_output_port:
    mov al, 0xD1
    out 0x64, al
    mov al, 0xCD
    out 0x60, al
    mov ebx, [ODD]
    mov [RESULTS], ebx
    mov al, 0xD1
    out 0x64, al
    mov al, 0xCF
    out 0x60, al
    ret
by_port_paging:
    in al, PORT_A
    and al, ~3
    out PORT_A, al
    mov ebx, [16 << 20]
    mov [RESULTS], ebx
    jmp open
low_end:

%include "image-end.inc"
