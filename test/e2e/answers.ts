import { Readable } from 'node:stream';
import {
  Catch,
  ConflictException,
  Controller,
  Get,
  Header,
  HttpCode,
  Inject,
  Injectable,
  Module,
  Redirect,
  Req,
  Res,
  Sse,
  StreamableFile,
  UseFilters,
  UseInterceptors,
  type ArgumentsHost,
  type CallHandler,
  type ExceptionFilter,
  type ExecutionContext,
  type NestInterceptor,
  type Type,
} from '@nestjs/common';
import { HttpAdapterHost, type AbstractHttpAdapter } from '@nestjs/core';
import { map, of, type Observable } from 'rxjs';
import {
  SessionService,
  type ActiveSession,
  type IssuedSession,
} from '../../lib/index.js';
import { createGate } from '../support/asynchrony.js';
import { needingNest12 } from '../support/nest-version.js';
import type { AdapterName } from '../support/test-app.js';

type AdapterOfNest12 = AbstractHttpAdapter & {
  setCookie(
    response: object,
    name: string,
    value: string,
    options: object,
  ): void;
};

/** What a handler does with its session before it answers; named by the request header `X-Act`. */
export type Act = 'nothing' | 'generate' | 'revoke' | 'wait';

/** The part that all handlers of this file have in common. */
@Injectable()
export class Acts {
  /** What the last `generate` gave. */
  issued: IssuedSession | undefined;
  /** Opened when a handler that is to wait has been reached. */
  reached = createGate();
  /** What it waits for. */
  gate = createGate();

  constructor(
    @Inject(SessionService) private readonly sessions: SessionService,
  ) {}

  async on(request: any, response: object): Promise<void> {
    switch (request.headers['x-act'] as Act | undefined) {
      case 'generate':
        this.issued = await this.sessions.generate('bob', { response });
        break;
      case 'revoke':
        await this.sessions.revoke(request.session as ActiveSession);
        break;
      case 'wait':
        this.reached.open();
        await this.gate.promise;
        break;
      default:
    }
  }

  /** Lets go whoever still waits. */
  reset(): void {
    this.gate.open();
    this.issued = undefined;
    this.reached = createGate();
    this.gate = createGate();
  }
}

/** Its import is what lets controllers be given `Acts`. */
@Module({ providers: [Acts], exports: [Acts] })
export class ActsModule {}

const OWN = 'own=1; Path=/';
const TWO = 'two=2; Path=/; HttpOnly';

class Mapping implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler): Observable<object> {
    return next.handle().pipe(map((body: unknown) => ({ mapped: body })));
  }
}

@Catch()
class Answering implements ExceptionFilter {
  constructor(
    @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost,
  ) {}

  catch(_error: unknown, host: ArgumentsHost): void {
    const response: unknown = host.switchToHttp().getResponse();
    this.host.httpAdapter.setHeader(response, 'Set-Cookie', OWN);
    this.host.httpAdapter.reply(response, { filtered: true }, 418);
  }
}

/** Ways to answer that are the same on both platforms. */
@Controller('answers')
class CommonAnswers {
  constructor(
    @Inject(Acts) private readonly acts: Acts,
    @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost,
  ) {}

  @Get('object')
  async object(@Req() req: any, @Res({ passthrough: true }) res: any) {
    await this.acts.on(req, res);
    return { answer: 1 };
  }

  @Get('text')
  async text(@Req() req: any, @Res({ passthrough: true }) res: any) {
    await this.acts.on(req, res);
    return 'answer';
  }

  @Get('observable')
  async observable(@Req() req: any, @Res({ passthrough: true }) res: any) {
    await this.acts.on(req, res);
    return of({ answer: 1 });
  }

  @Get('nothing')
  @HttpCode(204)
  async nothing(@Req() req: any, @Res({ passthrough: true }) res: any) {
    await this.acts.on(req, res);
  }

  @Get('passthrough')
  async passthrough(@Req() req: any, @Res({ passthrough: true }) res: any) {
    res.header('X-Own', '1');
    await this.acts.on(req, res);
    res.status(202);
    return { answer: 1 };
  }

  @Get('streamable')
  async streamable(@Req() req: any, @Res({ passthrough: true }) res: any) {
    await this.acts.on(req, res);
    return new StreamableFile(Readable.from([Buffer.from('answer')]));
  }

  @Get('web-response')
  async webResponse(@Req() req: any, @Res({ passthrough: true }) res: any) {
    await this.acts.on(req, res);
    const headers = { 'Set-Cookie': OWN, 'Cache-Control': 'public' };
    return new Response('answer', { headers });
  }

