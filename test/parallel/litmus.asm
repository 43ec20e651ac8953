; Litmus tests of the memory order (SDM vol. 3A, "Memory Ordering"; Owens, Sarkar, Sewell, "A Better x86 Memory Model:
; x86-TSO"). The CPUs of a test run its parts at the same time, round after round on cells of their own, and a line for
; each test says how often each outcome was there: `NAME 0 a 1 b ...`, where bit n of an outcome is what result n has read.
;
; rounds=N        rounds of each test, in batches (default 16384)
; test=NAME       this test alone
; seed=N          of the delays before the rounds (default 1)
; A machine runs the tests that have as many parts as it has CPUs: 2 or 4.

%include "guest.inc"

BATCH   equ 8192                                ; rounds between two meetings of all, which take longest where not all can run
SPINS   equ 200                                 ; looks for the others before each round: they may not be running
CELLS   equ 128                                 ; x and y of a round, each in its own cache line
OUTCOMES equ 16

section .bss
alignb 4096
cells:      resb BATCH * CELLS
results:    resd 4 * BATCH                      ; four arrays
progress:   resb 64 * 4                         ; rounds begun by each part
seeds:      resb 64 * 4
counts:     resd OUTCOMES
generation: resd 1                              ; batches begun
joined:     resd 1
arrived:    resd 1                              ; other parts that are done with the batch
current:    resd 1
rounds:     resd 1
alignb 8
only:       resq 1                              ; a test's name in the command line, or 0

section .text
bits 64

; A part: x at RSI, y at RDI, result n at [RBX + n * 4 * BATCH].
%define result(n) dword [rbx + (n) * 4 * BATCH]

part_store_x_load_y:
    mov dword [rsi], 1
    mov eax, [rdi]
    mov result(0), eax
    ret
part_store_y_load_x:
    mov dword [rdi], 1
    mov eax, [rsi]
    mov result(1), eax
    ret
part_store_x_locked_load_y:
    mov dword [rsi], 1
    lock or dword [rsp], 0
    mov eax, [rdi]
    mov result(0), eax
    ret
part_store_y_locked_load_x:
    mov dword [rdi], 1
    lock or dword [rsp], 0
    mov eax, [rsi]
    mov result(1), eax
    ret
part_exchange_x_load_y:
    mov eax, 1
    xchg [rsi], eax
    mov eax, [rdi]
    mov result(0), eax
    ret
part_exchange_y_load_x:
    mov eax, 1
    xchg [rdi], eax
    mov eax, [rsi]
    mov result(1), eax
    ret
part_store_x_fence_load_y:
    mov dword [rsi], 1
    mfence
    mov eax, [rdi]
    mov result(0), eax
    ret
part_store_y_fence_load_x:
    mov dword [rdi], 1
    mfence
    mov eax, [rsi]
    mov result(1), eax
    ret
part_store_x_y:
    mov dword [rsi], 1
    mov dword [rdi], 1
    ret
part_store_x_locked_y:
    mov dword [rsi], 1
    lock inc dword [rdi]
    ret
part_load_y_x:
    mov eax, [rdi]
    mov result(0), eax
    mov eax, [rsi]
    mov result(1), eax
    ret
part_load_x_store_y:
    mov eax, [rsi]
    mov dword [rdi], 1
    mov result(0), eax
    ret
part_load_y_store_x:
    mov eax, [rdi]
    mov dword [rsi], 1
    mov result(1), eax
    ret
part_store_x:
    mov dword [rsi], 1
    ret
part_store_y:
    mov dword [rdi], 1
    ret
part_exchange_x:
    mov eax, 1
    xchg [rsi], eax
    ret
part_exchange_y:
    mov eax, 1
    xchg [rdi], eax
    ret
part_load_x_y:
    mov eax, [rsi]
    mov edx, [rdi]
    mov result(0), eax
    mov result(1), edx
    ret
part_load_y_x_as_2_3:
    mov eax, [rdi]
    mov edx, [rsi]
    mov result(2), eax
    mov result(3), edx
    ret

; A locked operation over two dwords, of which another CPU writes one: what it has written must stay.
part_split:
    mov ecx, 8
.again:
    lock add dword [rsi + 62], 0                ; the end of x's cache line, and the start of y's
    dec ecx
    jnz .again
    ret
part_split_16:
    xor eax, eax
    xor edx, edx
    xor ebx, ebx
    xor ecx, ecx
    lock cmpxchg16b [rdi]
    ret
part_beside_split:
    mov ecx, 32
.again:
    mov [rdi], ecx
    cmp [rdi], ecx
    jne .lost
    dec ecx
    jnz .again
    ret
.lost:
    mov result(0), 1
    ret

struc litmus
    .name:  resb 16
    .parts: resq 1
    .code:  resq 4
endstruc

; In: EDI = part. Its rounds of a batch.
run_part:
    push rbx
    push rbp
    push r12
    push r13
    push r14
    mov r14d, edi
    mov r11d, [current]
    mov r13, [r11 + litmus.code + 8 * r14]
    mov r10d, [r11 + litmus.parts]
    shl r14d, 6
    mov ebp, [seeds + r14]
    xor r12d, r12d
.round:
    lea eax, [r12 + 1]
    mov [progress + r14], eax
    mov edx, SPINS
.meet:
    dec edx
    jz .go
    xor ecx, ecx
    mov r8d, progress
.other:
    cmp [r8], eax
    jb .meet
    add r8d, 64
    inc ecx
    cmp ecx, r10d
    jb .other
.go:
    mov ecx, ebp                                ; xorshift32
    shl ecx, 13
    xor ebp, ecx
    mov ecx, ebp
    shr ecx, 17
    xor ebp, ecx
    mov ecx, ebp
    shl ecx, 5
    xor ebp, ecx
    mov ecx, ebp
    and ecx, 15
    jz .body
.delay:
    dec ecx
    jnz .delay
.body:
    mov esi, r12d
    imul esi, esi, CELLS
    add esi, cells
    lea edi, [rsi + 64]
    lea ebx, [results + r12 * 4]
    call r13
    inc r12d
    cmp r12d, BATCH
    jb .round
    mov [seeds + r14], ebp
    pop r14
    pop r13
    pop r12
    pop rbp
    pop rbx
    ret

; The batch of all parts, from the BSP.
run_batch:
    mov edi, cells
    mov ecx, (BATCH * CELLS + BATCH * 16 + 64 * 4) / 8
    xor eax, eax
    rep stosq                                   ; cells, results and progress
    mov dword [arrived], 0
    lock inc dword [generation]
    xor edi, edi
    call run_part
    mov ecx, [current]
    mov ecx, [rcx + litmus.parts]
    dec ecx
.wait:
    pause
    cmp [arrived], ecx
    jne .wait
    xor ecx, ecx
.count:
    mov eax, [results + rcx * 4]
    mov edx, [results + rcx * 4 + 4 * BATCH]
    lea eax, [rax + rdx * 2]
    mov edx, [results + rcx * 4 + 8 * BATCH]
    lea eax, [rax + rdx * 4]
    mov edx, [results + rcx * 4 + 12 * BATCH]
    lea eax, [rax + rdx * 8]
    inc dword [counts + rax * 4]
    inc ecx
    cmp ecx, BATCH
    jb .count
    ret

; In: RBX = test.
run_test:
    mov [current], ebx
    mov edi, counts
    mov ecx, OUTCOMES
    xor eax, eax
    rep stosd
    mov r12d, [rounds]
.batch:
    call run_batch
    sub r12d, BATCH
    ja .batch
    lea edi, [rbx + litmus.name]
    call print_string
    xor r12d, r12d
.outcome:
    mov r13d, [counts + r12 * 4]
    test r13d, r13d
    jz .next
    print " ", r12d, " ", r13d
.next:
    inc r12d
    cmp r12d, OUTCOMES
    jb .outcome
    jmp print_newline

bsp_main:
    mov dword [rounds], 16384
    mov edi, rounds_option
    call find_option
    test rax, rax
    jz .known
    mov rdi, rax
    call parse_decimal
    jc end_failure
    mov [rounds], eax
.known:
    mov edi, test_option
    call find_option
    mov [only], rax
    mov edi, seed_option
    call find_option
    mov rdi, rax
    mov eax, 1
    test rdi, rdi
    jz .seeded
    call parse_decimal
    jc end_failure
.seeded:
    mov edi, seeds
    mov ecx, 4
.seed:
    imul eax, eax, 0x9E3779B1                   ; each part its own
    add eax, ecx
    mov [rdi], eax
    or dword [rdi], 1                           ; xorshift stays at 0
    add edi, 64
    dec ecx
    jnz .seed
    xor edi, edi
    mov esi, ICR_ALL_EXCLUDING_SELF
    call init_sipi_sipi
    mov ecx, [cpu_count]
    dec ecx
.wait:
    pause
    cmp [joined], ecx
    jne .wait
    mov ebx, tests
.test:
    mov eax, [rbx + litmus.parts]
    cmp eax, [cpu_count]
    jne .next
    mov rsi, [only]
    test rsi, rsi
    jz .chosen
    lea edi, [rbx + litmus.name]
.letter:
    mov al, [rdi]
    test al, al
    jz .end
    cmp al, [rsi]
    jne .next
    inc edi
    inc rsi
    jmp .letter
.end:
    cmp byte [rsi], ' '
    ja .next
.chosen:
    call run_test
.next:
    add ebx, litmus_size
    cmp ebx, tests.end
    jb .test
    jmp end_success

ap_entry:
    find_self
    own_stack
    call become_cpu
    mov ebx, 1
    lock xadd [joined], ebx
    inc ebx                                     ; this CPU's part
    xor ebp, ebp
.wait:
    pause
    cmp [generation], ebp
    je .wait
    inc ebp
    mov edi, ebx
    call run_part
    lock inc dword [arrived]
    jmp .wait

; litmus_test NAME, PARTS, code ...
%macro litmus_test 3-*
    %%name: db %1
    times 16 - ($ - %%name) db 0
    dq %2
    %rotate 1
    %rep 4
        %rotate 1
        dq %1
    %endrep
%endmacro

section .data
rounds_option: db "rounds=", 0
test_option: db "test=", 0
seed_option: db "seed=", 0
align 8
tests:
    litmus_test "sb", 2, part_store_x_load_y, part_store_y_load_x, 0, 0
    litmus_test "sb+lock", 2, part_store_x_locked_load_y, part_store_y_locked_load_x, 0, 0
    litmus_test "sb+xchg", 2, part_exchange_x_load_y, part_exchange_y_load_x, 0, 0
    litmus_test "sb+mfence", 2, part_store_x_fence_load_y, part_store_y_fence_load_x, 0, 0
    litmus_test "mp", 2, part_store_x_y, part_load_y_x, 0, 0
    litmus_test "mp+lock", 2, part_store_x_locked_y, part_load_y_x, 0, 0
    litmus_test "lb", 2, part_load_x_store_y, part_load_y_store_x, 0, 0
    litmus_test "split", 2, part_split, part_beside_split, 0, 0
    litmus_test "cmpxchg16b", 2, part_split_16, part_beside_split, 0, 0
    litmus_test "iriw", 4, part_store_x, part_store_y, part_load_x_y, part_load_y_x_as_2_3
    litmus_test "iriw+xchg", 4, part_exchange_x, part_exchange_y, part_load_x_y, part_load_y_x_as_2_3
tests.end:

%include "image-end.inc"
