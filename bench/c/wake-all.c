/* INIT to the first instruction of each AP in the same shape as Reveille's mode `exact`: local APIC in user space, a
 * thread a vcpu that waits on a futex (condition variable) until its SIPI, first instruction an exit to port 0x80.
 * Usage: wake-all IMAGE CPUS; prints nanoseconds from the INIT's exit to the last AP's first exit. */
#include <fcntl.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>

enum { WAIT_INIT, WAIT_SIPI, START, RUNNING };
struct cpu {
  int index, fd, state, vector;
  struct kvm_run *run;
  pthread_mutex_t lock;
  pthread_cond_t changed;
  pthread_t thread;
};
static struct cpu cpus[256];
static int count, ready;
static double init_at, last_at;
static pthread_mutex_t times = PTHREAD_MUTEX_INITIALIZER;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e9 + t.tv_nsec;
}

static void set_start(struct cpu *cpu, unsigned short selector, unsigned long base, unsigned long rip) {
  struct kvm_sregs sregs;
  ioctl(cpu->fd, KVM_GET_SREGS, &sregs);
  sregs.cs.base = base;
  sregs.cs.selector = selector;
  ioctl(cpu->fd, KVM_SET_SREGS, &sregs);
  struct kvm_regs regs = {.rip = rip, .rflags = 2};
  ioctl(cpu->fd, KVM_SET_REGS, &regs);
}

static void icr_write(unsigned value) {
  int mode = value >> 8 & 7;
  if (mode == 5) init_at = now();
  for (int i = 1; i < count; i++) {
    struct cpu *cpu = &cpus[i];
    pthread_mutex_lock(&cpu->lock);
    if (mode == 5) cpu->state = WAIT_SIPI;
    else if (mode == 6 && cpu->state == WAIT_SIPI) {
      cpu->state = START;
      cpu->vector = value & 0xff;
      pthread_cond_signal(&cpu->changed);
    }
    pthread_mutex_unlock(&cpu->lock);
  }
}

static void *ap(void *argument) {
  struct cpu *cpu = argument;
  __atomic_add_fetch(&ready, 1, __ATOMIC_SEQ_CST);
  pthread_mutex_lock(&cpu->lock);
  while (cpu->state != START) pthread_cond_wait(&cpu->changed, &cpu->lock);
  cpu->state = RUNNING;
  pthread_mutex_unlock(&cpu->lock);
  set_start(cpu, cpu->vector << 8, cpu->vector << 12, 0);
  while (ioctl(cpu->fd, KVM_RUN, 0) == 0 && cpu->run->exit_reason == KVM_EXIT_IO) {
    double at = now();
    pthread_mutex_lock(&times);
    if (at > last_at) last_at = at;
    pthread_mutex_unlock(&times);
  }
  return NULL;
}

int main(int argc, char **argv) {
  int kvm = open("/dev/kvm", O_RDWR), vm = ioctl(kvm, KVM_CREATE_VM, 0);
  size_t size = 1 << 20;
  unsigned char *ram = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  FILE *image = argc > 2 ? fopen(argv[1], "rb") : NULL;
  if (!image || fread(ram + 0x7c00, 1, 0x8000, image) == 0) return 2;
  count = atoi(argv[2]);
  struct kvm_userspace_memory_region region = {.memory_size = size, .userspace_addr = (unsigned long)ram};
  if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region)) return 3;
  int run_size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
  for (int i = 0; i < count; i++) {
    struct cpu *cpu = &cpus[i];
    cpu->index = i;
    cpu->fd = ioctl(vm, KVM_CREATE_VCPU, i);
    cpu->run = mmap(NULL, run_size, PROT_READ | PROT_WRITE, MAP_SHARED, cpu->fd, 0);
    pthread_mutex_init(&cpu->lock, NULL);
    pthread_cond_init(&cpu->changed, NULL);
    if (i) pthread_create(&cpu->thread, NULL, ap, cpu);
  }
  while (__atomic_load_n(&ready, __ATOMIC_SEQ_CST) < count - 1) sched_yield();
  set_start(&cpus[0], 0, 0, 0x7c00);
  struct kvm_run *run = cpus[0].run;
  for (;;) {
    if (ioctl(cpus[0].fd, KVM_RUN, 0)) return 4;
    if (run->exit_reason == KVM_EXIT_IO && run->io.port == 0xf4) break;
    if (run->exit_reason == KVM_EXIT_IO && run->io.direction == KVM_EXIT_IO_IN) *((char *)run + run->io.data_offset) = 1;
    if (run->exit_reason == KVM_EXIT_MMIO && run->mmio.is_write && run->mmio.phys_addr == 0xfee00300)
      icr_write(*(unsigned *)run->mmio.data);
  }
  for (int i = 1; i < count; i++) pthread_join(cpus[i].thread, NULL);
  printf("%.0f\n", last_at - init_at);
  return 0;
}
