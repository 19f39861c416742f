import { describe, expect, test } from 'vitest';
import { interpret } from '../../../../test/fixtures/bpf-interpreter.ts';
import { assemble, encode, type Line } from './assemble.ts';

const filler = (count: number): Line[] => Array.from({ length: count }, () => ({ op: 'load', offset: 0 }));

function run(lines: readonly Line[], number: number): number {
  return interpret(encode(assemble(lines)), { number, arch: 0, args: [] }).value;
}

describe('the assembler', () => {
  const far = (yes: string | undefined, no: string | undefined, between: number): Line[] => [
    { op: 'load', offset: 0 },
    {
      op: 'branch',
      jump: 'equal',
      value: 7,
      ...(yes === undefined ? {} : { yes }),
      ...(no === undefined ? {} : { no }),
    },
    ...filler(between),
    { op: 'return', value: 1 },
    { op: 'label', name: 'a' },
    { op: 'return', value: 2 },
    ...filler(between),
    { op: 'label', name: 'b' },
    { op: 'return', value: 3 },
  ];

  test.each([0, 1, 250, 252, 253, 254, 255, 256, 257, 600])(
    'reaches labels over %i instructions',
    (between) => {
      expect([run(far('a', 'b', between), 7), run(far('a', 'b', between), 8)]).toEqual([2, 3]);
      expect([run(far('b', 'a', between), 7), run(far('b', 'a', between), 8)]).toEqual([3, 2]);
      expect([run(far('b', undefined, between), 7), run(far('b', undefined, between), 8)]).toEqual([3, 1]);
      expect([run(far(undefined, 'b', between), 7), run(far(undefined, 'b', between), 8)]).toEqual([1, 3]);
    },
  );

  test('refuses jumps that lead backwards, labels that are missing and labels that stand twice', () => {
    const back: Line[] = [
      { op: 'label', name: 'top' },
      { op: 'load', offset: 0 },
      { op: 'branch', jump: 'equal', value: 1, yes: 'top' },
    ];
    expect(() => assemble(back)).toThrow('the jump to top leads backwards');
    expect(() => assemble([{ op: 'goto', target: 'nowhere' }])).toThrow('no label nowhere');
    expect(() =>
      assemble([
        { op: 'label', name: 'x' },
        { op: 'label', name: 'x' },
      ]),
    ).toThrow('label x stands twice');
  });

  test('refuses more instructions than the kernel takes', () => {
    expect(assemble([...filler(4095), { op: 'return', value: 0 }])).toHaveLength(4096);
    expect(() => assemble([...filler(4096), { op: 'return', value: 0 }])).toThrow('too long');
  });
});
