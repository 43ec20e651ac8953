/**
 * Panels: a plugin's own page beside the dashboard, in a sandboxed frame without network, storage or a way to the app. Its one
 * door is a MessagePort, which comes with the page's first message:
 *
 *     addEventListener('message', ({ ports: [port] }) => {
 *       port.onmessage = ({ data }) => { … }; // ToPanel
 *       port.postMessage({ type: 'command', id: 1, command: 'release', args: { cpu: 1 } }); // FromPanel
 *     }, { once: true });
 */
import type { OptionValue } from './index';

/** What a panel is told, of the machine that is shown. */
export type ToPanel =
  /** First. `policies`: those of this plugin that the machine has. */
  | {
      type: 'machine';
      cpus: { cpu: number; apicId: number; bsp: boolean }[];
      policies: string[];
      theme: 'dark' | 'light';
    }
  /**
   * Events as `reveille run --events` writes them, at most ten times a second; `skipped`: how many before them were too many.
   * Of plugins that have the permission `observe`.
   */
  | { type: 'events'; skipped: number; events: object[] }
  /** What a policy of this plugin says by `Machine.tell`. */
  | { type: 'told'; policy: string; data: unknown }
  /** To a command of that id: what the policy answers, or why it was refused. */
  | { type: 'answer'; id: number; text: string }
  | { type: 'answer'; id: number; error: string };

/** What a panel may say: a command of its own plugin, at most 20 a second, and 4 KiB each as JSON. */
export interface FromPanel {
  type: 'command';
  id: number;
  command: string;
  args?: Record<string, OptionValue>;
}
