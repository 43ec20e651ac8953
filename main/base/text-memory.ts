/** Text memory of a VGA with colours, which the device shows and boot loaders tell of: guest-physical. */
export const COLOUR_TEXT = 0xb8000;
