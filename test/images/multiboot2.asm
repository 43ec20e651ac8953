; A Multiboot 2 kernel that says on COM1 in which state it was entered, then its boot information tag by tag, and ends.
; Multiboot2 Specification 2.0, sections 3.1 (header), 3.3 (machine state), 3.6 (boot information).

bits 32

LOADED        equ 0x200000
MAGIC         equ 0xe85250d6

COM1          equ 0x3f8
LINE_STATUS   equ COM1 + 5
ROOM          equ 1 << 5                        ; transmitter holding register empty

DEBUG_EXIT    equ 0xf4
SUCCESS       equ 0x10

TAG_END       equ 0
TAG_MODULE    equ 3
TAG_ACPI_OLD  equ 14
TAG_ACPI_NEW  equ 15

TAG_SIZE      equ 4                             ; offsets in a tag
TAG_CONTENT   equ 8
RSDP_RSDT     equ TAG_CONTENT + 16              ; ACPI Specification 6.5, section 5.2.5.3
RSDP_XSDT     equ TAG_CONTENT + 24
SDT_HEADER    equ 36
MODULE_BYTES  equ 16                            ; of a module that are shown

org LOADED

header:
    dd MAGIC, 0, header_end - header
    dd 0x100000000 - (MAGIC + header_end - header)
information_request:
    dw 1, 0
    dd .end - information_request
    dd 1, 2, 3, 4, 6, 8, 14, 15
.end:
    align 8
    dw 2, 0                                     ; addresses
    dd 24, header, LOADED, data_end, bss_end
    align 8
    dw 3, 0                                     ; entry
    dd 12, start
    align 8
    dw 4, 0                                     ; console: required, in text mode if need be
    dd 12, 3
    align 8
    dw 5, 1                                     ; framebuffer: text mode is fine
    dd 20, 80, 25, 0
    align 8
    dw 6, 0                                     ; modules at page boundaries
    dd 8
    align 8
    dw TAG_END, 0
    dd 8
header_end:

start:
    mov esp, stack_top
    pushfd
    pop ebp
    mov edi, eax
    call end_line
    mov esi, .state
    call say
    mov eax, edi
    call say_word
    mov eax, cr0
    call say_word
    mov eax, ebp
    call say_word
    call end_line

    mov ebp, [ebx]                              ; the first address after the information
    add ebp, ebx
    add ebx, 8
.tag:
    cmp ebx, ebp
    jae .done
    mov esi, .tag_name
    call say
    mov eax, [ebx]
    call say_word
    lea esi, [ebx + TAG_CONTENT]
    mov ecx, [ebx + TAG_SIZE]
    sub ecx, TAG_CONTENT
    call say_bytes
    call end_line
    cmp dword [ebx], TAG_MODULE
    jne .no_module
    mov esi, .module
    call say
    mov esi, [ebx + TAG_CONTENT]
    mov ecx, MODULE_BYTES
    call say_bytes
    call end_line
.no_module:
    mov edi, [ebx + RSDP_RSDT]
    cmp dword [ebx], TAG_ACPI_OLD
    je .root
    mov edi, [ebx + RSDP_XSDT]
    cmp dword [ebx], TAG_ACPI_NEW
    jne .next
.root:
    mov esi, .root_name
    call say
    mov esi, edi
    mov ecx, SDT_HEADER
    call say_bytes
    call end_line
.next:
    mov eax, [ebx + TAG_SIZE]                   ; each tag begins at a multiple of 8
    add eax, 7
    and eax, ~7
    add ebx, eax
    jmp .tag
.done:
    mov al, SUCCESS
    out DEBUG_EXIT, al
.halt:
    hlt
    jmp .halt

.state     db 'state ', 0
.tag_name  db 'tag ', 0
.module    db 'module ', 0
.root_name db 'root ', 0

; Says the text at ESI, up to its NUL.
say:
    lodsb
    test al, al
    jz .end
    call put
    jmp say
.end:
    ret

; Says EAX as eight digits and a space.
say_word:
    mov ecx, 4
.byte:
    rol eax, 8
    call say_byte
    loop .byte
    mov al, ' '
    jmp put

; Says ECX bytes at ESI.
say_bytes:
    jecxz .end
.next:
    mov al, [esi]
    inc esi
    call say_byte
    loop .next
.end:
    ret

; Says AL as two digits; keeps EAX.
say_byte:
    push eax
    shr al, 4
    call say_digit
    mov al, [esp]
    and al, 15
    call say_digit
    pop eax
    ret

say_digit:
    movzx eax, al
    mov al, [digits + eax]
    jmp put

end_line:
    mov al, 10

; Sends AL; keeps all but EDX.
put:
    push eax
    mov dx, LINE_STATUS
.wait:
    in al, dx
    test al, ROOM
    jz .wait
    pop eax
    mov dx, COM1
    out dx, al
    ret

digits db '0123456789abcdef'
data_end:

absolute data_end
    alignb 16
    resb 4096
stack_top:
bss_end:
