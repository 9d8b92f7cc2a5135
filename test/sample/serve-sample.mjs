// Compiled applications of a sample, one after the other, each with a clock that the parent process moves.
// { serve: environment } in, its address out; { advance: seconds } in, the time out; { stop: marker } in, which is
// printed when the application has ended.
import { Server } from 'node:tls';
import { ConsoleLogger } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { SessionClock } from 'nestjs-session-jwt';
import { TestSessionClock } from 'nestjs-session-jwt/testing';

const dist = new URL(`../../sample/${process.argv[2]}/dist/`, import.meta.url);
const initialEnvironment = { ...process.env };
let count = 0;
let app;
let clock;

const commands = {
  async serve(environment) {
    process.env = { ...initialEnvironment, ...environment };
    const { applicationOptions, createAdapter, setUp } = await import(
      new URL('create-app.js', dist)
    );
    // Evaluated anew each time: it may read the environment.
    count += 1;
    const { AppModule } = await import(new URL(`app.module.js?${count}`, dist));
    clock = new TestSessionClock(Math.floor(Date.now() / 1000));
    const testingModule = await Test.createTestingModule({
      imports: [AppModule],
    })
      .setLogger(new ConsoleLogger())
      .overrideProvider(SessionClock)
      .useValue(clock)
      .compile();
    app = setUp(
      testingModule.createNestApplication(createAdapter(), applicationOptions),
    );
    await app.listen(Number(environment.PORT ?? 0), 'localhost');
    const server = app.getHttpServer();
    const scheme = server instanceof Server ? 'https' : 'http';
    return { url: `${scheme}://localhost:${server.address().port}` };
  },
  advance(seconds) {
    clock.advance(seconds);
    return { now: clock.nowSeconds() };
  },
  async stop(marker) {
    const closed = app.close();
    app.getHttpServer().closeAllConnections();
    await closed;
    process.stdout.write(marker);
    process.stderr.write(marker);
    return {};
  },
};

process.on('message', async (message) => {
  const [[command, argument]] = Object.entries(message);
  process.send(await commands[command](argument));
});
process.on('disconnect', () => process.exit());
