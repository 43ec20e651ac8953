/**
 * C structs as data: declared once by field names and types, laid out by the System V x86-64 rules
 * (each field at a multiple of its alignment, the whole padded to the largest).
 */
export interface FieldType {
  readonly size: number;
  readonly align: number;
}

export const u8: FieldType = { size: 1, align: 1 };
export const u16: FieldType = { size: 2, align: 2 };
export const u32: FieldType = { size: 4, align: 4 };
export const u64: FieldType = { size: 8, align: 8 };

export const array = (type: FieldType, length: number): FieldType => ({ size: type.size * length, align: type.align });

export interface Struct<Name extends string = string> extends FieldType {
  /** The C name, without `struct`. */
  readonly name: string;
  /** Offset of each field in bytes. */
  readonly at: Readonly<Record<Name, number>>;
}

export function struct<Name extends string>(name: string, fields: Record<Name, FieldType>): Struct<Name> {
  const at = {} as Record<Name, number>;
  let offset = 0;
  let align = 1;
  for (const field of Object.keys(fields) as Name[]) {
    const type = fields[field];
    offset = alignUp(offset, type.align);
    at[field] = offset;
    offset += type.size;
    align = Math.max(align, type.align);
  }
  return { name, at, align, size: alignUp(offset, align) };
}

/** The smallest multiple of `align` that is not below `value`. */
export function alignUp(value: number, align: number): number {
  return Math.ceil(value / align) * align;
}
