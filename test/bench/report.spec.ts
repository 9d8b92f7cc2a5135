import { comparisonsFor } from './http/comparisons.mjs';
import { goalsOf, sharesOfBare } from './http/goals.mjs';
import { tablesOf } from './http/tables.mjs';
import { toChart } from './report/chart.mjs';
import { toMarkdown } from './report/markdown.mjs';
import { summarizeProfile, toProfileReport } from './report/profile.mjs';
import {
  compareRounds,
  difference,
  interleave,
  median,
  ratio,
} from './support/statistics.mjs';

/** Shots of two rounds. */
function shots(rate: number, cpu: number, p50 = 100) {
  return {
    rate: [rate, rate],
    cpu: [cpu, cpu],
    p50: [p50, p50],
    p99: [400, 600],
    others: [0.01, 0.03],
  };
}

const GUARD = {
  bare: shots(10_000, 100),
  'hand-made-header': shots(8_500, 120),
  'session-jwt-header': shots(8_000, 119, 110),
  'session-jwt-header-first-sight': shots(5_000, 150, 140),
};
const HTTP = {
  adapters: {
    fastify: {
      guard: {
        'one token': GUARD,
        '10,000 tokens': GUARD,
        'one connection': GUARD,
        alone: GUARD,
      },
      stores: {
        '10,000 tokens': {
          bare: shots(10_000, 100),
          'session-jwt-redis-always': shots(3_000, 300),
          'hand-made-redis': shots(4_000, 200),
        },
      },
      peers: {
        '10,000 tokens': {
          bare: shots(10_000, 200),
          'session-jwt-header': shots(8_000, 236),
          'docs-guard': shots(1_000, 1_888),
          'fast-jwt': shots(8_000, 236),
        },
      },
    },
  },
  experiments: {
    reload: {
      signMicroseconds: 5,
      loads: {
        fresh: shots(5_000, 150),
        reload: shots(4_000, 215),
        'fresh, one connection': shots(5_000, 150, 100),
        'reload, one connection': shots(5_000, 150, 166),
      },
    },
    flood: {
      loads: {
        'none, one connection': shots(5_000, 100, 100),
        'garbage, one connection': {
          ...shots(5_000, 100, 150),
          flooded: [1_980, 2_000],
        },
      },
    },
    growth: {
      loads: {
        '1 session': shots(5_000, 100),
        '10,000 sessions': shots(5_000, 110),
        '1,000,000 sessions, 10,000 of them active': shots(5_000, 140),
      },
    },
  },
};

describe('the figures of a benchmark', () => {
  test.each([
    [[3, 1, 2], 2],
    [[4, 1, 2, 3], 2.5],
    [[7], 7],
    [[10, 9, 100], 10],
  ])('are medians: of %p it is %p', (values, expected) => {
    expect(median(values)).toBe(expected);
  });

  it('are compared round by round, so that a slow round is slow for both sides', () => {
    expect(compareRounds([20, 300, 42], [10, 100, 20], ratio)).toEqual({
      median: 2.1,
      min: 2,
      max: 3,
    });
    expect(compareRounds([20, 300, 42], [10, 100, 20], difference).median).toBe(
      22,
    );
  });

  test.each([
    [[1, 2], [1]],
    [[], []],
  ])('are not compared when rounds are missing: %p with %p', (values, base) => {
    expect(() => compareRounds(values, base, ratio)).toThrow('rounds against');
  });

  it('are taken of every item once a round, in alternating order', async () => {
    const seen: string[] = [];

    await interleave(['a', 'b', 'c'], 3, async (item, round) => {
      seen.push(`${item}${round}`);
    });

    expect(seen.join(' ')).toBe('a0 b0 c0 c1 b1 a1 a2 b2 c2');
  });
});

