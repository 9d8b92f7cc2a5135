import { RecordLoss } from '../../../lib/stores/redis/record-loss.js';

const DAY = 86_400_000;

/** What lies beside the records of a server, until that loses everything. */
class Server {
  value: string | undefined;
  readonly claims = new Set<string>();
  isDown = false;
  #marks = 0;

  flush(): void {
    this.value = undefined;
    this.claims.clear();
  }

  mark(): string {
    this.#marks += 1;
    return `mark ${this.#marks}`;
  }
}

/** A process that watches a server. */
function watched(server = new Server()) {
  const state = { now: 0, calls: 0, claimFails: false };
  const answer = () => {
    state.calls += 1;
    if (server.isDown) throw new Error('down');
  };
  const loss = new RecordLoss(
    {
      async keep() {
        answer();
        server.value ??= server.mark();
        return server.value;
      },
      async claim(value) {
        answer();
        if (state.claimFails) throw new Error('claim');
        const isFirst = !server.claims.has(value);
        server.claims.add(value);
        return isFirst;
      },
    },
    () => state.now,
  );
  return { loss, server, state };
}

/** Lets what nothing waits for come to its end. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

describe('the loss of all records', () => {
  it('is not told of a server that has never had any', async () => {
    const { loss, server } = watched();
    loss.keepWatch();
    expect(await loss.isLost()).toBe(false);
    expect(server.value).toBe('mark 1');
  });

  it('is told once by each loss, to one caller of many (F-11)', async () => {
    const { loss, server, state } = watched();
    loss.keepWatch();
    await settle();
    for (let round = 0; round < 3; round += 1) {
      server.flush();
      state.now += 1_000;
      const told = await Promise.all(
        Array.from({ length: 100 }, () => loss.isLost()),
      );
      expect(told.filter(Boolean)).toHaveLength(1);
      state.now += 1_000;
      expect(await loss.isLost()).toBe(false);
    }
  });

  it('is told by one process of several, whichever asks first (F-11)', async () => {
    const { loss, server } = watched();
    const processes = [loss, watched(server).loss, watched(server).loss];
    for (const each of processes) each.keepWatch();
    await settle();
    server.flush();
    const told = await Promise.all(processes.map((each) => each.isLost()));
    expect(told.filter(Boolean)).toHaveLength(1);
  });

  it('is told though a new process has set the mark again before anyone asked (F-11)', async () => {
    const { loss, server } = watched();
    loss.keepWatch();
    await settle();
    server.flush();
    const young = watched(server).loss;
    young.keepWatch();
    await settle();
    expect(await young.isLost()).toBe(false);
    expect(await loss.isLost()).toBe(true);
  });

  it('is looked for at most once a second', async () => {
    const { loss, server, state } = watched();
    loss.keepWatch();
    await loss.isLost();
    expect(state.calls).toBe(2);
    server.flush();
    state.now = 999;
    for (let i = 0; i < 100; i += 1) {
      expect(await loss.isLost()).toBe(false);
    }
    expect(state.calls).toBe(2);
    state.now = 1_000;
    expect(await loss.isLost()).toBe(true);
  });

  it('is kept for the next one who asks, when the daily renewal of the mark finds it', async () => {
    const { loss, server, state } = watched();
    loss.keepWatch();
    await settle();
    server.flush();
    state.now = DAY - 1;
    loss.keepWatch();
    await settle();
    expect(server.value).toBeUndefined();
    state.now = DAY;
    loss.keepWatch();
    await settle();
    expect(server.value).toBeDefined();
    expect(await loss.isLost()).toBe(true);
  });

  it('is told by the next check where the claim of it failed', async () => {
    const { loss, server, state } = watched();
    loss.keepWatch();
    await settle();
    server.flush();
    state.claimFails = true;
    await expect(loss.isLost()).rejects.toThrow('claim');
    state.claimFails = false;
    state.now = 1_000;
    expect(await loss.isLost()).toBe(true);
  });

  it('is no matter of a server that is down: the watch goes on a second later, the asker hears the error', async () => {
    const { loss, server, state } = watched();
    server.isDown = true;
    loss.keepWatch();
    await settle();
    await expect(loss.isLost()).rejects.toThrow('down');
    server.isDown = false;
    state.now = 999;
    loss.keepWatch();
    await settle();
    expect(server.value).toBeUndefined();
    state.now = 1_000;
    loss.keepWatch();
    await settle();
    expect(server.value).toBeDefined();
    expect(await loss.isLost()).toBe(false);
  });
});
