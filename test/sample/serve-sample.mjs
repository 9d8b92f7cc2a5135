// A compiled sample with a clock that its parent process moves: { advance: seconds } in, the time out.
import { ConsoleLogger } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { SessionClock } from 'nestjs-session-jwt';
import { TestSessionClock } from 'nestjs-session-jwt/testing';

const dist = new URL(`../../sample/${process.argv[2]}/dist/`, import.meta.url);
const { AppModule } = await import(new URL('app.module.js', dist));
const { createAdapter, setUp } = await import(new URL('create-app.js', dist));

const clock = new TestSessionClock(Math.floor(Date.now() / 1000));
const testingModule = await Test.createTestingModule({ imports: [AppModule] })
  .setLogger(new ConsoleLogger())
  .overrideProvider(SessionClock)
  .useValue(clock)
  .compile();
const app = setUp(testingModule.createNestApplication(createAdapter()));
await app.listen(0, 'localhost');

process.on('message', ({ advance }) => {
  clock.advance(advance);
  process.send({ now: clock.nowSeconds() });
});
process.on('disconnect', () => process.exit());
process.send({
  url: `http://localhost:${app.getHttpServer().address().port}`,
});