  @Get('redirect')
  @Redirect('/elsewhere', 302)
  async redirect(@Req() req: any, @Res({ passthrough: true }) res: any) {
    await this.acts.on(req, res);
  }

  @Get('http-exception')
  async httpException(@Req() req: any, @Res({ passthrough: true }) res: any) {
    await this.acts.on(req, res);
    throw new ConflictException('answer');
  }

  @Get('error')
  async error(@Req() req: any, @Res({ passthrough: true }) res: any) {
    await this.acts.on(req, res);
    throw new Error('answer');
  }

  @Sse('sse')
  async sse(@Req() req: any, @Res({ passthrough: true }) res: any) {
    await this.acts.on(req, res);
    return of({ data: 'answer' });
  }

  @Get('mapped')
  @UseInterceptors(Mapping)
  async mapped(@Req() req: any, @Res({ passthrough: true }) res: any) {
    await this.acts.on(req, res);
    return { answer: 1 };
  }

  @Get('filtered')
  @UseFilters(Answering)
  async filtered(@Req() req: any, @Res({ passthrough: true }) res: any) {
    await this.acts.on(req, res);
    throw new Error('answer');
  }

  @Get('own-cookie-before')
  async ownBefore(@Req() req: any, @Res({ passthrough: true }) res: any) {
    res.header('Set-Cookie', OWN);
    await this.acts.on(req, res);
    return { answer: 1 };
  }

  @Get('own-cookie-after')
  async ownAfter(@Req() req: any, @Res({ passthrough: true }) res: any) {
    await this.acts.on(req, res);
    res.header('Set-Cookie', OWN);
    return { answer: 1 };
  }

  @Get('own-cookies')
  async ownCookies(@Req() req: any, @Res({ passthrough: true }) res: any) {
    await this.acts.on(req, res);
    res.header('Set-Cookie', [OWN, TWO]);
    return { answer: 1 };
  }

  @Get('adapter-cookie')
  async adapterCookie(@Req() req: any, @Res({ passthrough: true }) res: any) {
    const httpAdapter = this.host.httpAdapter as AdapterOfNest12;
    httpAdapter.setCookie(res, 'own', '1', { path: '/' });
    await this.acts.on(req, res);
    httpAdapter.setCookie(res, 'two', '2', { path: '/', httpOnly: true });
    return { answer: 1 };
  }

  @Get('decorated')
  @Header('Set-Cookie', OWN)
  @Header('Cache-Control', 'public, max-age=3600')
  @Header('Vary', 'Accept-Language')
  async decorated(@Req() req: any, @Res({ passthrough: true }) res: any) {
    await this.acts.on(req, res);
    return { answer: 1 };
  }

  @Get('cookie-of-our-name')
  async ourName(@Req() req: any, @Res({ passthrough: true }) res: any) {
    await this.acts.on(req, res);
    res.header('Set-Cookie', [
      OWN,
      '__Host-Http-session=forged; Path=/; Secure',
    ]);
    return { answer: 1 };
  }

  @Get('public-cache')
  async publicCache(@Req() req: any, @Res({ passthrough: true }) res: any) {
    res.header('Cache-Control', 'public, max-age=3600');
    await this.acts.on(req, res);
    res.header('Cache-Control', 'public, max-age=3600, immutable');
    res.header('CDN-Cache-Control', 'max-age=3600');
    res.header('Surrogate-Control', 'max-age=3600');
    return { answer: 1 };
  }

  @Get('own-vary')
  async ownVary(@Req() req: any, @Res({ passthrough: true }) res: any) {
    await this.acts.on(req, res);
    res.header('Vary', 'Accept-Encoding');
    return { answer: 1 };
  }

  @Get('appended-vary')
  async appendedVary(@Req() req: any, @Res({ passthrough: true }) res: any) {
    await this.acts.on(req, res);
    const known: unknown = res.getHeader('Vary');
    res.header('Vary', [known, 'Accept-Encoding'].filter(Boolean).join(', '));
    return { answer: 1 };
  }

  @Get('removed-headers')
  async removed(@Req() req: any, @Res({ passthrough: true }) res: any) {
    await this.acts.on(req, res);
    for (const name of ['Set-Cookie', 'Vary', 'Cache-Control']) {
      res.removeHeader(name);
    }
    return { answer: 1 };
  }
}

/** Ways to answer with Express. */
@Controller('answers')
class ExpressAnswers {
  constructor(@Inject(Acts) private readonly acts: Acts) {}

