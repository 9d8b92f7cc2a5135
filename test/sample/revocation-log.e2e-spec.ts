import { startRedis, type RedisServer } from '../support/redis-server.js';
import { until } from '../support/asynchrony.js';
import { atFullEffort } from '../support/at-full-effort.js';
import { platforms } from '../support/effort.js';
import { SampleClient } from './sample-client.js';
import { runSample, type SampleProcess } from './sample-process.js';

const SECRET = 'wF3kQ9-vN7xR1_bT5mZ8cJ2hL6pY4sD0gA-uE_iOaXq';

describe.each(platforms('express'))(
  'two processes of sample 01 with a REDIS_URL, on %s',
  (ADAPTER) => {
    let redis: RedisServer;
    let processes: SampleProcess[];

    beforeEach(async () => {
      redis = await startRedis();
      const environment = {
        ADAPTER,
        REDIS_URL: redis.url,
        SESSION_SECRET: SECRET,
      };
      processes = await Promise.all([
        runSample('01-cookie-session', environment),
        runSample('01-cookie-session', environment),
      ]);
    });

    afterEach(async () => {
      await Promise.all(processes.map((each) => each.stop()));
      await redis.stop();
    });

    function clientOf(index: number, cookie = ''): SampleClient {
      const client = new SampleClient(processes[index]!.url);
      client.cookie = cookie;
      return client;
    }

    async function answersWith(
      client: SampleClient,
      status: number,
    ): Promise<void> {
      let last = 0;
      const ask = async (): Promise<void> => {
        while (last !== status) {
          ({ status: last } = await client.get('/me'));
        }
      };
      void ask();
      await until(() => last === status, `GET /me answers ${status}`);
    }

    atFullEffort(
      'refuse a copied cookie at both after a sign-out at one',
      async () => {
        const client = clientOf(0);
        await client.signIn('ada');
        const copy = clientOf(1, client.cookie);
        expect(await copy.get('/me')).toMatchObject({ status: 200 });
        await client.post('/logout');
        await answersWith(copy, 401);
        const other = clientOf(1);
        await other.signIn('ada');
        expect(await other.get('/me')).toMatchObject({ status: 200 });
      },
    );

    it('sign a user out everywhere, and nobody else', async () => {
      const first = clientOf(0);
      const second = clientOf(1);
      const bystander = clientOf(1);
      await first.signIn('ada');
      await second.signIn('ada');
      await bystander.signIn('grace');
      await first.post('/logout-everywhere');
      await answersWith(second, 401);
      expect(await bystander.get('/me')).toMatchObject({ status: 200 });
    });

    atFullEffort('go on while Redis is gone', async () => {
      const client = clientOf(0);
      await client.signIn('ada');
      await redis.stop();
      await until(
        () => processes[0]!.output().includes('may miss revocations'),
        'the log says that revocations may be missing',
      );
      expect(await client.get('/me')).toMatchObject({ status: 200 });
      expect(await clientOf(1, client.cookie).get('/me')).toMatchObject({
        status: 200,
      });
    });
  },
);
