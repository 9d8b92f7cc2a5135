import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import {
  Controller,
  Get,
  Req,
  Res,
  UseInterceptors,
  type CallHandler,
  type ExecutionContext,
  type INestApplication,
  type NestInterceptor,
} from '@nestjs/common';
import express, {
  type Express,
  type NextFunction,
  type Request,
  type Response,
} from 'express';
import type { Observable } from 'rxjs';
import type { Browser, TestResponse } from '../support/browser.js';
import { openTestApp } from '../support/opened-apps.js';
import { linesOf, valueOf } from '../support/set-cookie.js';
import type { TestApp } from '../support/test-app.js';

/** Wraps `writeHead` as `on-headers` does, which compression and session middleware use. */
function wrapHead(response: Response): void {
  const { writeHead } = response;
  response.writeHead = function (this: Response, ...given: unknown[]) {
    this.setHeader('X-Wrapped', 'yes');
    return (writeHead as (...given: unknown[]) => Response).apply(this, given);
  } as never;
}

class Wraps implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    wrapHead(context.switchToHttp().getResponse());
    return next.handle();
  }
}

@Controller('heads')
class Heads {
  @Get('plain')
  plain(@Req() request: Request, @Res() response: Response): void {
    response.json({
      keys: [request, response]
        .flatMap((object) =>
          Reflect.ownKeys(object).filter(
            (key) => typeof key === 'symbol' || key === 'writeHead',
          ),
        )
        .map(String)
        .filter((key) => /session-jwt|writeHead/.test(key)),
    });
  }

  @Get('wrapped')
  @UseInterceptors(new Wraps())
  wrapped(): object {
    return {};
  }

  @Get('varied')
  varied(@Res() response: Response): void {
    response.set('Vary', 'Accept').json({});
  }

  /** A first head that Node refuses, and then the answer of Nest's filter. */
  @Get('thrown')
  thrown(@Res() response: Response): void {
    response.writeHead(99);
  }
}

const open = (configure?: (app: INestApplication) => void): Promise<TestApp> =>
  openTestApp('express', {
    controllers: [Heads],
    ...(configure && { configure }),
  });

const expressOf = ({ app }: TestApp): Express =>
  app.getHttpAdapter().getInstance() as Express;

/** Asks with a fresh session, and with one that is due. Returns the answer to the latter, which must bring a token. */
async function expectDelivered(
  app: TestApp,
  browser: Browser,
  path: string,
  status = 200,
): Promise<TestResponse> {
  const fresh = await browser.get(path);
  app.clock.advance('15m');
  const due = await browser.get(path);
  for (const response of [fresh, due]) {
    expect(response.status).toBe(status);
    expect(response.headers['vary']).toMatch(/(^|, )Cookie$/);
  }
  expect(linesOf(fresh)).toEqual([]);
  const lines = linesOf(due);
  expect(lines).toHaveLength(1);
  await expect(app.sessions.verify(valueOf(lines[0]))).resolves.toMatchObject({
    subject: 'ada',
  });
  expect(due.headers['cache-control']).toBe('no-store');
  return due;
}

/** The same in an application of its own, for a user who has signed in there. */
async function expectDeliveredBy(
  opened: Promise<TestApp>,
  path: string,
  status?: number,
): Promise<TestResponse> {
  const app = await opened;
  return expectDelivered(app, await app.signIn(), path, status);
}

describe("heads that the prototype of an Express application's responses completes", () => {
  it('cost a request and its response no property', async () => {
    const response = await expectDeliveredBy(open(), '/heads/plain');
    expect(response.json).toEqual({ keys: [] });
  });

  it("keep the cookie in a handler's Vary", async () => {
    const { headers } = await expectDeliveredBy(open(), '/heads/varied');
    expect(headers['vary']).toBe('Accept, Cookie');
  });

  it('are complete in the answer to an error of the first attempt', async () => {
    await expectDeliveredBy(open(), '/heads/thrown', 500);
  });

  it('are complete where an interceptor wraps them afterwards', async () => {
    const { headers } = await expectDeliveredBy(open(), '/heads/wrapped');
    expect(headers['x-wrapped']).toBe('yes');
  });

  it('are complete where middleware has wrapped them before, from the first request on', async () => {
    const opened = open((nest) => {
      nest.use((_request: Request, response: Response, next: NextFunction) => {
        wrapHead(response);
        next();
      });
    });
    const { headers } = await expectDeliveredBy(opened, '/heads/plain');
    expect(headers['x-wrapped']).toBe('yes');
  });

  it.each([
    ['wraps nothing', false],
    ['wraps them', true],
  ])(
    'are complete where the application is mounted in another one, which %s',
    async (_what, isWrapped) => {
      const app = await open();
      const outer = express();
      outer.use((_request, response, next) => {
        if (isWrapped) wrapHead(response);
        next();
      });
      outer.use(expressOf(app));
      const server = outer.listen(0, '127.0.0.1');
      await once(server, 'listening');
      try {
        const browser = await app.signIn();
        const outside = browser.at(server.address() as AddressInfo);
        await expectDelivered(app, outside, '/heads/plain');
        // Without the other application, they are complete as well.
        await expectDelivered(app, browser, '/heads/plain');
      } finally {
        server.close();
      }
    },
  );

  it('are complete where the prototype cannot be changed', async () => {
    const opened = open((nest) => {
      Object.freeze((nest.getHttpAdapter().getInstance() as Express).response);
    });
    const response = await expectDeliveredBy(opened, '/heads/plain');
    expect(response.json).toEqual({ keys: ['writeHead'] });
  });

  it('are left alone in every other application of the process, and hooked once', async () => {
    const app = await open();
    const other = express();
    const hookOf = (): unknown =>
      Object.getOwnPropertyDescriptor(expressOf(app).response, 'writeHead')
        ?.value;
    expect(hookOf()).toBeUndefined();
    const browser = await app.signIn();
    const hook = hookOf();
    expect(hook).toEqual(expect.any(Function));
    await expectDelivered(app, browser, '/heads/plain');
    expect(hookOf()).toBe(hook);
    expect(other.response.writeHead).not.toBe(hook);
    expect(Object.hasOwn(other.response, 'writeHead')).toBe(false);
  });
});
