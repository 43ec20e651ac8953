/** Keys of a machine's keyboard, by the names that a window has for them (W3C, UI Events KeyboardEvent code Values). */

export interface KeyStroke {
  code: string;
  down: boolean;
}

/** Most that are sent at once. */
export const MOST_STROKES = 64;

/**
 * The scan code of each key in set 2 (IBM PS/2 Hardware Interface Technical Reference, "Keyboard (101- and 102-Key)"); from
 * EXTENDED on, those that follow a byte 0xE0.
 */
export const EXTENDED = 0xe000;
export const SCAN_CODES: ReadonlyMap<string, number> = new Map([
  ...keys(0, [
    ['F9', 0x01],
    ['F5', 0x03],
    ['F3', 0x04],
    ['F1', 0x05],
    ['F2', 0x06],
    ['F12', 0x07],
    ['F10', 0x09],
    ['F8', 0x0a],
    ['F6', 0x0b],
    ['F4', 0x0c],
    ['Tab', 0x0d],
    ['Backquote', 0x0e],
    ['AltLeft', 0x11],
    ['ShiftLeft', 0x12],
    ['ControlLeft', 0x14],
    ['KeyQ', 0x15],
    ['Digit1', 0x16],
    ['KeyZ', 0x1a],
    ['KeyS', 0x1b],
    ['KeyA', 0x1c],
    ['KeyW', 0x1d],
    ['Digit2', 0x1e],
    ['KeyC', 0x21],
    ['KeyX', 0x22],
    ['KeyD', 0x23],
    ['KeyE', 0x24],
    ['Digit4', 0x25],
    ['Digit3', 0x26],
    ['Space', 0x29],
    ['KeyV', 0x2a],
    ['KeyF', 0x2b],
    ['KeyT', 0x2c],
    ['KeyR', 0x2d],
    ['Digit5', 0x2e],
    ['KeyN', 0x31],
    ['KeyB', 0x32],
    ['KeyH', 0x33],
    ['KeyG', 0x34],
    ['KeyY', 0x35],
    ['Digit6', 0x36],
    ['KeyM', 0x3a],
    ['KeyJ', 0x3b],
    ['KeyU', 0x3c],
    ['Digit7', 0x3d],
    ['Digit8', 0x3e],
    ['Comma', 0x41],
    ['KeyK', 0x42],
    ['KeyI', 0x43],
    ['KeyO', 0x44],
    ['Digit0', 0x45],
    ['Digit9', 0x46],
    ['Period', 0x49],
    ['Slash', 0x4a],
    ['KeyL', 0x4b],
    ['Semicolon', 0x4c],
    ['KeyP', 0x4d],
    ['Minus', 0x4e],
    ['Quote', 0x52],
    ['BracketLeft', 0x54],
    ['Equal', 0x55],
    ['CapsLock', 0x58],
    ['ShiftRight', 0x59],
    ['Enter', 0x5a],
    ['BracketRight', 0x5b],
    ['Backslash', 0x5d],
    ['IntlBackslash', 0x61],
    ['Backspace', 0x66],
    ['Numpad1', 0x69],
    ['Numpad4', 0x6b],
    ['Numpad7', 0x6c],
    ['Numpad0', 0x70],
    ['NumpadDecimal', 0x71],
    ['Numpad2', 0x72],
    ['Numpad5', 0x73],
    ['Numpad6', 0x74],
    ['Numpad8', 0x75],
    ['Escape', 0x76],
    ['NumLock', 0x77],
    ['F11', 0x78],
    ['NumpadAdd', 0x79],
    ['Numpad3', 0x7a],
    ['NumpadSubtract', 0x7b],
    ['NumpadMultiply', 0x7c],
    ['Numpad9', 0x7d],
    ['ScrollLock', 0x7e],
    ['F7', 0x83],
  ]),
  ...keys(EXTENDED, [
    ['AltRight', 0x11],
    ['ControlRight', 0x14],
    ['MetaLeft', 0x1f],
    ['MetaRight', 0x27],
    ['ContextMenu', 0x2f],
    ['NumpadDivide', 0x4a],
    ['NumpadEnter', 0x5a],
    ['End', 0x69],
    ['ArrowLeft', 0x6b],
    ['Home', 0x6c],
    ['Insert', 0x70],
    ['Delete', 0x71],
    ['ArrowDown', 0x72],
    ['ArrowRight', 0x74],
    ['ArrowUp', 0x75],
    ['PageDown', 0x7a],
    ['PageUp', 0x7d],
  ]),
]);

/** The other way round. */
export const KEY_NAMES: ReadonlyMap<number, string> = new Map([...SCAN_CODES].map(([name, code]) => [code, name]));

function keys(prefix: number, codes: [name: string, code: number][]): [string, number][] {
  return codes.map(([name, code]) => [name, prefix + code]);
}
