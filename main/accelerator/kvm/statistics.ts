/** A vcpu's binary statistics (KVM_GET_STATS_FD; Linux Documentation/virt/kvm/api.rst, 4.133). Any thread may read them. */
import { kvm_stats_desc, kvm_stats_header } from './abi';
import * as libc from './libc';

export class KvmStatistics {
  readonly #fd: number;
  /** File offset of each statistic's first value. */
  readonly #offsets = new Map<string, number>();
  readonly #value = new BigUint64Array(1);

  constructor(fd: number) {
    this.#fd = fd;
    const header = this.#read(0, kvm_stats_header.size);
    const word = (view: DataView, offset: number) => view.getUint32(offset, true);
    const nameSize = word(header, kvm_stats_header.at.name_size);
    const count = word(header, kvm_stats_header.at.num_desc);
    const data = word(header, kvm_stats_header.at.data_offset);
    const stride = kvm_stats_desc.size + nameSize;
    const descriptors = this.#read(word(header, kvm_stats_header.at.desc_offset), count * stride);
    for (let i = 0; i < count; i++) {
      const name = new Uint8Array(descriptors.buffer, i * stride + kvm_stats_desc.size, nameSize);
      const offset = word(descriptors, i * stride + kvm_stats_desc.at.offset);
      this.#offsets.set(new TextDecoder().decode(name.subarray(0, name.indexOf(0))), data + offset);
    }
  }

  /** The value now; 0 for a statistic that this kernel does not keep. */
  read(name: string): number {
    const offset = this.#offsets.get(name);
    if (offset === undefined) return 0;
    libc.checked(libc.pread(this.#fd, this.#value, 8, offset), 'pread of KVM statistics');
    return Number(this.#value[0]);
  }

  #read(offset: number, length: number): DataView {
    const bytes = new Uint8Array(length);
    libc.checked(libc.pread(this.#fd, bytes, length, offset), 'pread of KVM statistics');
    return new DataView(bytes.buffer);
  }
}