describe('the goals of the HTTP benchmark', () => {
  const goals = goalsOf(HTTP);
  const goalOf = (name: string) =>
    goals.find((goal) => goal.name.startsWith(name));

  test.each([
    ['CPU that the guard adds, header, one cached token', 19, true],
    ['Requests per CPU second over docs-guard', 8, true],
    ['Requests per CPU second over fast-jwt', 1, false],
    [
      'p50 at one connection over the bare route, session-jwt-header,',
      1.1,
      true,
    ],
    [
      'p50 at one connection over the bare route, session-jwt-header-first',
      1.4,
      false,
    ],
    ["CPU of a request with `revocationCheck: 'always'`", 1.5, false],
    ['CPU that a reload adds', 65, true],
    ['p50 that a reload adds', 66, false],
    ['p50 of valid requests with 2,000 garbage tokens', 1.5, true],
    ['CPU of a request, 10,000 live sessions over 1', 1.1, true],
    ['CPU of a request, 1,000,000 live sessions over 10,000', 1.27, false],
  ])('say of "%s…": %p, met: %p', (name, figure, met) => {
    expect(goalOf(name)?.figure).toBeCloseTo(figure, 2);
    expect(goalOf(name)?.met).toBe(met);
  });

  it('draw only the comparison with most variants: others were loaded at other moments', () => {
    const [few, many] = [
      { '10,000 tokens': { bare: { cpu: [100] }, fast: { cpu: [125] } } },
      {
        '10,000 tokens': {
          bare: { cpu: [200] },
          fast: { cpu: [400] },
          slow: { cpu: [800] },
        },
      },
    ];
    for (const comparisons of [
      { few, many },
      { many, few },
    ]) {
      expect([...sharesOfBare(comparisons)]).toEqual([
        ['bare', 1],
        ['fast', 0.5],
        ['slow', 0.25],
      ]);
    }
    expect(sharesOfBare({}).size).toBe(0);
  });

  it('leave out what was not measured', () => {
    expect(
      goals.filter(({ name }) => /cookie|passport|Express/.test(name)),
    ).toEqual([]);
    expect(goalsOf({ adapters: {} })).toEqual([]);
  });
});

