/** Something that a person can do, by palette, menu, key or button. */
export interface Command {
  id: string;
  title: string;
  group: string;
  /** As KeyboardEvent gives it: `Ctrl+K`, `F5`. */
  keys?: string;
  /** Why it cannot be done now; null: it can. */
  disabled: string | null;
  run: () => void;
}
