/**
 * The guest's time-stamp counter, held back by the time for which its machine stood still
 * (api.rst, vcpu.rst: KVM_VCPU_TSC_CTRL, KVM_VCPU_TSC_OFFSET; since Linux 5.16).
 */
import * as abi from './abi';
import { KVM } from './abi';
import * as libc from './libc';

const TSC_CTRL = 0;
const TSC_OFFSET = 0n;
const KHZ_IN_NS = 1_000_000n;

/**
 * Makes all counters go on from where they were `ns` ago; a KVM that cannot do that lets them run on. While no vcpu runs,
 * on any thread.
 */
export function holdTscBack(vcpus: readonly number[], ns: number): void {
  const { at, size } = abi.kvm_device_attr;
  // Its address is in the request, and shared memory never moves.
  const offset = new BigInt64Array(new SharedArrayBuffer(8));
  const request = new DataView(new ArrayBuffer(size));
  request.setUint32(at.group, TSC_CTRL, true);
  request.setBigUint64(at.attr, TSC_OFFSET, true);
  request.setBigUint64(at.addr, libc.addressOf(offset), true);
  for (const fd of vcpus) {
    if (libc.ioctlPointer(fd, KVM.HAS_DEVICE_ATTR, request) !== 0) return;
    libc.checked(libc.ioctlPointer(fd, KVM.GET_DEVICE_ATTR, request), 'KVM_GET_DEVICE_ATTR');
    const khz = libc.checked(libc.ioctl(fd, KVM.GET_TSC_KHZ, 0), 'KVM_GET_TSC_KHZ');
    offset[0] -= (BigInt(Math.round(ns)) * BigInt(khz)) / KHZ_IN_NS;
    libc.checked(libc.ioctlPointer(fd, KVM.SET_DEVICE_ATTR, request), 'KVM_SET_DEVICE_ATTR');
  }
}
