import { RecordLoss } from '../../../lib/stores/redis/record-loss.js';

const DAY = 86_400_000;

/** A loss that tests see to, with the mark of a server that may be down. */
function watched(mark = { isThere: false }) {
  const state = { now: 0, calls: 0, isDown: false };
  const loss = new RecordLoss(
    async () => {
      state.calls += 1;
      if (state.isDown) {
        throw new Error('down');
      }
      const wasMissing = !mark.isThere;
      mark.isThere = true;
      return wasMissing;
    },
    () => state.now,
  );
  return { loss, mark, state };
}

/** Lets what nothing waits for come to its end. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

describe('the loss of all records', () => {
  it('is not told of a server that has never had any', async () => {
    const { loss, mark } = watched();
    loss.keepWatch();
    expect(await loss.isLost()).toBe(false);
    expect(mark.isThere).toBe(true);
  });

  it('is told once by each loss, to one caller of many (F-11)', async () => {
    const { loss, mark, state } = watched();
    loss.keepWatch();
    await settle();
    for (let round = 0; round < 3; round += 1) {
      mark.isThere = false;
      state.now += 1_000;
      const told = await Promise.all(
        Array.from({ length: 100 }, () => loss.isLost()),
      );
      expect(told.filter(Boolean)).toHaveLength(1);
      state.now += 1_000;
      expect(await loss.isLost()).toBe(false);
    }
  });

  it('is told by one process of two (F-11)', async () => {
    const mark = { isThere: false };
    const processes = [watched(mark), watched(mark)];
    for (const { loss } of processes) loss.keepWatch();
    await settle();
    mark.isThere = false;
    const told = await Promise.all(processes.map(({ loss }) => loss.isLost()));
    expect(told.filter(Boolean)).toHaveLength(1);
  });

  it('is looked for at most once a second', async () => {
    const { loss, mark, state } = watched();
    loss.keepWatch();
    await loss.isLost();
    expect(state.calls).toBe(2);
    mark.isThere = false;
    state.now = 999;
    for (let i = 0; i < 100; i += 1) {
      expect(await loss.isLost()).toBe(false);
    }
    expect(state.calls).toBe(2);
    state.now = 1_000;
    expect(await loss.isLost()).toBe(true);
  });

  it('is kept for the next one who asks, when the daily renewal of the mark finds it', async () => {
    const { loss, mark, state } = watched();
    loss.keepWatch();
    await settle();
    mark.isThere = false;
    state.now = DAY - 1;
    loss.keepWatch();
    await settle();
    expect(mark.isThere).toBe(false);
    state.now = DAY;
    loss.keepWatch();
    await settle();
    expect(mark.isThere).toBe(true);
    expect(await loss.isLost()).toBe(true);
  });

  it('is no matter of a server that is down: the watch goes on a second later, the asker hears the error', async () => {
    const { loss, mark, state } = watched();
    state.isDown = true;
    loss.keepWatch();
    await settle();
    await expect(loss.isLost()).rejects.toThrow('down');
    state.isDown = false;
    state.now = 999;
    loss.keepWatch();
    await settle();
    expect(mark.isThere).toBe(false);
    state.now = 1_000;
    loss.keepWatch();
    await settle();
    expect(mark.isThere).toBe(true);
    expect(await loss.isLost()).toBe(false);
  });
});
