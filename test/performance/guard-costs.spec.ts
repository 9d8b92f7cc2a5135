import type { Costs, GuardCosts } from './guard-costs.js';
import { runProgram } from './run-program.js';
import { rounds } from '../support/effort.js';
import { printFigures } from '../support/figures.js';

/** What one request allocates in the guard: 1.1 KB; a clone of the claims or an async function would show. */
const MAXIMUM_BYTES_PER_REQUEST = 2_200;
const PROGRAM = 'test/performance/guard-costs';
const FREE: Costs = {
  resources: {},
  crypto: [],
  storeCalls: 0,
  loaderCalls: 0,
  metadataReads: 0,
};

let costs: GuardCosts;

beforeAll(async () => {
  costs = await runProgram<GuardCosts>(PROGRAM);
});

describe('F-32: a request with a fresh token that was seen before', () => {
  it('costs no promise, timer, cryptography, metadata, call of store or loader, by either transport', () => {
    expect(costs.requests).toBe(rounds(10_000, 2_000));
    expect(costs.seenBefore.map(({ name }) => name)).toEqual([
      'cookie, without a store',
      'header, without a store',
      'cookie, with a store',
      'header, with a store',
    ]);
    for (const figures of costs.seenBefore) {
      expect(figures).toMatchObject(FREE);
      expect(figures.resources).toEqual({});
      expect(figures.crypto).toEqual([]);
    }
  });

  it('allocates little', () => {
    const bytes = costs.seenBefore.map(
      ({ name, bytesPerRequest }) =>
        `${name}: ${Math.round(bytesPerRequest)} bytes`,
    );
    printFigures('F-32', `a request allocates, ${bytes.join('; ')}`);
    for (const { bytesPerRequest } of costs.seenBefore) {
      expect(bytesPerRequest).toBeGreaterThan(0);
      expect(bytesPerRequest).toBeLessThan(MAXIMUM_BYTES_PER_REQUEST);
    }
  });

  it('adds one property to the request and one to the response', () => {
    for (const { properties } of costs.seenBefore) {
      expect(properties).toEqual(['session', 'writeHead']);
    }
  });

  it('adds none to the response of an Express application, where each costs 5 to 10 µs before Node 24', () => {
    for (const { propertiesOnExpress } of costs.seenBefore) {
      expect(propertiesOnExpress).toEqual(['session']);
    }
  });

  it('is what differs from one whose session is due, which costs some of each', () => {
    const { resources, crypto, storeCalls, loaderCalls } = costs.due;
    expect(resources).toMatchObject({
      PROMISE: expect.any(Number),
      Timeout: 1,
    });
    expect(crypto).toContain('createHmac');
    expect({ storeCalls, loaderCalls }).toEqual({
      storeCalls: 1,
      loaderCalls: 1,
    });
  });
});

describe('F-32: the first request with a token', () => {
  it('costs one verification and no promise, the next one none', () => {
    const operations = costs.firstSight.map(({ name, crypto }) => [
      name,
      crypto.filter((call) => call !== 'timingSafeEqual').length,
    ]);
    expect(operations).toEqual([
      ['HS256', 1],
      ['ES256', 1],
      ['EdDSA', 1],
      ['A256GCM', 1],
    ]);
    for (const { resources, again } of costs.firstSight) {
      // Node's name for a signature of node:crypto, which is made at once here.
      const { SIGNREQUEST: _verified, ...others } = resources;
      expect(others).toEqual({});
      expect(again).toEqual(FREE);
    }
  });
});

describe('the metadata of a handler', () => {
  it('is read at its first request, in each class that has the handler', () => {
    expect(costs.metadata).toHaveLength(4);
    for (const [first, second] of costs.metadata) {
      expect(first).toBeGreaterThan(0);
      expect(second).toBe(0);
    }
  });
});

describe('A-185: what the cache of verified tokens holds of the heap', () => {
  it('is bounded by maxTokens and by maxBytes', () => {
    const { tokens, maxTokens, maxBytes, off } = costs.heap;
    // What the requests leave behind where the cache is off is not its.
    const [unbounded, byTokens, byBytes, inLongHeaders] = [
      costs.heap.unbounded,
      costs.heap.byTokens,
      costs.heap.byBytes,
      costs.heap.byBytesInLongHeaders,
    ].map((bytes) => bytes - off) as [number, number, number, number];
    process.stdout.write(
      `A-185: ${tokens} tokens hold ${kilobytes(unbounded)} unbounded (${Math.round(unbounded / tokens)} bytes each), ${kilobytes(byTokens)} with maxTokens ${maxTokens}, ${kilobytes(byBytes)} with maxBytes ${kilobytes(maxBytes)}, ${kilobytes(inLongHeaders)} where they came in long headers\n`,
    );
    expect(unbounded).toBeGreaterThan(500 * tokens);
    expect(unbounded).toBeGreaterThan(2 * maxBytes);
    expect(byTokens).toBeLessThan(unbounded / 2);
    // The rest of the heap is not the same in two processes.
    expect(byBytes).toBeLessThan(1.25 * maxBytes);
    expect(inLongHeaders).toBeLessThan(1.25 * maxBytes);
  });
});

function kilobytes(bytes: number): string {
  return `${Math.round(bytes / 1024)} KB`;
}
