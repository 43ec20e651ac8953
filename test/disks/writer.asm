; Writes to the first virtio disk without end, several requests between two flushes, and says at COM1 which were flushed: an ELF64
; executable, entered in long mode with the first 4 GiB mapped to themselves. FIRST is the number of its first request; SECTORS is
; the size of the disk, less what one request takes at most.
;
; Request N is of 1 to 128 sectors, each of them 64 times the number N, at a place that follows from N alone: kills.test.ts has
; the same arithmetic.

bits 64
default abs

%define PCI(device, offset) (0x80000000 | (device) << 11 | (offset))
CONFIG_ADDRESS equ 0xcf8
CONFIG_DATA    equ 0xcfc
DISK           equ 2                            ; behind the host bridge and the entropy device
COM1           equ 0x3f8
DEBUG_EXIT     equ 0xf4
FAILURE        equ 0x11

; VIRTIO 1.2, section 4.1.4.3: the common configuration, where Reveille has it, and its notification address
FEATURE_SELECT equ 0x08
FEATURES       equ 0x0c
STATUS         equ 0x14
QUEUE_SIZE     equ 0x18
QUEUE_ENABLE   equ 0x1c
QUEUE_DESC     equ 0x20
QUEUE_DRIVER   equ 0x28
QUEUE_DEVICE   equ 0x30
NOTIFY         equ 0x3000

; 5.2.6 requests, 2.7.5 descriptors
OUT_REQUEST    equ 1
FLUSH_REQUEST  equ 4
FLUSH_FEATURE  equ 1 << 9
NEXT           equ 1
WRITE          equ 2
SIZE           equ 8                            ; descriptors
WRITES         equ 4                            ; between two flushes

section .text
global _start
_start:
    mov rsp, stack_top
    mov eax, PCI(DISK, 0x10)
    call config
    in eax, dx
    and eax, ~15
    mov ebx, eax                                ; BAR 0
    mov eax, PCI(DISK, 4)
    call config
    mov ax, 6                                   ; memory space, bus master
    out dx, ax

    mov byte [rbx + STATUS], 0
    mov byte [rbx + STATUS], 3
    mov dword [rbx + FEATURE_SELECT], 0
    mov dword [rbx + FEATURES], FLUSH_FEATURE
    mov dword [rbx + FEATURE_SELECT], 1
    mov dword [rbx + FEATURES], 1               ; VERSION_1
    mov byte [rbx + STATUS], 11
    mov word [rbx + QUEUE_SIZE], SIZE
    mov dword [rbx + QUEUE_DESC], descriptors
    mov dword [rbx + QUEUE_DRIVER], available
    mov dword [rbx + QUEUE_DEVICE], used
    mov word [rbx + QUEUE_ENABLE], 1
    mov byte [rbx + STATUS], 15

    mov r12d, FIRST
.round:
    mov r13d, WRITES
.next:
    imul ecx, r12d, 0x9e3779b1
    mov eax, ecx
    shr eax, 8
    xor edx, edx
    mov edi, SECTORS
    div edi
    mov [sector], edx
    shr ecx, 25
    inc ecx
    shl ecx, 6                                  ; of 64 numbers a sector
    lea eax, [ecx * 8]
    mov [data_descriptor + 8], eax
    mov edi, data
    mov rax, r12
    rep stosq
    mov dword [header], OUT_REQUEST
    mov word [header_descriptor + 14], 1
    call request
    inc r12d
    dec r13d
    jnz .next

    mov dword [header], FLUSH_REQUEST
    mov word [header_descriptor + 14], 2        ; its status comes right behind the header
    call request
    lea eax, [r12d - 1]
    call say
    jmp .round

; EAX: the address. DX is the data port afterwards.
config:
    mov dx, CONFIG_ADDRESS
    out dx, eax
    mov dx, CONFIG_DATA
    ret

; Makes descriptor 0 available and waits until it has been used.
request:
    movzx ecx, word [available + 2]
    inc ecx
    mov [available + 2], cx                     ; each entry of the ring says 0
    mov word [rbx + NOTIFY], 0
.wait:
    pause
    cmp [used + 2], cx
    jne .wait
    cmp byte [status], 0
    jne .failed
    ret
.failed:
    mov al, FAILURE
    out DEBUG_EXIT, al
    hlt

; EAX in eight digits, and a line's end.
say:
    mov dx, COM1
    mov ecx, 8
.digit:
    rol eax, 4
    mov esi, eax
    and esi, 15
    push rax
    mov al, [digits + rsi]
    out dx, al
    pop rax
    dec ecx
    jnz .digit
    mov al, 10
    out dx, al
    ret

section .data
digits: db "0123456789abcdef"
align 16
descriptors:
header_descriptor: dq header
    dd 16
    dw NEXT, 1
data_descriptor: dq data
    dd 0
    dw NEXT, 2
    dq status
    dd 1
    dw WRITE, 0
    times (SIZE - 3) * 16 db 0
header: dd 0, 0
sector: dq 0
status: db 0

section .bss
alignb 16
available: resb 6 + 2 * SIZE
alignb 16
used: resb 6 + 8 * SIZE
alignb 16
data: resb 65536
resb 4096
stack_top:
