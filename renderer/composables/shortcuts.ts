/** Keys that are commands, wherever the focus is. */
import { onMounted, onUnmounted } from 'vue';
import { useApp } from '../stores/app';
import { useBridge } from '../stores/bridge';
import { useCommands } from './commands';

export function useShortcuts(): void {
  const app = useApp();
  const commands = useCommands();

  function invoke(find: (command: { id: string; keys?: string }) => boolean): boolean {
    const command = commands.value.find(find);
    if (command === undefined) return false;
    if (command.disabled === null) command.run();
    else app.tell(command.disabled);
    return true;
  }

  function onKey(event: KeyboardEvent): void {
    const keys = [
      event.ctrlKey || event.metaKey ? 'Ctrl' : '',
      event.altKey ? 'Alt' : '',
      event.shiftKey ? 'Shift' : '',
      event.key.length === 1 ? event.key.toUpperCase() : event.key,
    ]
      .filter((part) => part !== '')
      .join('+');
    if (!commands.value.some((command) => command.keys === keys)) return;
    // Also where nothing comes of it: F5 is the browser's reload otherwise.
    event.preventDefault();
    if (app.dialog === null && !app.paletteOpen) invoke((command) => command.keys === keys);
  }

  // Before a console takes the key for its guest.
  onMounted(() => window.addEventListener('keydown', onKey, { capture: true }));
  onUnmounted(() => window.removeEventListener('keydown', onKey, { capture: true }));
  useBridge().onNotice((notice) => {
    if (notice.type === 'invoke') invoke((command) => command.id === notice.command);
  });
}
