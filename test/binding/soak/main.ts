/**
 * A bound session in Chromium in real time: requests go on all the while, over a slow line. Prints the answers by status;
 * fails if one of them is 401.
 *
 *     npm run test:binding-soak -- --minutes 15 --lifetime 20 --latency 2000
 */
import { parseArgs } from 'node:util';
import { Controller, Get, Header, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  MemorySessionStore,
  Public,
  SessionJwtModule,
  SessionService,
} from '../../../lib/index.js';
import {
  BINDING_ARGUMENTS,
  findBindingChromium,
} from '../../support/binding-chromium.js';
import { openBrowser } from '../../support/chromium.js';
import { openHttpsFront } from '../../support/https-front.js';
import { AccountController } from '../../support/test-app.js';
import { SECRET } from '../../support/secrets.js';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '15' },
    lifetime: { type: 'string', default: '20' },
    latency: { type: 'string', default: '2000' },
  },
});
const HOST = 'app.test';

@Public()
@Controller()
class PageController {
  @Get('page')
  @Header('Content-Type', 'text/html')
  page() {
    return '<!doctype html><link rel="icon" href="data:,">';
  }
}

@Module({
  imports: [
    SessionJwtModule.forRoot({
      secret: SECRET,
      refreshToken: { accessLifetime: Number(values.lifetime) },
      dataRefreshInterval: Number(values.lifetime),
      deviceBinding: true,
      store: new MemorySessionStore(),
      dataLoader: false,
      routes: true,
    }),
  ],
  controllers: [PageController, AccountController],
})
class SoakModule {}

const found = findBindingChromium();
if ('reason' in found) {
  throw new Error(found.reason);
}
const app = await NestFactory.create(SoakModule, { logger: ['error'] });
await app.listen(0, '127.0.0.1');
const counts: Record<string, number> = {};
app
  .get(SessionService)
  .events$.subscribe(({ type }) => (counts[type] = (counts[type] ?? 0) + 1));
const { port } = app.getHttpServer().address() as { port: number };
const front = await openHttpsFront(port, HOST, Number(values.latency));
const browser = await openBrowser({
  executablePath: found.path,
  ignoreHTTPSErrors: true,
  args: [...BINDING_ARGUMENTS, '--host-resolver-rules=MAP *.test 127.0.0.1'],
});
const page = await browser.context.newPage();
await page.goto(`https://${HOST}:${front.port}/page`);
const statuses = await page.evaluate<Record<string, number>>(`(async () => {
  const until = Date.now() + ${Number(values.minutes) * 60_000};
  const statuses = {};
  const count = (status) => { statuses[status] = (statuses[status] ?? 0) + 1; };
  await fetch('/login', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"user":"ada"}',
  });
  const pending = new Set();
  let requests = 0;
  while (Date.now() < until) {
    // An address of its own: requests for one address wait for each other, with the cookies of when they began.
    const request = fetch('/me?' + (requests += 1), { signal: AbortSignal.timeout(60_000) }).then(({ status }) => count(status), () => count('failed'));
    pending.add(request);
    void request.finally(() => pending.delete(request));
    await new Promise((resolve) => setTimeout(resolve, ${Math.max(250, Number(values.latency) / 2)}));
  }
  await Promise.all(pending);
  return statuses;
})()`);
console.log(
  `${values.minutes} min, lifetime ${values.lifetime} s, latency ${values.latency} ms: ${JSON.stringify(statuses)} ${JSON.stringify(counts)}`,
);
await browser.close();
await front.close();
await app.close();
process.exitCode = Object.keys(statuses).every((status) => status === '200')
  ? 0
  : 1;
