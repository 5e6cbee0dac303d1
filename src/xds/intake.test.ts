// Messages come out whole and in order however the network cuts them, and not while reading is paused.
import { PassThrough } from 'node:stream';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Call } from './connection.ts';
import { Intake } from './intake.ts';
import { TooLargeError, WireFormatError } from './wire.ts';

/** A call as grpc-js hands it over: its stream stands still and has a reader of its own. */
function open(limit = 100) {
  const stream = new PassThrough();
  stream.on('data', () => expect.unreachable('the reader of grpc-js is gone'));
  stream.pause();
  const call = { call: { stream, incomingEncoding: 'identity' } } as unknown as Call;
  const got: string[] = [];
  const errors: Error[] = [];
  let onMessage = (): void => {};
  const intake = new Intake({
    call,
    limit,
    message: (message) => {
      got.push(message.toString());
      onMessage();
    },
    ended: () => got.push('end'),
    failed: (error) => errors.push(error),
  });
  const each = (run: () => void): void => {
    onMessage = run;
  };
  return { stream, got, errors, intake, each };
}

function message(text: string, flag = 0): Buffer {
  const head = Buffer.from([flag, 0, 0, 0, 0]);
  head.writeUInt32BE(Buffer.byteLength(text), 1);
  return Buffer.concat([head, Buffer.from(text)]);
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

test('however the bytes are cut, and also when each message pauses for a while', async () => {
  const texts = fc.array(fc.string({ maxLength: 20 }), { maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(texts, fc.array(fc.nat(200), { maxLength: 12 }), fc.boolean(), async (words, cuts, pauses) => {
      const { stream, got, errors, intake, each } = open();
      let paused = 0;
      each(() => {
        if (!pauses) return;
        expect(paused++).toBe(0);
        intake.pause();
        setImmediate(() => {
          paused--;
          intake.resume();
        });
      });
      const bytes = Buffer.concat(words.map((word) => message(word)));
      const places = [0, ...cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b), bytes.length];
      for (let i = 1; i < places.length; i++) stream.write(bytes.subarray(places[i - 1], places[i]));
      for (let i = 0; i < 2 * words.length + 4; i++) await turn();
      stream.end();
      for (let i = 0; i < 3; i++) await turn();
      expect([got, errors]).toEqual([[...words, 'end'], []]);
    }),
    { numRuns: 200 },
  );
});

test('a message that is too large is refused when its length is known, one that cannot be read as well', async () => {
  const large = open(10);
  large.stream.write(message('1234567890'));
  large.stream.write(message('12345678901').subarray(0, 5));
  large.stream.write(message('later'));
  const packed = open();
  packed.stream.write(message('x', 1));
  await turn();
  expect(large.got).toEqual(['1234567890']);
  expect(large.errors).toEqual([expect.any(TooLargeError)]);
  expect([packed.got, packed.errors]).toEqual([[], [expect.any(WireFormatError)]]);
});
