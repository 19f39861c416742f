import assert from 'node:assert/strict';
import { test } from 'node:test';
import { greet } from '../src/greeting.js';

test('greets a person by name', () => {
  assert.equal(greet('Ada'), 'Hello, Ada!');
});

test('ignores space around the name', () => {
  assert.equal(greet('  Ada '), 'Hello, Ada!');
});

test('greets someone without a name as a stranger', () => {
  assert.equal(greet(''), 'Hello, stranger!');
});
