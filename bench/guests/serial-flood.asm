; Writes numbered lines to COM1 as fast as it can be done (REP OUTSB, no look at the line status), BLOCKS times the same
; 4 KiB, then ends the run by the debug-exit port.

bits 16
org 0x7C00

%ifndef BLOCKS
%define BLOCKS 16384                            ; 64 MiB
%endif

    xor ax, ax
    mov ds, ax
    cld
    mov edi, BLOCKS
    mov dx, 0x3F8
again:
    mov si, lines
    mov cx, lines_end - lines
    rep outsb
    dec edi
    jnz again
    mov al, 0x10
    out 0xF4, al
    hlt

lines:
%assign line 0
%rep 64
    db "line 00 of sixty-four in this block, each of them sixty-four", ' '
    db '0' + line / 10, '0' + line % 10, 10
%assign line line + 1
%endrep
lines_end:
