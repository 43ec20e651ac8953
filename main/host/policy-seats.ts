/** A machine's policies on their way to the thread that asks them: as data that can be posted, and what it makes of that. */
import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import type { Options } from '../../plugins/api/index';
import type { Permission } from '../../plugins/api/manifest';
import type { TimedPolicyCommand } from '../../preload/contract/policies';
import type { Recording } from '../../preload/contract/recording';
import type { MachinePoliciesParts } from '../machine/machine-policies';
import type { EngineNews, EngineOrder } from '../plugins/machine-engine';
import { type MailboxMemory, SandboxClient } from '../plugins/mailbox';

export interface PolicySeatData {
  name: string;
  permissions: Permission[];
  seed: number;
  mailbox: MailboxMemory;
  options: Options;
}

/** What the thread that asks policies needs; `orders` is to be transferred. */
export interface PolicySeats {
  seats: PolicySeatData[];
  /** Of REHEARSAL_POLICY; null: nothing is rehearsed. */
  rehearsal: MailboxMemory | null;
  recording: Recording | null;
  commands: TimedPolicyCommand[];
  orders: MessagePort;
}

/** What comes by `orders`. */
export type PostedOrder =
  | { order: 'command'; id: number; author: number; command: string; args: Options }
  | { order: 'reload'; author: number; name: string; mailbox: MailboxMemory; options: Options };

export function openSeats(
  { seats, recording, commands, orders }: PolicySeats,
  tell: (news: EngineNews) => void,
): MachinePoliciesParts {
  return {
    seats: seats.map(({ mailbox, ...seat }) => ({
      ...seat,
      sandbox: new SandboxClient(mailbox, `The policy ${seat.name}`),
    })),
    recording,
    commands,
    tell,
    nextOrder: () => {
      const received = receiveMessageOnPort(orders) as { message: PostedOrder } | undefined;
      return received === undefined ? null : openOrder(received.message);
    },
  };
}

function openOrder(order: PostedOrder): EngineOrder {
  if (order.order === 'command') return order;
  const { author, name, mailbox, options } = order;
  return { order: 'reload', author, sandbox: new SandboxClient(mailbox, `The policy ${name}`), options };
}
