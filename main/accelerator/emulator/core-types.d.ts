/** AssemblyScript's number types, for the core's files of constants that the host imports. */
declare type i32 = number;
declare type u32 = number;
declare type usize = number;
