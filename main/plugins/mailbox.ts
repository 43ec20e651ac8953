/**
 * One question at a time, and its answer, between two threads through a SharedArrayBuffer: as UTF-16 code units, or what is
 * asked often as numbers (questions.ts). All state is in the buffer, so that whoever asks may move to another thread with it.
 *
 *     IDLE --ask--> ASKED --begin--> BUSY --answer--> ANSWERED --taken--> IDLE
 *
 * and from each of them to CLOSED, where it stays: an answer that comes too late is never taken for a later question's. One
 * thread may answer for several mailboxes. They have one bell, at which it waits.
 */
import { checkAnswer } from './answers';
import { MAX_MESSAGE, type SandboxAnswer, type SandboxRequest } from './protocol';
import { readQuestion, writeQuestion } from './questions';

const State = { IDLE: 0, ASKED: 1, BUSY: 2, ANSWERED: 3, CLOSED: 4 } as const;

const Word = {
  STATE: 0,
  /** Threads that wait in the kernel, and have to be woken. */
  SLEEPERS: 1,
  /** Code units of the message; NUMBERS: a question as numbers. */
  LENGTH: 2,
  /** CPUs of the machine, which answers may name. */
  CPUS: 3,
} as const;
const NUMBERS = -1;
const MESSAGE_OFFSET = 16;

/** An answer is there sooner than a thread wakes up: this long both sides look for it before they sleep. */
const SPIN_MS = 0.05;
const LOADS_PER_CLOCK = 32;
/** For the thread to come to the question; from then on the limit of its answer counts. */
const BEGIN_LIMIT_MS = 10_000;
/**
 * The sandbox's own deadline, some 50 ms counted in steps (deadline.ts), comes long before, and knows the line. This one is for a
 * thread that is gone without a word, and so long that no host with other work to do comes to it.
 */
const ANSWER_LIMIT_MS = 5000;
/** Code units of one String.fromCharCode, whose arguments lie on the stack. */
const CHUNK = 4096;

export interface MailboxMemory {
  box: SharedArrayBuffer;
  /** Shared by the mailboxes of one thread. */
  bell: SharedArrayBuffer;
}

/** The mailboxes of one thread. */
export function createMailboxes(count: number): MailboxMemory[] {
  const bell = new SharedArrayBuffer(8);
  return Array.from({ length: count }, () => ({ box: new SharedArrayBuffer(MESSAGE_OFFSET + 2 * MAX_MESSAGE), bell }));
}

