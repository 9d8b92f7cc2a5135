import type { SessionJwtModuleOptions } from '../../lib/options/session-jwt-module-options.js';
import type { Delivery } from '../../lib/ports/transport.js';
import { LoadFailures } from '../../lib/session/loading/load-failures.js';
import { SessionExtension } from '../../lib/session/loading/session-extension.js';
import { SessionEvents } from '../../lib/session/model/session-events.js';
import { SessionMemory } from '../../lib/session/model/session-memory.js';
import type { SessionRecords } from '../../lib/session/records/session-records.js';
import { MemorySessionStore } from '../../lib/stores/memory-session-store.js';
import { until } from '../support/asynchrony.js';
import {
  carrying,
  OtherTransport,
  type CarriedTokens,
} from './carried-tokens.js';
import { sessionIn } from './live-session.js';
import { HANDLING, openRuntime, refreshWith } from './session-runtime.js';

const DEFECT = new TypeError('a bug of a transport');

class BreakableTransport extends OtherTransport {
  isBroken = false;

  override write(
    ...given: Parameters<OtherTransport['write']>
  ): readonly Delivery[] {
    if (this.isBroken) throw DEFECT;
    return super.write(...given);
  }
}

/** A session in a runtime whose tokens can no longer be issued. */
async function openBroken(options: Partial<SessionJwtModuleOptions> = {}) {
  const transport = new BreakableTransport(false);
  const source = { calls: 0 };
  const runtime = await openRuntime({ transport, ...options }, () => {
    source.calls += 1;
    return {};
  });
  const { issuer } = runtime.issuing!;
  const { session, token, refreshToken } = await issuer.generate(
    'ada',
    {},
    undefined,
  );
  transport.isBroken = true;
  source.calls = 0;
  runtime.heard.length = 0;
  const facts = carrying({ other: token, refreshOther: refreshToken });
  return {
    ...runtime,
    transport,
    source,
    session,
    refreshToken,
    authenticate: async () =>
      runtime.authenticator.authenticate(facts, HANDLING),
  };
}

describe('a defect, here of a transport that throws a TypeError', () => {
  it.each([
    ['may still be used', -1],
    ['is too old', 0],
  ])(
    'is no outage at a reload, where the data %s: the request fails with it',
    async (_age, seconds) => {
      const { clock, session, authenticate, heard, source, transport } =
        await openBroken();
      clock.set(session.staleUntil + seconds);
      await expect(authenticate()).rejects.toBe(DEFECT);
      expect(heard).toMatchObject([{ type: 'loaderFailed', error: DEFECT }]);
      // The loader is not called again for every request.
      await expect(authenticate()).rejects.toBe(DEFECT);
      expect(source.calls).toBe(1);
      transport.isBroken = false;
      clock.advance(1);
      expect(await authenticate()).toMatchObject({ kind: 'authenticated' });
    },
  );

  it('is no outage at a reload that the application asks for', async () => {
    const { issuing, session, transports, heard } = await openBroken();
    await expect(
      issuing!.reload.reloadNow(session, transports.all, false),
    ).rejects.toBe(DEFECT);
    expect(heard).toMatchObject([{ type: 'loaderFailed', error: DEFECT }]);
  });

  it.each<[string, Partial<SessionJwtModuleOptions>]>([
    ['without a store', {}],
    ['with a store', { store: new MemorySessionStore() }],
  ])('is no outage at a refresh %s', async (_case, options) => {
    const opened = await openBroken({ refreshToken: {}, ...options });
    const { clock, session, authenticate, heard, transport } = opened;
    clock.set(session.endsAt);
    await expect(authenticate()).rejects.toBe(DEFECT);
    expect((await refreshWith(opened, opened.refreshToken)).result).toEqual({
      kind: 'failed',
      error: DEFECT,
    });
    expect(heard).toMatchObject([{ type: 'loaderFailed', error: DEFECT }]);
    transport.isBroken = false;
    clock.advance(1);
    expect(await authenticate()).toMatchObject({ kind: 'authenticated' });
  });

  it('is no outage at a refresh ahead of time', async () => {
    const { clock, transport, authenticator, refreshToken, session } =
      await openBroken({ refreshToken: {} });
    const authenticate = async (tokens: CarriedTokens, isPassive = false) =>
      authenticator.authenticate(carrying(tokens), { ...HANDLING, isPassive });
    transport.isBroken = false;
    // A passive request gets new tokens, and leaves the idle end to the next active one.
    clock.set(session.endsAt - 10);
    const passive = sessionIn(
      await authenticate({ refreshOther: refreshToken }, true),
    );
    const [other, refreshOther] = passive.dispatch!.deliveries.map(
      (delivery) => (delivery.kind === 'header' ? delivery.value : ''),
    );
    clock.set(passive.extendAt);
    expect(clock.nowSeconds()).toBeLessThan(passive.dueAt);
    transport.isBroken = true;
    await expect(authenticate({ other, refreshOther })).rejects.toBe(DEFECT);
  });

  it('is told where nobody waits for the load any more', async () => {
    const { clock, session, authenticate, heard } = await openBroken({
      loader: { patience: 0 },
    });
    clock.set(session.dueAt);
    expect(await authenticate()).toMatchObject({ kind: 'authenticated' });
    await until(() => heard.length > 0, 'the event of the defect');
    expect(heard).toMatchObject([{ type: 'loaderFailed', error: DEFECT }]);
    await expect(authenticate()).rejects.toBe(DEFECT);
  });

  it('is no outage where the idle end moves', async () => {
    const { session, clock, policy } = await openBroken();
    const extension = new SessionExtension({
      records: {
        extended: () => Promise.reject(DEFECT),
      } as unknown as SessionRecords,
      memory: new SessionMemory(),
      failures: new LoadFailures(new SessionEvents(() => 0), () => 0),
      clock,
      policy,
    });
    clock.set(session.extendAt);
    await expect(extension.extend(session)).rejects.toBe(DEFECT);
  });
});
