import { expect, test } from 'vitest';
import { Emitter } from './emitter';

test('listeners are called in the order in which they subscribed', () => {
  const emitter = new Emitter<number>();
  const heard: string[] = [];
  emitter.event((value) => heard.push(`first ${value}`));
  emitter.event((value) => heard.push(`second ${value}`));
  emitter.fire(1);
  emitter.fire(2);
  expect(heard).toEqual(['first 1', 'second 1', 'first 2', 'second 2']);
});

test('a disposed subscription hears nothing more, and disposing it again harms nobody', () => {
  const emitter = new Emitter<number>();
  const heard: number[] = [];
  const subscription = emitter.event((value) => heard.push(value));
  emitter.event((value) => heard.push(-value));
  subscription.dispose();
  subscription.dispose();
  emitter.fire(1);
  expect(heard).toEqual([-1]);
});

test('who subscribes or leaves while it fires does so for the next time', () => {
  const emitter = new Emitter<number>();
  const heard: string[] = [];
  emitter.event(() => {
    leaving.dispose();
    emitter.event((value) => heard.push(`late ${value}`));
  });
  const leaving = emitter.event((value) => heard.push(`leaving ${value}`));
  emitter.fire(1);
  expect(heard).toEqual(['leaving 1']);
  emitter.fire(2);
  expect(heard).toEqual(['leaving 1', 'late 2']);
});
