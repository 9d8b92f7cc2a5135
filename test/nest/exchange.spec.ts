import { ServerResponse } from 'node:http';
import { Exchange } from '../../lib/nest/exchange/exchange.js';
import { sessionOn } from '../../lib/nest/exchange/raw-exchange.js';
import { openRuntime } from '../session/session-runtime.js';
import { createActiveSession } from '../../lib/session/model/active-session.js';
import { createExchange } from '../support/node-exchange.js';

async function openModule(requestProperty: string | false) {
  const runtime = await openRuntime({ requestProperty });
  const { session } = await runtime.issuing!.issuer.generate(
    'ada',
    {},
    undefined,
  );
  return { runtime, active: createActiveSession(runtime, session, 'ada') };
}

describe.each(['session', false] as const)(
  'the session of a request, with requestProperty %p',
  (requestProperty) => {
    it('is found until its module takes it away; another module cannot', async () => {
      const { runtime, active } = await openModule(requestProperty);
      const other = await openModule(requestProperty);
      const { request, response } = createExchange();
      const exchange = Exchange.of(request, response, runtime);
      exchange.attach(active, runtime);
      const found = () => [
        sessionOn(request),
        (request as { session?: unknown }).session,
        exchange.session,
      ];
      const property = requestProperty === false ? undefined : active;
      expect(found()).toEqual([active, property, active]);
      exchange.detach(other.runtime);
      expect(found()).toEqual([active, property, active]);
      exchange.detach(runtime);
      expect(found()).toEqual([undefined, undefined, undefined]);
    });

    it('is replaced by that of the module that decides next', async () => {
      const { runtime, active } = await openModule(requestProperty);
      const other = await openModule(requestProperty);
      const { request, response } = createExchange();
      Exchange.of(request, response, runtime).attach(active, runtime);
      const exchange = Exchange.of(request, response, other.runtime);
      expect(exchange.session).toBeUndefined();
      exchange.attach(other.active, other.runtime);
      expect(sessionOn(request)).toBe(other.active);
      expect(exchange.session).toBe(other.active);
    });
  },
);

it('keeps apart requests that share their list of headers, unless Node made it', async () => {
  const { runtime, active } = await openModule('session');
  const rawHeaders = ['Host', 'app.example'];
  const [one, another] = [0, 1].map(() => ({ headers: {}, rawHeaders }));
  Exchange.of(one!, undefined, runtime).attach(active, runtime);
  expect(sessionOn(one!)).toBe(active);
  expect(sessionOn(another!)).toBeUndefined();
  expect(Exchange.of(another!, undefined, runtime).session).toBeUndefined();
  expect(Reflect.ownKeys(rawHeaders)).toEqual(['0', '1', 'length']);
});

it('keeps what belongs to a request of Node out of the request', async () => {
  const { runtime, active } = await openModule(false);
  const { request, response } = createExchange();
  const before = Reflect.ownKeys(request);
  Exchange.of(request, response, runtime).attach(active, runtime);
  expect(sessionOn(request)).toBe(active);
  expect(Reflect.ownKeys(request)).toEqual(before);
});

it('finds the session of a request whose list of headers an adapter has removed', async () => {
  const { runtime, active } = await openModule(false);
  const { request, response } = createExchange();
  Reflect.set(request, 'rawHeaders', undefined);
  Exchange.of(request, response, runtime).attach(active, runtime);
  expect(sessionOn(request)).toBe(active);
});

describe("heads of an Express application's responses", () => {
  function onExpress() {
    const prototype = Object.create(ServerResponse.prototype, {
      app: { value: {} },
    }) as ServerResponse;
    const { request, response } = createExchange();
    return {
      request,
      first: Object.setPrototypeOf(response, prototype) as ServerResponse,
      second: Object.setPrototypeOf(
        new ServerResponse(request),
        prototype,
      ) as ServerResponse,
    };
  }

  it('are those of the response that the request was decided with', () => {
    const { request, first, second } = onExpress();
    Exchange.of(request, first).varyBy('Cookie');
    second.writeHead(204);
    expect([first.headersSent, second.headersSent]).toEqual([false, true]);
    expect(second.hasHeader('vary')).toBe(false);
    first.writeHead(204);
    expect(first.getHeader('vary')).toBe('Cookie');
  });

  it('are completed by the response where it answers another request than the one that was decided', () => {
    const { first } = onExpress();
    Exchange.of({ headers: {} }, first).varyBy('Cookie');
    first.writeHead(204);
    expect(first.getHeader('vary')).toBe('Cookie');
  });

  it('are left alone where a response has lost its request', () => {
    const { request, first, second } = onExpress();
    Exchange.of(request, first).varyBy('Cookie');
    Reflect.set(second, 'req', undefined);
    second.writeHead(204);
    expect(second.hasHeader('vary')).toBe(false);
  });
});

it("removes the cache headers of middleware from a refusal, even where the reply's removeHeader leaves them to Node", () => {
  const { request, response } = createExchange();
  response.setHeader('CDN-Cache-Control', 'max-age=60');
  // As in Fastify before 5.12.
  const reply = {
    raw: response,
    getHeader: (name: string) => response.getHeader(name),
    getHeaders: () => response.getHeaders(),
    header: (name: string, value: string) => response.setHeader(name, value),
    removeHeader: () => undefined,
  };
  Exchange.of({ raw: request, headers: {} }, reply).refuseWith([]);
  expect(response.getHeaders()).toEqual({ 'cache-control': 'no-store' });
});