  @Get('api')
  async api(@Req() req: any, @Res() res: any) {
    await this.acts.on(req, res);
    res.status(201).json({ answer: 1 });
  }

  @Get('framework-cookie')
  async frameworkCookie(@Req() req: any, @Res({ passthrough: true }) res: any) {
    res.cookie('own', '1', { sameSite: 'lax' });
    await this.acts.on(req, res);
    res.cookie('two', '2', { httpOnly: true, sameSite: 'lax' });
    return { answer: 1 };
  }

  @Get('appended')
  async appended(@Req() req: any, @Res({ passthrough: true }) res: any) {
    res.append('Set-Cookie', OWN);
    await this.acts.on(req, res);
    res.appendHeader('Set-Cookie', TWO);
    return { answer: 1 };
  }

  @Get('raw-end')
  async rawEnd(@Req() req: any, @Res() res: any) {
    await this.acts.on(req, res);
    res.end('answer');
  }

  @Get('raw-write')
  async rawWrite(@Req() req: any, @Res() res: any) {
    await this.acts.on(req, res);
    res.setHeader('Set-Cookie', OWN);
    res.write('ans');
    res.end('wer');
  }

  @Get('head-object')
  async headObject(@Req() req: any, @Res() res: any) {
    res.setHeader('Set-Cookie', 'replaced=by writeHead');
    await this.acts.on(req, res);
    res.writeHead(200, OBJECT_HEADERS).end('answer');
  }

  @Get('head-message')
  async headMessage(@Req() req: any, @Res() res: any) {
    await this.acts.on(req, res);
    res.writeHead(200, 'Fine', OBJECT_HEADERS).end('answer');
  }

  @Get('head-flat')
  async headFlat(@Req() req: any, @Res() res: any) {
    await this.acts.on(req, res);
    res.writeHead(200, FLAT_HEADERS).end('answer');
  }

  @Get('head-pairs')
  async headPairs(@Req() req: any, @Res() res: any) {
    await this.acts.on(req, res);
    res.writeHead(200, PAIRED_HEADERS).end('answer');
  }

  @Get('bad-head')
  async badHead(@Req() req: any, @Res() res: any) {
    await this.acts.on(req, res);
    res.writeHead(200, { 'X-Bad': 'line\r\nbreak' }).end('answer');
  }

  @Get('bad-status')
  async badStatus(@Req() req: any, @Res() res: any) {
    await this.acts.on(req, res);
    res.writeHead(99).end('answer');
  }

  @Get('pipe')
  async pipe(@Req() req: any, @Res() res: any) {
    await this.acts.on(req, res);
    Readable.from(['ans', 'wer']).pipe(res);
  }

  @Get('framework-redirect')
  async frameworkRedirect(@Req() req: any, @Res() res: any) {
    await this.acts.on(req, res);
    res.redirect(303, '/elsewhere');
  }

  @Get('flushed')
  async flushed(@Req() req: any, @Res() res: any) {
    await this.acts.on(req, res);
    res.setHeader('Set-Cookie', OWN);
    res.flushHeaders();
    res.end('answer');
  }

  @Get('too-late')
  async tooLate(@Req() req: any, @Res() res: any) {
    res.flushHeaders();
    await this.acts.on(req, res);
    res.end('answer');
  }
}

/** Ways to answer with Fastify. */
@Controller('answers')
class FastifyAnswers {
  constructor(@Inject(Acts) private readonly acts: Acts) {}

  @Get('api')
  async api(@Req() req: any, @Res() reply: any) {
    await this.acts.on(req, reply);
    reply.code(201).send({ answer: 1 });
  }

  @Get('framework-cookie')
  async frameworkCookie(
    @Req() req: any,
    @Res({ passthrough: true }) reply: any,
  ) {
    reply.setCookie('own', '1', { path: '/', sameSite: 'lax' });
    await this.acts.on(req, reply);
    reply.setCookie('two', '2', {
      path: '/',
      httpOnly: true,
      sameSite: 'lax',
    });
    return { answer: 1 };
  }

  @Get('appended')
  async appended(@Req() req: any, @Res({ passthrough: true }) reply: any) {
    reply.header('Set-Cookie', OWN);
    await this.acts.on(req, reply);
    reply.header('Set-Cookie', TWO);
    return { answer: 1 };
  }

  @Get('raw-end')
  async rawEnd(@Req() req: any, @Res() reply: any) {
    await this.acts.on(req, reply);
    reply.raw.end('answer');
  }

  @Get('raw-write')
  async rawWrite(@Req() req: any, @Res() reply: any) {
    await this.acts.on(req, reply);
    reply.raw.setHeader('Set-Cookie', OWN);
    reply.raw.write('ans');
    reply.raw.end('wer');
  }

