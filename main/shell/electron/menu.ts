/** The application's menu. Its items are commands of the window's palette, so that each exists once. */
import { Menu, type MenuItemConstructorOptions } from 'electron';

/** The page hears these itself: the menu only shows them, or a key would count twice. */
const PAGE_KEYS = ['F5', 'F6', 'F10', 'Shift+F5', 'Ctrl+K'];

/** `invoke`: a command of the palette by its id. */
export function setMenu(invoke: (command: string) => void): void {
  const item = (label: string, command: string, accelerator?: string): MenuItemConstructorOptions => ({
    label,
    click: () => invoke(command),
    ...(accelerator === undefined ? {} : { accelerator, registerAccelerator: !PAGE_KEYS.includes(accelerator) }),
  });
  const separator: MenuItemConstructorOptions = { type: 'separator' };
  Menu.setApplicationMenu(
    Menu.buildFromTemplate([
      {
        label: '&File',
        submenu: [
          item('&New machine…', 'machine.new', 'Ctrl+N'),
          item('&Import machine…', 'machine.import'),
          item('&Export machine…', 'machine.export'),
          item('&Open trace…', 'trace.open', 'Ctrl+O'),
          item('P&lugins…', 'plugins.show'),
          separator,
          item('&Quit', 'app.quit', 'Ctrl+Q'),
        ],
      },
      { role: 'editMenu' },
      {
        label: '&Machine',
        submenu: [
          item('&Start', 'machine.start', 'F5'),
          item('&Pause or resume', 'machine.pause', 'F6'),
          item('S&tep selected CPU', 'machine.step', 'F10'),
          item('&Reset', 'machine.reset'),
          item('Po&wer off', 'machine.stop', 'Shift+F5'),
        ],
      },
      {
        label: '&View',
        submenu: [
          item('&Command palette', 'palette.open', 'Ctrl+K'),
          item('&Reset layout', 'layout.reset'),
          separator,
          { role: 'zoomIn' },
          { role: 'zoomOut' },
          { role: 'resetZoom' },
          { role: 'togglefullscreen' },
          { role: 'toggleDevTools' },
        ],
      },
      { label: '&Help', submenu: [item('&Welcome', 'help.welcome'), item('&About Reveille', 'help.about')] },
    ]),
  );
}
