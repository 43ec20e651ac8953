/**
 * One question at a time, and its answer, between two threads through a SharedArrayBuffer: JSON as UTF-16 code units. All
 * state is in the buffer, so that whoever asks may move to another thread with it.
 *
 *     STARTING --hello--> IDLE --ask--> ASKED --answer--> ANSWERED --taken--> IDLE
 *
 * and from each of them to CLOSED, where it stays: an answer that comes too late is never taken for a later question's.
 */
import { checkAnswer } from './answers';
import { MAX_MESSAGE, type SandboxAnswer, type SandboxRequest } from './protocol';

const State = { STARTING: 0, IDLE: 1, ASKED: 2, ANSWERED: 3, CLOSED: 4 } as const;

const Word = {
  STATE: 0,
  /** Threads that wait in the kernel, and have to be woken. */
  SLEEPERS: 1,
  /** Code units of the message. */
  LENGTH: 2,
  /** CPUs of the machine, which answers may name. */
  CPUS: 3,
} as const;
const TEXT_OFFSET = 16;

/** An answer is there sooner than a thread wakes up: this long both sides look for it before they sleep. */
const SPIN_MS = 0.05;
const LOADS_PER_CLOCK = 32;
/** For the thread to begin; from then on the asker's own limit counts. */
const START_LIMIT_MS = 10_000;
/** Code units of one String.fromCharCode, whose arguments lie on the stack. */
const CHUNK = 4096;

export function createMailbox(): SharedArrayBuffer {
  return new SharedArrayBuffer(TEXT_OFFSET + 2 * MAX_MESSAGE);
}

class Mailbox {
  readonly words: Int32Array;
  readonly #text: Uint16Array;

  constructor(mailbox: SharedArrayBuffer) {
    this.words = new Int32Array(mailbox, 0, TEXT_OFFSET / 4);
    this.#text = new Uint16Array(mailbox, TEXT_OFFSET);
  }

  get state(): number {
    return Atomics.load(this.words, Word.STATE);
  }

  /** False where the state was no longer `from`. */
  move(from: number, to: number): boolean {
    if (Atomics.compareExchange(this.words, Word.STATE, from, to) !== from) return false;
    if (Atomics.load(this.words, Word.SLEEPERS) > 0) Atomics.notify(this.words, Word.STATE);
    return true;
  }

  close(): void {
    Atomics.store(this.words, Word.STATE, State.CLOSED);
    Atomics.notify(this.words, Word.STATE);
  }

  /** False where the state is `state` still after this time. */
  waitWhile(state: number, limitMs = Infinity): boolean {
    const end = performance.now() + limitMs;
    Atomics.add(this.words, Word.SLEEPERS, 1);
    let left = limitMs;
    // Who changes the state looks for sleepers after that, and who sleeps was counted before it looks at the state.
    while (left > 0 && this.state === state) {
      Atomics.wait(this.words, Word.STATE, state, left);
      left = end - performance.now();
    }
    Atomics.sub(this.words, Word.SLEEPERS, 1);
    return this.state !== state;
  }

  /** As waitWhile, but awake, and for a moment only. */
  spinWhile(state: number): boolean {
    const end = performance.now() + SPIN_MS;
    do {
      for (let i = 0; i < LOADS_PER_CLOCK; i++) if (this.state !== state) return true;
    } while (performance.now() < end);
    return false;
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
  constructor(mailbox: SharedArrayBuffer, name: string) {
    this.#box = new Mailbox(mailbox);
    this.#name = name;
  }

  /** It has had a fault, and answers nothing any more. */
  get dead(): boolean {
    return this.#box.state === State.CLOSED;
  }

  ask(request: SandboxRequest, limitMs: number): SandboxAnswer {
    const box = this.#box;
    if (request.ask === 'configure') box.words[Word.CPUS] = request.configuration.cpus;
    else if (request.ask === 'start') box.words[Word.CPUS] = request.facts.cpus.length;
    const question = JSON.stringify(request);
    if (question.length > MAX_MESSAGE) {
      return this.#die(`cannot be asked: the request has ${question.length} characters, ${MAX_MESSAGE} at most.`);
    }
    if (!box.waitWhile(State.STARTING, START_LIMIT_MS)) {
      return this.#die(`did not begin within ${START_LIMIT_MS / 1000} s.`);
    }
    box.write(question);
    if (!box.move(State.IDLE, State.ASKED)) return this.#die('has ended.');
    if (!box.spinWhile(State.ASKED) && !box.waitWhile(State.ASKED, limitMs)) {
      return this.#die(`did not answer within ${limitMs} ms.`);
    }
    if (this.dead) return this.#die('has ended.');
    const answer = checkAnswer(box.read(), request, box.words[Word.CPUS]);
    if ('fault' in answer) {
      box.close();
      return answer;
    }
    // Where its thread has ended since, the next question finds that.
    box.move(State.ANSWERED, State.IDLE);
    return answer;
  }

  #die(what: string): SandboxAnswer {
    this.#box.close();
    return { fault: `${this.#name} ${what}` };
  }
}

/** Who answers: the sandbox's own thread, or on its behalf the thread that saw it end. */
export class SandboxServer {
  readonly #box: Mailbox;

  constructor(mailbox: SharedArrayBuffer) {
    this.#box = new Mailbox(mailbox);
  }

  /** From now on the asker's own limit counts. */
  hello(): void {
    this.#box.move(State.STARTING, State.IDLE);
  }

  /** Answers questions, until the asker wants no more. */
  serve(handler: (request: SandboxRequest) => string): void {
    const box = this.#box;
    for (;;) {
      // The state is read once: one that has become ASKED in between is not to be waited for.
      let state = box.state;
      while (state === State.IDLE || state === State.ANSWERED) {
        box.waitWhile(state);
        state = box.state;
      }
      // A question that follows another at once finds the server awake.
      do {
        if (box.state !== State.ASKED) return;
        const answer = handler(JSON.parse(box.read()) as SandboxRequest);
        // What is cut is no JSON any more, and so a fault.
        box.write(answer.slice(0, MAX_MESSAGE));
        if (!box.move(State.ASKED, State.ANSWERED)) return;
      } while (box.spinWhile(State.ANSWERED) && box.spinWhile(State.IDLE));
    }
  }

  /** Its thread has ended: who waits for an answer learns why, who asks later that it has ended. */
  abandon(fault: string): void {
    if (this.#box.state === State.ASKED) {
      this.#box.write(JSON.stringify({ fault }));
      if (this.#box.move(State.ASKED, State.ANSWERED)) return;
    }
    this.#box.close();
  }
}
