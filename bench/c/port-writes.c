/* The bare loop that "port-I/O exit" is measured against: KVM_RUN until the guest writes to port 0xF4.
 * Usage: port-writes IMAGE; prints nanoseconds an exit. */
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e9 + t.tv_nsec;
}

int main(int argc, char **argv) {
  int kvm = open("/dev/kvm", O_RDWR), vm = ioctl(kvm, KVM_CREATE_VM, 0);
  size_t size = 1 << 20;
  unsigned char *ram = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  FILE *image = argc > 1 ? fopen(argv[1], "rb") : NULL;
  if (!image || fread(ram + 0x7c00, 1, 0x8000, image) == 0) return 2;
  struct kvm_userspace_memory_region region = {.memory_size = size, .userspace_addr = (unsigned long)ram};
  if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region)) return 3;
  int vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
  struct kvm_run *run = mmap(NULL, ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
  struct kvm_sregs sregs;
  ioctl(vcpu, KVM_GET_SREGS, &sregs);
  sregs.cs.base = 0;
  sregs.cs.selector = 0;
  ioctl(vcpu, KVM_SET_SREGS, &sregs);
  struct kvm_regs regs = {.rip = 0x7c00, .rflags = 2};
  ioctl(vcpu, KVM_SET_REGS, &regs);
  unsigned long exits = 0;
  double start = now();
  for (;;) {
    if (ioctl(vcpu, KVM_RUN, 0) || run->exit_reason != KVM_EXIT_IO) return 4;
    if (run->io.port == 0xf4) break;
    exits++;
  }
  printf("%.1f\n", (now() - start) / exits);
  return 0;
}
