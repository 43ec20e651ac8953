; INIT to the first instruction of each AP: one broadcast INIT, one broadcast SIPI; the first instruction of an AP
; writes its POST code. The BSP waits for a byte on COM1 first, so that all threads of the host are up by then, and for
; some more exits, so that whoever brought the byte is asleep again.
%include "wake.inc"

        begin_boot_sector
        enter_protected_mode
        mov     dx, 0x3fd
wait_go:
        in      al, dx
        test    al, 1
        jz      wait_go
        mov     ecx, SETTLE_EXITS
settle: in      al, dx
        dec     ecx
        jnz     settle
        wake_all
        end_boot_sector
