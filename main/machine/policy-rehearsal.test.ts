import { expect, test } from 'vitest';
import { checkAnswer } from '../plugins/answers';
import type { PolicySandbox } from '../plugins/policy';
import type { SandboxAnswer, SandboxRequest } from '../plugins/protocol';
import { REHEARSAL_POLICY } from '../plugins/rehearsal-policy';
import { SandboxMaker } from '../plugins/sandbox';
import { quickjs } from '../plugins/testing/compile-policy';
import { rehearseQuestions } from './policy-rehearsal';

const HOST = {
  hostClock: { now: () => 0 },
  kicker: { sleep() {}, wake() {}, yield() {}, kick() {} },
  interrupts: { setIrqLine() {}, signalMsi() {}, routeIoapic() {} },
};

test('a rehearsal asks the policy of rehearsals about INITs and SIPIs, of one AP and of all, and then no more', async () => {
  const maker = SandboxMaker.from(quickjs, (await SandboxMaker.create(quickjs)).image());
  const policy = await maker.make(REHEARSAL_POLICY);
  policy.load();
  const requests: SandboxRequest[] = [];
  const answers: SandboxAnswer[] = [];
  let closed = false;
  const sandbox: PolicySandbox = {
    ask(request) {
      requests.push(request);
      const answer = checkAnswer(policy.answer(request), request, 64);
      answers.push(answer);
      return answer;
    },
    close() {
      closed = true;
    },
  };
  let steps = 0;
  for (const _ of rehearseQuestions(HOST, sandbox)) {
    steps++;
    expect(closed).toBe(false);
  }

  expect(closed).toBe(true);
  expect(answers.filter((answer) => 'fault' in answer)).toEqual([]);
  const [start, ...asked] = requests;
  expect(start.ask).toBe('start');
  expect(asked).toHaveLength(2 * steps);
  const kinds = asked.map((request) => {
    if (request.ask !== 'init' && request.ask !== 'sipi') return request.ask;
    // Each AP takes it: an INIT makes it ready for the SIPI.
    const states = new Set(request.ask === 'sipi' ? request.states : []);
    return `${request.ask} ${request.targets.length} ${[...states].join()}`;
  });
  expect(new Set(kinds)).toEqual(new Set(['init 63 ', 'sipi 63 INIT_RECEIVED', 'init 1 ', 'sipi 1 INIT_RECEIVED']));
});
