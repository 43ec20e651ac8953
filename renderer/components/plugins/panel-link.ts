/**
 * The app's end of a panel's MessagePort. What comes from the panel is a plugin's, which nobody vouches for: it can ask for
 * commands of its own plugin and nothing else, and the app checks their arguments once more.
 */
import type { OptionValue } from '../../../plugins/api/index';
import type { FromPanel, ToPanel } from '../../../plugins/api/panels';

const MOST_MESSAGE = 4096;
const COMMANDS_PER_SECOND = 20;

export type GiveCommand = (command: string, args: Record<string, OptionValue>) => Promise<string>;

export class PanelLink {
  readonly #port: MessagePort;
  readonly #give: GiveCommand;
  #second = 0;
  #inSecond = 0;

  constructor(port: MessagePort, give: GiveCommand) {
    this.#port = port;
    this.#give = give;
    port.addEventListener('message', ({ data }: MessageEvent<unknown>) => void this.#receive(data));
    port.start();
  }

  send(message: ToPanel): void {
    this.#port.postMessage(message);
  }

  close(): void {
    this.#port.close();
  }

  async #receive(data: unknown): Promise<void> {
    const message = this.#mayAsk() ? parseFromPanel(data) : null;
    // Whoever floods, or speaks another language, gets no answer.
    if (message === null) return;
    const { id, command, args } = message;
    try {
      this.send({ type: 'answer', id, text: await this.#give(command, args ?? {}) });
    } catch (error) {
      this.send({ type: 'answer', id, error: (error as Error).message });
    }
  }

  #mayAsk(): boolean {
    const second = Math.floor(performance.now() / 1000);
    if (second !== this.#second) this.#inSecond = 0;
    this.#second = second;
    return ++this.#inSecond <= COMMANDS_PER_SECOND;
  }
}

/** Null: it is no message of a panel. */
export function parseFromPanel(data: unknown): FromPanel | null {
  let plain: unknown;
  try {
    const text = JSON.stringify(data) ?? '';
    if (text.length > MOST_MESSAGE) return null;
    // Plain data, whatever it was.
    plain = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof plain !== 'object' || plain === null) return null;
  const { type, id, command, args } = plain as Record<string, unknown>;
  if (type !== 'command' || !Number.isSafeInteger(id) || typeof command !== 'string') return null;
  if (args !== undefined && (typeof args !== 'object' || args === null || Array.isArray(args))) return null;
  return {
    type,
    id: id as number,
    command,
    ...(args === undefined ? {} : { args: args as FromPanel['args'] & object }),
  };
}
