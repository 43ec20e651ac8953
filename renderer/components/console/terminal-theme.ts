/** The tokens of styles/tokens.css as a terminal's colours; xterm wants values, not variables. */
import type { ITheme } from '@xterm/xterm';
import type { ISearchOptions } from '@xterm/addon-search';

function token(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

export function terminalTheme(): ITheme {
  const [red, green, yellow, blue, magenta, cyan] = ['--dead', '--run', '--init', '--halt', '--sipi', '--accent'].map(
    token,
  );
  return {
    background: token('--bg'),
    foreground: token('--ink'),
    cursor: token('--accent'),
    cursorAccent: token('--bg'),
    selectionBackground: `${token('--accent')}55`,
    scrollbarSliderBackground: `${token('--faint')}55`,
    scrollbarSliderHoverBackground: `${token('--faint')}88`,
    scrollbarSliderActiveBackground: token('--faint'),
    ...{ red, green, yellow, blue, magenta, cyan },
    ...{ brightRed: red, brightGreen: green, brightYellow: yellow },
    ...{ brightBlue: blue, brightMagenta: magenta, brightCyan: cyan },
    black: token('--line'),
    brightBlack: token('--faint'),
    white: token('--dim'),
    brightWhite: token('--ink'),
  };
}

export function searchColours(): ISearchOptions {
  return {
    decorations: {
      matchBackground: token('--line'),
      matchOverviewRuler: token('--init'),
      activeMatchBackground: token('--raise'),
      activeMatchBorder: token('--accent'),
      activeMatchColorOverviewRuler: token('--accent'),
    },
  };
}

export function terminalFont(): string {
  return token('--mono');
}
