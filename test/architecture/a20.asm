; The A20 gate: port 0x92 and the keyboard controller close and open address line 20, also for translated addresses and page
; tables, and for a CPU that runs meanwhile. IBM PS/2 Hardware Interface Technical Reference; SDM vol. 3B, "8086 Emulation" (A20M#).

%define BARE
%include "architecture.inc"

; While the line is closed the image, at 1 MiB, is out of reach: the code that closes it runs from its copy.
LOW_CODE  equ 0x8000
LOW_STACK equ 0x7000
RESULTS   equ 0x6000
EVEN      equ 4 << 20
ODD       equ 5 << 20                           ; where bit 20 is set
PORT_A    equ 0x92
LAPIC     equ 0xFEE00000
ICR       equ LAPIC + 0x300
ICR_HIGH  equ LAPIC + 0x310
SVR       equ LAPIC + 0xF0
LOOKS     equ 10000000                          ; at what the other CPU sees, until it has to have seen it
SEEN      equ 0x6020                            ; what the other CPU reads at ODD
LOW_GDTR  equ 0x6200

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
    mov eax, cr0
    and eax, ~CR0_PG
    mov cr0, eax

    ; The other CPU reads from ODD, again and again.
    mov esi, architecture_gdt_pointer
    mov edi, LOW_GDTR
    mov ecx, 6
    rep movsb
    mov dword [SEEN], 0
    mov dword [SVR], 0x1FF
    mov dword [ICR_HIGH], 1 << 24
    mov dword [ICR], 0x4500                     ; INIT
    mov dword [ICR], 0x4600 | (low(other) >> 12)
    mov ebx, 0x55555555
    closed wait_until_seen
    check "a20: another CPU: open", dword [RESULTS], 0x55555555
    closed by_port_beside
    check "a20: another CPU: closed while it runs", dword [RESULTS + 4], 0x44444444
    check "a20: another CPU: open again", dword [RESULTS], 0x55555555
    mov dword [ICR_HIGH], 1 << 24
    mov dword [ICR], 0x4500
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
by_port_beside:
    in al, PORT_A
    and al, ~3
    out PORT_A, al
    mov ebx, 0x44444444
    call wait_until_seen
    mov [RESULTS + 4], eax
    call open
    mov ebx, 0x55555555
; In: EBX = what the other CPU is to see. Out: EAX = what it has seen at last, which is the result, too.
wait_until_seen:
    mov ecx, LOOKS
.look:
    pause
    mov eax, [SEEN]
    cmp eax, ebx
    je .seen
    loop .look
.seen:
    mov [RESULTS], eax
    ret
    times 4096 - ($ - low_begin) db 0           ; where a SIPI can start
bits 16
other:
    cli
    xor ax, ax
    mov ds, ax
    o32 lgdt [LOW_GDTR]
    mov eax, cr0
    or al, CR0_PE
    mov cr0, eax
    jmp dword CODE32:low(other_32)
bits 32
other_32:
    mov ax, DATA
    mov ds, ax
.read:
    mov eax, [ODD]
    mov [SEEN], eax
    jmp .read
low_end:

%include "image-end.inc"