/** A word that threads look at for a moment, and then sleep at: the first of two, before the count of sleepers. */
class WaitingPlace {
  readonly #words: Int32Array;

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory, 0, 2);
  }

  get value(): number {
    return Atomics.load(this.#words, Word.STATE);
  }

  set(value: number): void {
    Atomics.store(this.#words, Word.STATE, value);
    this.#wake();
  }

  /** False where the value was no longer `from`. */
  move(from: number, to: number): boolean {
    if (Atomics.compareExchange(this.#words, Word.STATE, from, to) !== from) return false;
    this.#wake();
    return true;
  }

  add(): void {
    Atomics.add(this.#words, Word.STATE, 1);
    this.#wake();
  }

  /** Waits for another value, first awake; false where it is the same still after this time. */
  waitWhile(value: number, limitMs = Infinity): boolean {
    const spinEnd = performance.now() + SPIN_MS;
    do {
      for (let i = 0; i < LOADS_PER_CLOCK; i++) if (this.value !== value) return true;
    } while (performance.now() < spinEnd);
    const end = performance.now() + limitMs;
    let left = limitMs;
    Atomics.add(this.#words, Word.SLEEPERS, 1);
    // Who changes the value looks for sleepers after that, and who sleeps was counted before it looks at the value.
    while (left > 0 && this.value === value) {
      Atomics.wait(this.#words, Word.STATE, value, left);
      left = end - performance.now();
    }
    Atomics.sub(this.#words, Word.SLEEPERS, 1);
    return this.value !== value;
  }

  #wake(): void {
    if (Atomics.load(this.#words, Word.SLEEPERS) > 0) Atomics.notify(this.#words, Word.STATE);
  }
}

class Mailbox {
  readonly words: Int32Array;
  readonly state: WaitingPlace;
  readonly bell: WaitingPlace;
  readonly #text: Uint16Array;
  readonly #numbers: Float64Array;

  constructor({ box, bell }: MailboxMemory) {
    this.words = new Int32Array(box, 0, MESSAGE_OFFSET / 4);
    this.state = new WaitingPlace(box);
    this.bell = new WaitingPlace(bell);
    this.#text = new Uint16Array(box, MESSAGE_OFFSET);
    this.#numbers = new Float64Array(box, MESSAGE_OFFSET);
  }

  close(): void {
    this.state.set(State.CLOSED);
    this.bell.add();
  }

  /** How many characters the question has, where those are too many: nothing is written then. */
  writeQuestion(request: SandboxRequest): number | null {
    if (writeQuestion(this.#numbers, request)) {
      this.words[Word.LENGTH] = NUMBERS;
      return null;
    }
    const text = JSON.stringify(request);
    if (text.length > MAX_MESSAGE) return text.length;
    this.write(text);
    return null;
  }

  readQuestion(): SandboxRequest {
    return this.words[Word.LENGTH] === NUMBERS
      ? readQuestion(this.#numbers)
      : (JSON.parse(this.read()) as SandboxRequest);
  }

  write(text: string): void {
    const units = this.#text;
    const { length } = text;
    for (let i = 0; i < length; i++) units[i] = text.charCodeAt(i);
    this.words[Word.LENGTH] = length;
  }

  read(): string {
    const length = this.words[Word.LENGTH];
    let text = '';
    for (let from = 0; from < length; from += CHUNK) {
      const units = this.#text.subarray(from, Math.min(length, from + CHUNK));
      text += String.fromCharCode.apply(null, units as unknown as number[]);
    }
    return text;
  }
}

/** Who asks. It blocks its thread until the answer is there; one thread at a time may use it. */
export class SandboxClient {
  readonly #box: Mailbox;
  readonly #name: string;

  /** `name` begins the sentences about its faults: "The policy drop-sipi". */
  constructor(mailbox: MailboxMemory, name: string) {
    this.#box = new Mailbox(mailbox);
    this.#name = name;
  }

  /** It has had a fault, and answers nothing any more. */
  get dead(): boolean {
    return this.#box.state.value === State.CLOSED;
  }

  ask(request: SandboxRequest, limitMs = ANSWER_LIMIT_MS): SandboxAnswer {
    const box = this.#box;
    const { state } = box;
    if (request.ask === 'configure') box.words[Word.CPUS] = request.configuration.cpus;
    else if (request.ask === 'start') box.words[Word.CPUS] = request.facts.cpus.length;
    const tooLong = box.writeQuestion(request);
    if (tooLong !== null) {
      return this.#die(`cannot be asked: the request has ${tooLong} characters, ${MAX_MESSAGE} at most.`);
    }
    if (!state.move(State.IDLE, State.ASKED)) return this.#die('has ended.');
    box.bell.add();
    if (!state.waitWhile(State.ASKED, BEGIN_LIMIT_MS)) {
      return this.#die(`was not there within ${BEGIN_LIMIT_MS / 1000} s.`);
    }
    if (!state.waitWhile(State.BUSY, limitMs)) return this.#die(`did not answer within ${limitMs} ms.`);
    if (this.dead) return this.#die('has ended.');
    const answer = checkAnswer(box.read(), request, box.words[Word.CPUS]);
    if ('fault' in answer) {
      box.close();
      return answer;
    }
    // Where its thread has ended since, the next question finds that.
    state.move(State.ANSWERED, State.IDLE);
    return answer;
  }

  /** It is asked no more, and its thread may end. */
  close(): void {
    this.#box.close();
  }

  #die(what: string): SandboxAnswer {
    this.#box.close();
    return { fault: `${this.#name} ${what}` };
  }
}

/** Who answers: the sandbox's thread, or on its behalf the thread that saw it end. */
export class SandboxServer {
  readonly #box: Mailbox;

  constructor(mailbox: MailboxMemory) {
    this.#box = new Mailbox(mailbox);
  }

  /** Nobody asks any more. */
  get closed(): boolean {
    return this.#box.state.value === State.CLOSED;
  }

  /** Answers the question, where there is one. */
  look(handler: (request: SandboxRequest) => string): void {
    const box = this.#box;
    if (!box.state.move(State.ASKED, State.BUSY)) return;
    const answer = handler(box.readQuestion());
    // What is cut is in no order any more, and so a fault.
    box.write(answer.slice(0, MAX_MESSAGE));
    box.state.move(State.BUSY, State.ANSWERED);
  }

  close(): void {
    this.#box.close();
  }

  /** Its thread has ended: who waits for an answer learns why, who asks later that it has ended. */
  abandon(fault: string): void {
    const { state } = this.#box;
    if (state.move(State.ASKED, State.BUSY) || state.value === State.BUSY) {
      this.#box.write(JSON.stringify({ fault }));
      if (state.move(State.BUSY, State.ANSWERED)) return;
    }
    this.#box.close();
  }
}

export interface Served {
  server: SandboxServer;
  answer: (request: SandboxRequest) => string;
}

/** Answers the questions of all mailboxes with this bell, until nobody asks any more. */
export function serve(all: readonly Served[], bell: SharedArrayBuffer): void {
  const place = new WaitingPlace(bell);
  let open = all;
  for (;;) {
    const rung = place.value;
    for (const { server, answer } of open) server.look(answer);
    if (open.some(({ server }) => server.closed)) open = open.filter(({ server }) => !server.closed);
    if (open.length === 0) return;
    place.waitWhile(rung);
  }
}