describe('the report of the HTTP benchmark', () => {
  const tables = tablesOf(HTTP);

  it('has a table for each load, with medians, ratios and what else kept the core busy', () => {
    expect(tables.map(({ title }) => title)).toEqual([
      'Fastify, the guard, side by side, one token',
      'Fastify, the guard, side by side, 10,000 tokens in rotation',
      'Fastify, the guard, alone at one connection, one token',
      'Fastify, the guard, alone at 64 connections, 10,000 tokens in rotation',
      'Fastify, stores, side by side, 10,000 tokens in rotation',
      'Fastify, peers, side by side, 10,000 tokens in rotation',
      'Reload, Fastify, cookie',
      'Garbage, Fastify',
      'Live sessions, Fastify, header',
    ]);
    const [shared, , latency] = tables;
    expect(shared?.note).toContain('busy with other processes for 2 %');
    expect(shared?.rows[2]).toEqual([
      'nestjs-session-jwt, header',
      '119.0',
      '19.0 (19.0–19.0)',
      '1.19 (1.19–1.19)',
    ]);
    expect(latency?.rows[2]).toEqual([
      'nestjs-session-jwt, header',
      '8,000',
      '110',
      '1.10 (1.10–1.10)',
      '500',
      '119.0',
    ]);
  });

  it('names the machine, the versions, and every goal with its figure', () => {
    const markdown = toMarkdown({
      machine: {
        date: '2030-01-02',
        node: 'v99.0.0',
        openssl: '9.9.9',
        system: 'Linux',
        processor: 'Abacus',
        cores: 2,
        memory: '1 GB',
      },
      versions: { jose: '6.0.0' },
      settings: { command: 'npm run bench', seconds: 1 },
      goals: [
        { name: 'a|b', goal: '≤ 1.5 ×', figure: 1.234, unit: '×', met: true },
        { name: 'c', goal: '≤ 5 µs', figure: 7, unit: 'µs', met: false },
        { name: 'd', goal: '≥ 2 ×', figure: 1, unit: '×', met: false },
      ],
      tables,
      profiles: {
        cookie: {
          owners: { Nest: 0.3, Fastify: 0.001 },
          ours: 0.05,
          oursWithCalls: 0.1,
          functions: {},
        },
      },
    });

    for (const text of ['2030-01-02', 'v99.0.0', 'Abacus', 'jose 6.0.0']) {
      expect(markdown).toContain(text);
    }
    expect(markdown).toContain('1 of 3 met.');
    expect(markdown).toContain('| a\\|b | ≤ 1.5 × | 1.23 × | met |');
    expect(markdown).toContain('| c | ≤ 5 µs | 7 µs | **missed** |');
    expect(markdown).toContain('### Garbage, Fastify');
    expect(markdown).toContain(
      '- cookie: our share is **5.0 %**, or 10.0 % including what it calls',
    );
    expect(markdown).toContain('| Nest | 30.0 % |');
    expect(markdown).not.toContain('| Fastify | 0.1 % |');
  });

  it('has a chart that is readable without colours: sorted bars with their values, a title and a description', () => {
    const chart = toChart({
      title: 'Throughput',
      description: 'On one core.',
      bars: [
        { label: 'a peer & "son"', share: 0.25, isOurs: false },
        { label: 'ours', share: 0.9, isOurs: true },
      ],
    });

    expect(chart).toContain('role="img"');
    expect(chart).toContain('<title id="title">Throughput</title>');
    expect(chart).toMatch(/<desc[^>]*>On one core\. ours: 90 %\./);
    expect(chart).toContain('prefers-color-scheme: dark');
    expect(chart).toContain('a peer &#38; &#34;son&#34;');
    const widths = [...chart.matchAll(/<rect.* width="([\d.]+)"/g)].map(
      ([, width]) => Number(width),
    );
    expect(widths).toEqual([333, 92.5]);
  });

  it('ignores the waiting of a profiled process, and attributes what we call to us', () => {
    const root = new URL('../../', import.meta.url).href;
    const node = (
      id: number,
      functionName: string,
      url: string,
      children: number[] = [],
    ) => ({
      id,
      callFrame: { functionName, url, lineNumber: 9 },
      children,
    });

    const summary = summarizeProfile({
      nodes: [
        node(1, '(root)', '', [2, 3, 4, 7]),
        node(2, '(idle)', ''),
        node(3, 'check', `${root}dist/nest/guard.js`, [5]),
        node(4, 'route', `${root}node_modules/fastify/lib/route.js`, [6]),
        node(5, 'createHmac', 'node:internal/crypto/hash'),
        node(6, 'write', 'node:_http_outgoing', [8]),
        node(7, '(garbage collector)', ''),
        node(8, 'writev', ''),
        node(9, 'handle', `${root}node_modules/@nestjs/core/router.js`),
      ],
      samples: [2, 3, 5, 4, 8, 7, 9],
      timeDeltas: [500, 10, 30, 25, 15, 5, 15],
    });

    expect(summary).toEqual({
      owners: {
        'Node: cryptography': 0.3,
        Fastify: 0.25,
        'Node: HTTP and sockets': 0.15,
        Nest: 0.15,
        'nestjs-session-jwt': 0.1,
        'V8: garbage collection': 0.05,
      },
      ours: 0.1,
      oursWithCalls: 0.4,
      functions: { 'check (dist/nest/guard.js:10)': 0.1 },
    });
    expect(toProfileReport({ cookie: summary })).toContain(
      '| `check (dist/nest/guard.js:10)` | 10.0 % |',
    );
  });
});

describe('the plan of the benchmark', () => {
  it.each(['fastify', 'express'])(
    'has the bare route in each comparison on %s, and every variant in one',
    (adapter) => {
      const comparisons = Object.values(comparisonsFor(adapter));

      for (const { variants } of comparisons) {
        expect(variants[0]?.name).toBe('bare');
      }
      const names = comparisons.flatMap(({ variants }) =>
        variants.map(({ name }) => name),
      );
      expect(names).toEqual(
        expect.arrayContaining(['hand-made-redis', 'iron-session', 'jose']),
      );
      expect(names.includes('express-session-redis')).toBe(
        adapter === 'express',
      );
    },
  );

  it('has one comparison in a quick run, or when variants are named', () => {
    expect(Object.keys(comparisonsFor('fastify', { quick: true }))).toEqual([
      'chosen',
    ]);
    const { chosen } = comparisonsFor('fastify', {
      names: ['bare', 'jose'],
      rounds: 7,
    });
    expect(chosen?.rounds).toBe(7);
    expect(chosen?.variants.map(({ name }) => name)).toEqual(['bare', 'jose']);
  });
});
