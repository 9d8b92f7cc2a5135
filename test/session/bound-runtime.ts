import { hashedLink } from '../../lib/session/records/presented-refresh.js';
import type { BindingAnswer } from '../../lib/session/binding/binding-answers.js';
import { linkOf } from '../../lib/session/model/refresh-chain.js';
import type { SignedSession } from '../../lib/session/model/signed-session.js';
import type { SessionJwtModuleOptions } from '../../lib/options/session-jwt-module-options.js';
import type { SessionDataLoader } from '../../lib/session/model/session-data-loader.js';
import type { RequestFacts } from '../../lib/ports/request-facts.js';
import { TestDevice } from '../../lib/testing/index.js';
import { SickStore } from '../support/sick-store.js';
import { factsOf, openRuntime } from './session-runtime.js';

export type Kind = 'stateless' | 'recorded';

/** For `describe.each(kinds)`. */
export const kinds: [Kind][] = [['stateless'], ['recorded']];

export const ACCESS = 300;
const COOKIE = '__Host-session';
const REFRESH_COOKIE = '__Host-Http-session-refresh';

/** What clears both cookies. */
export const PAIR = [COOKIE, REFRESH_COOKIE];

/** Tokens in cookies; those that are not given are absent. */
export interface Cookies {
  readonly session?: string | undefined;
  readonly refresh?: string | undefined;
}

/** A runtime that binds sessions, without HTTP. */
export async function openBound(
  kind: Kind,
  options: Partial<SessionJwtModuleOptions> = {},
  load?: SessionDataLoader<any, any>['load'],
) {
  const store = kind === 'recorded' ? new SickStore() : undefined;
  const runtime = await openRuntime(
    {
      refreshToken: { accessLifetime: ACCESS },
      dataRefreshInterval: ACCESS,
      deviceBinding: true,
      ...(store && { store }),
      ...options,
    },
    load,
  );
  const { issuing, heard, binding } = runtime;
  const signIn = async (subject = 'ada') => {
    const signed = await issuing!.issuer.generate(subject, {}, undefined);
    heard.length = 0;
    store?.takeCalls();
    return { ...tokensOf(signed), offer: offerOf(signed) };
  };
  const offerOf = ({ session: { claims, refresh } }: SignedSession) => {
    const link = refresh && linkOf(refresh);
    const { deliveries } = binding!.instructions.offer({
      ...claims,
      link: link && hashedLink(link),
    });
    return textIn(deliveries, /challenge="([^"]+)"/);
  };
  /** A challenge for a refresh of a session. */
  const challengeFor = (sid: string) =>
    /^"([^"]+)"/.exec(binding!.instructions.challenge(factsOf(), sid))![1]!;
  return { ...runtime, store, signIn, offerOf, challengeFor };
}

export type OpenedBound = Awaited<ReturnType<typeof openBound>>;

/** A device whose key the server does not know yet. */
export function newDevice(): TestDevice {
  return new TestDevice(async () => ({ status: 0, headers: {} }));
}

/** What a browser sends by itself. */
export function sentBy(
  cookies: Cookies,
  proof?: string,
  headers: Record<string, string> = {},
): RequestFacts {
  const { session, refresh } = cookies;
  const pairs = [
    ...(session === undefined ? [] : [`${COOKIE}=${session}`]),
    ...(refresh === undefined ? [] : [`${REFRESH_COOKIE}=${refresh}`]),
  ];
  return factsOf(
    {
      ...(pairs.length > 0 && { cookie: pairs.join('; ') }),
      ...(proof !== undefined && { 'secure-session-response': proof }),
      ...headers,
    },
    { method: 'POST' },
  );
}

export function tokensOf({ session, token, refreshToken }: SignedSession) {
  const { sid } = session.claims;
  return { sid, session: token, refresh: refreshToken, signed: session };
}

/** Binds a session to a device. Returns its tokens. */
export async function bind(
  { binding }: OpenedBound,
  { offer, ...tokens }: Awaited<ReturnType<OpenedBound['signIn']>>,
  device: TestDevice,
) {
  const proof = device.proofOf(offer, { isRegistration: true });
  const answer = await binding!.registration.register(sentBy(tokens, proof));
  if (answer.kind !== 'bound' || !answer.signed) throw new Error(answer.kind);
  const { token, refreshToken } = answer.signed;
  return { ...tokens, session: token, refresh: refreshToken ?? tokens.refresh };
}

/** What an answer says, and the names of what it sends to the browser. */
export function toldBy(answer: BindingAnswer) {
  switch (answer.kind) {
    case 'bound':
      return { bound: answer.signed ? namesIn(answer.signed.session) : [] };
    case 'challenged':
      return 'challenged';
    case 'ended':
      return { ended: namesIn(answer) };
    case 'refused':
      return { refused: answer.refusal, clears: namesIn(answer) };
    case 'failed':
      return { failed: (answer.error as { code?: string }).code };
  }
}

function namesIn({
  dispatch,
}: {
  dispatch?: SignedSession['session']['dispatch'] | undefined;
}) {
  return dispatch?.deliveries.map(({ name }) => name) ?? [];
}

function textIn(
  deliveries: readonly { value?: string }[] | readonly object[],
  pattern: RegExp,
): string {
  const [{ value }] = deliveries as [{ value: string }];
  return pattern.exec(value)![1]!;
}
