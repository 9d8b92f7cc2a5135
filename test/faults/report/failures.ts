/** A failure, and what must happen then. */
export interface Failure {
  readonly id: `F-${string}`;
  readonly failure: string;
  /** Tests assert counts, orders and ratios. Times are what an idle machine with two cores shows. */
  readonly demanded: string;
}

export const FAILURES = [
  {
    id: 'F-01',
    failure: 'Processes exchange one refresh token at the same time',
    demanded:
      '10,000 parallel refreshes at 2 processes, on each store: 10,000 x 200, 1 child, 0 alarms, 0 sessions lost; p99 < 3 s',
  },
  {
    id: 'F-02',
    failure: 'The answer to a refresh is lost',
    demanded:
      '1,000 lost answers: 1,000 recovered, however late, 0 alarms; once the child is used, the parent after the grace time ends the session: 1,000 sessions, 1,000 events',
  },
  {
    id: 'F-03',
    failure: 'A thief replays a refresh token',
    demanded:
      '1,000 thefts at random times, thieves who use nothing included: 0 unnoticed, 1,000 alarms, at most 2 access lifetimes after the uses lie further apart than the grace time',
  },
  {
    id: 'F-04',
    failure: 'A process is killed between the write and the answer',
    demanded: '500 kills: 0 sessions lost, 0 alarms',
  },
  {
    id: 'F-05',
    failure: 'A process is killed in the middle of a write',
    demanded: '500 kills: 0 half-written records; each operation is one write',
  },
  {
    id: 'F-06',
    failure: 'Redis is down when the application starts',
    demanded:
      'start < 5 s; 1,000 requests with live session tokens: 1,000 x 200; 100 refreshes: 100 x 503 within 300 ms, no cookie cleared; first success < 2 s after Redis starts',
  },
  {
    id: 'F-07',
    failure: 'Redis goes down while the application runs',
    demanded:
      'requests with live session tokens as fast as before; refreshes 503, p99 <= 350 ms, 0 x 401, 0 x Set-Cookie; the heap stays flat',
  },
  {
    id: 'F-08',
    failure: 'Redis takes 2 s for each call',
    demanded:
      'after 5 calls without an answer: 503 in < 5 ms, at most one call of the store per probe interval, event loop lag < 50 ms',
  },
  {
    id: 'F-09',
    failure: 'A failover loses the last writes of Redis',
    demanded:
      '1,000 lost rotations: 1,000 clients continue, 0 alarms; 1,000 confirmed revocations: 0 come back; without confirmation: the number that comes back',
  },
  {
    id: 'F-10',
    failure: 'Redis evicts sessions',
    demanded:
      '30 % of 10,000 sessions evicted: exactly those get 401, 0 alarms, 0 x 500; one warning at start-up',
  },
  {
    id: 'F-11',
    failure: 'Redis is flushed',
    demanded: 'one event from all processes together, not one a session',
  },
  {
    id: 'F-12',
    failure: 'Redis refuses: READONLY, LOADING, OOM, MOVED, NOSCRIPT',
    demanded:
      '100 requests for each error: 0 x 401, 0 x 500; NOSCRIPT reloads the script',
  },
  {
    id: 'F-13',
    failure:
      'Postgres is down, silent, read-only, out of connections or in conflict',
    demanded:
      'a pool of 1 that others hold: 503 within storeTimeout; 1,000 concurrent refreshes with 20 % serialization failures: 0 lost',
  },
  {
    id: 'F-14',
    failure: 'A node is cut off from the others',
    demanded:
      'a revoked session is refused there: without a log at its next reload, with one after maxLag at the latest, by a query of the store; the node catches up over a new connection',
  },
  {
    id: 'F-15',
    failure: 'The clocks of nodes differ',
    demanded:
      '-30 to +30 s: 0 failed refreshes, 0 alarms, one event a node; tokens of a node 4 s ahead are valid immediately',
  },
  {
    id: 'F-16',
    failure: 'The clock jumps back',
    demanded: '1 hour back: 0 ended sessions come back',
  },
  {
    id: 'F-17',
    failure: 'The loader is slow',
    demanded:
      '200 parallel requests of one session: 1 load, 200 x 200; p99 < 50 ms from the first failure on, or with loader.patience 0',
  },
  {
    id: 'F-18',
    failure: 'The loader hangs',
    demanded:
      '1,000 hanging loads: at most 64 in flight, flat heap, 0 late tokens',
  },
  {
    id: 'F-19',
    failure: 'The loader fails',
    demanded:
      '60 s without the data source, 1,000 active sessions: 0 ended, 0 cookies cleared, data at most interval + maxStale old; all reloaded within one back-off afterwards',
  },
  {
    id: 'F-20',
    failure: 'The loader reports that the user is gone',
    demanded:
      'the next request at any node: 401, cookie cleared; 1 event there',
  },
  {
    id: 'F-21',
    failure: 'Many tokens are due at the same time',
    demanded:
      '10,000 sessions of one second, 900 s interval: peak <= 3 x mean, at most 64 loads in flight',
  },
  {
    id: 'F-22',
    failure: 'One browser sends parallel requests when a reload is due',
    demanded:
      '20 requests: 1 load; their responses in 1,000 random orders: 1,000 jars with a working cookie',
  },
  {
    id: 'F-23',
    failure: 'The cookie grows beyond 4 KB',
    demanded:
      '4,096 bytes sent, 4,097 bytes refused with the largest parts named; a reload beyond the limit keeps the old token and reports it',
  },
  {
    id: 'F-24',
    failure: 'The headers of a request grow beyond 16 KB',
    demanded:
      'the cookies of the library stay below 8 KB: with 12,000 bytes of others 200, with 16,384 431 from Node',
  },
  {
    id: 'F-25',
    failure: 'The signing key is rotated',
    demanded:
      'a rotation every 2 s for 60 s under load, 2 nodes that switch at different moments: 0 x 401',
  },
  {
    id: 'F-26',
    failure: 'A key is removed in an emergency',
    demanded:
      'its tokens are refused from the next request on, other services refuse them within their TTL, and the JWKS no longer lists it',
  },
  {
    id: 'F-27',
    failure: 'A rolling deploy replaces the processes',
    demanded:
      '100 restarts under load: 0 sessions lost; a new version reads the tokens of the one before, and a token of a newer one is 401 with its cookies kept',
  },
  {
    id: 'F-28',
    failure: 'Several processes use the memory store',
    demanded: 'the application does not start, and the error says what to use',
  },
  {
    id: 'F-29',
    failure: 'The application shuts down',
    demanded:
      'refreshes in flight are answered; the process exits < 2 s after close(), 0 timers left',
  },
  {
    id: 'F-30',
    failure: 'The store grows',
    demanded:
      '100,000 expired sessions: 0 records left, 0 keys without a TTL; no sweep locks longer than 50 ms',
  },
  {
    id: 'F-31',
    failure: 'One user has 10,000 sessions',
    demanded:
      'all end in one round trip, < 20 ms, in time that grows linearly at most',
  },
  {
    id: 'F-32',
    failure: 'The cost of a request with a live session token',
    demanded:
      "calls of the store: 0, with revocationCheck 'always' exactly 1; calls of the loader: 0",
  },
] as const satisfies readonly Failure[];

export type FailureId = (typeof FAILURES)[number]['id'];
