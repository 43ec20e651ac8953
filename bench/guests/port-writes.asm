; Writes EXITS bytes to COM1 and ends through the debug-exit port: what one port-I/O exit costs.
; A boot sector: loaded and entered at 0000:7C00 in real mode.
        bits 16
        org 0x7c00
%ifndef EXITS
%define EXITS 200000
%endif
        mov     ecx, EXITS
        mov     dx, 0x3f8
        mov     al, 'A'
next:   out     dx, al
        dec     ecx
        jnz     next
        mov     dx, 0xf4
        xor     al, al
        out     dx, al
        hlt