  @Get('head-object')
  async headObject(@Req() req: any, @Res() reply: any) {
    reply.raw.setHeader('Set-Cookie', 'replaced=by writeHead');
    await this.acts.on(req, reply);
    reply.raw.writeHead(200, OBJECT_HEADERS).end('answer');
  }

  @Get('head-message')
  async headMessage(@Req() req: any, @Res() reply: any) {
    await this.acts.on(req, reply);
    reply.raw.writeHead(200, 'Fine', OBJECT_HEADERS).end('answer');
  }

  @Get('head-flat')
  async headFlat(@Req() req: any, @Res() reply: any) {
    await this.acts.on(req, reply);
    reply.raw.writeHead(200, FLAT_HEADERS).end('answer');
  }

  @Get('head-pairs')
  async headPairs(@Req() req: any, @Res() reply: any) {
    await this.acts.on(req, reply);
    reply.raw.writeHead(200, PAIRED_HEADERS).end('answer');
  }

  @Get('bad-head')
  async badHead(@Req() req: any, @Res() reply: any) {
    await this.acts.on(req, reply);
    reply.raw.writeHead(200, { 'X-Bad': 'line\r\nbreak' }).end('answer');
  }

  @Get('bad-status')
  async badStatus(@Req() req: any, @Res() reply: any) {
    await this.acts.on(req, reply);
    reply.raw.writeHead(99).end('answer');
  }

  @Get('pipe')
  async pipe(@Req() req: any, @Res() reply: any) {
    await this.acts.on(req, reply);
    return reply.send(Readable.from(['ans', 'wer']));
  }

  @Get('framework-redirect')
  async frameworkRedirect(@Req() req: any, @Res() reply: any) {
    await this.acts.on(req, reply);
    return reply.redirect('/elsewhere', 303);
  }

  @Get('flushed')
  async flushed(@Req() req: any, @Res() reply: any) {
    reply.hijack();
    await this.acts.on(req, reply);
    reply.raw.setHeader('Set-Cookie', OWN);
    reply.raw.flushHeaders();
    reply.raw.end('answer');
  }

  @Get('too-late')
  async tooLate(@Req() req: any, @Res() reply: any) {
    reply.hijack();
    reply.raw.flushHeaders();
    await this.acts.on(req, reply);
    reply.raw.end('answer');
  }

  @Get('hijacked')
  async hijacked(@Req() req: any, @Res() reply: any) {
    reply.hijack();
    await this.acts.on(req, reply);
    reply.raw.writeHead(200, OBJECT_HEADERS);
    reply.raw.end('answer');
  }

  @Get('hijacked-pipe')
  async hijackedPipe(@Req() req: any, @Res() reply: any) {
    reply.hijack();
    await this.acts.on(req, reply);
    Readable.from(['ans', 'wer']).pipe(reply.raw);
  }
}

const OBJECT_HEADERS = {
  'Content-Type': 'text/plain',
  'set-cookie': [OWN, TWO],
  'Cache-Control': 'public, max-age=3600',
};
const FLAT_HEADERS = [
  'Content-Type',
  'text/plain',
  'Set-Cookie',
  OWN,
  'Cache-Control',
  'public',
  'Set-Cookie',
  TWO,
];
const PAIRED_HEADERS = [
  ['Content-Type', 'text/plain'],
  ['Set-Cookie', [OWN, TWO]],
  ['Cache-Control', 'public'],
];

export const answersOf: Record<AdapterName, Type[]> = {
  express: [CommonAnswers, ExpressAnswers],
  fastify: [CommonAnswers, FastifyAnswers],
};

/** One way to answer, and what comes of it besides the session. */
export interface AnswerKind {
  path: string;
  what: string;
  status: number;
  /** The handler's own cookies. */
  cookies?: string[];
  only?: AdapterName;
  /** Where Nest 11 cannot do it. */
  needsNest12?: readonly AdapterName[];
}

/** Every way to answer on a platform. */
export function kindsOf(
  adapter: AdapterName,
): [what: string, kind: AnswerKind][] {
  return ANSWERS.filter(
    ({ only }) => only === undefined || only === adapter,
  ).map((kind) => [
    kind.needsNest12?.includes(adapter) ? needingNest12(kind.what) : kind.what,
    kind,
  ]);
}

/** What caches are told where an answer brings a token: compression must leave events alone. */
export function cacheControlOf({ path }: Pick<AnswerKind, 'path'>): string {
  return path === 'sse' ? 'no-store, no-transform' : 'no-store';
}

const BOTH_COOKIES = [OWN, TWO];

export const ANSWERS: AnswerKind[] = [
  { path: 'object', what: 'returns an object', status: 200 },
  { path: 'text', what: 'returns a text', status: 200 },
  { path: 'observable', what: 'returns an observable', status: 200 },
  { path: 'nothing', what: 'returns nothing with 204', status: 204 },
  { path: 'api', what: 'answers by @Res()', status: 201 },
  { path: 'passthrough', what: 'uses @Res({ passthrough })', status: 202 },
  { path: 'streamable', what: 'returns a StreamableFile', status: 200 },
  {
    path: 'web-response',
    what: 'returns a Response of fetch',
    needsNest12: ['express'],
    status: 200,
    cookies: [OWN],
  },
  { path: 'pipe', what: 'pipes a stream', status: 200 },
  { path: 'redirect', what: 'redirects by @Redirect()', status: 302 },
  {
    path: 'framework-redirect',
    what: "redirects by the framework's response",
    status: 303,
  },
  { path: 'http-exception', what: 'throws an HttpException', status: 409 },
  { path: 'error', what: 'throws an Error', status: 500 },
  { path: 'sse', what: 'sends events (@Sse)', status: 200 },
  { path: 'mapped', what: 'is mapped by an interceptor', status: 200 },
  {
    path: 'filtered',
    what: 'throws and is answered by a filter',
    status: 418,
    cookies: [OWN],
  },
  {
    path: 'own-cookie-before',
    what: 'sets a cookie of its own before',
    status: 200,
    cookies: [OWN],
  },
  {
    path: 'own-cookie-after',
    what: 'sets a cookie of its own after',
    status: 200,
    cookies: [OWN],
  },
  {
    path: 'own-cookies',
    what: 'sets an array of cookies',
    status: 200,
    cookies: BOTH_COOKIES,
  },
  {
    path: 'appended',
    what: 'appends cookies before and after',
    status: 200,
    cookies: BOTH_COOKIES,
  },
  {
    path: 'framework-cookie',
    what: "sets cookies by the framework's cookie API",
    status: 200,
    cookies: ['own=1; Path=/; SameSite=Lax', `${TWO}; SameSite=Lax`],
  },
  {
    path: 'adapter-cookie',
    what: "sets cookies by Nest's setCookie",
    needsNest12: ['express', 'fastify'],
    status: 200,
    cookies: BOTH_COOKIES,
  },
  {
    path: 'cookie-of-our-name',
    what: 'sets a cookie of our name itself',
    status: 200,
    cookies: [OWN],
  },
  {
    path: 'decorated',
    what: 'has @Header() for Set-Cookie, Cache-Control and Vary',
    status: 200,
    cookies: [OWN],
  },
  {
    path: 'public-cache',
    what: 'says that caches may keep the answer',
    status: 200,
  },
  { path: 'own-vary', what: 'sets Vary', status: 200 },
  { path: 'appended-vary', what: 'adds to Vary what it finds', status: 200 },
  { path: 'removed-headers', what: 'removes headers', status: 200 },
  { path: 'raw-end', what: "ends node's response", status: 200 },
  {
    path: 'raw-write',
    what: "writes to node's response",
    status: 200,
    cookies: [OWN],
  },
  {
    path: 'head-object',
    what: 'calls writeHead with an object',
    status: 200,
    cookies: BOTH_COOKIES,
  },
  {
    path: 'head-message',
    what: 'calls writeHead with a message and an object',
    status: 200,
    cookies: BOTH_COOKIES,
  },
  {
    path: 'head-flat',
    what: 'calls writeHead with names and values in turn',
    status: 200,
    cookies: BOTH_COOKIES,
  },
  {
    path: 'head-pairs',
    what: 'calls writeHead with pairs',
    status: 200,
    cookies: BOTH_COOKIES,
  },
  {
    path: 'bad-head',
    what: 'calls writeHead with a header that node refuses',
    status: 500,
  },
  {
    path: 'bad-status',
    what: 'calls writeHead with a status that node refuses',
    status: 500,
  },
  {
    path: 'flushed',
    what: 'flushes the head early',
    status: 200,
    cookies: [OWN],
  },
  {
    path: 'hijacked',
    what: 'hijacks the reply',
    status: 200,
    cookies: BOTH_COOKIES,
    only: 'fastify',
  },
  {
    path: 'hijacked-pipe',
    what: 'hijacks the reply and pipes',
    status: 200,
    only: 'fastify',
  },
];
