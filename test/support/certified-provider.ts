import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import Provider, { type ClientMetadata } from 'oidc-provider';

export const SILVER = 'urn:example:silver';
export const GOLD = 'urn:example:gold';

/** How the user of the provider signs in, by what was requested. */
const METHODS: Record<string, string[]> = {
  [SILVER]: ['pwd'],
  [GOLD]: ['pwd', 'otp'],
};

export interface CertifiedProvider {
  readonly issuer: string;
  /** Where it listens: the issuer, unless another one was passed. */
  readonly url: string;
  stop(): Promise<void>;
}

/**
 * A certified OpenID provider, whose user signs in without a page and consents to everything.
 *
 * @param issuer its address as clients know it; requests then state it in `X-Forwarded-Host` and `X-Forwarded-Proto`
 */
export async function startCertifiedProvider(
  client: () => Partial<ClientMetadata>,
  issuer?: string,
): Promise<CertifiedProvider> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  const provider = new Provider(issuer ?? url, {
    clients: [
      {
        client_id: 'app',
        response_types: ['code'],
        grant_types: ['authorization_code'],
        ...client(),
      },
    ],
    cookies: { keys: ['a key of the cookies'] },
    // Without its limit of 2.5 s, which a busy machine exceeds, and to this machine.
    fetch: (address, { method = 'GET', headers = {}, body = null } = {}) =>
      fetch(address, { method, headers, body }),
    acrValues: [SILVER, GOLD],
    claims: {
      openid: ['sub'],
      acr: null,
      amr: null,
      auth_time: null,
      sid: null,
    },
    features: {
      backchannelLogout: { enabled: true },
      claimsParameter: { enabled: true },
      devInteractions: { enabled: false },
    },
    interactions: { url: (_ctx, { uid }) => `/interaction/${uid}` },
    findAccount: (_ctx, sub) => ({
      accountId: sub,
      claims: () => ({ sub }),
    }),
    async loadExistingGrant(ctx) {
      const { client: known, session } = ctx.oidc;
      const grant = new ctx.oidc.provider.Grant({
        clientId: known!.clientId,
        accountId: session!.accountId!,
      });
      grant.addOIDCScope('openid');
      grant.addOIDCClaims(['acr', 'amr', 'auth_time']);
      await grant.save();
      return grant;
    },
  });
  provider.proxy = issuer !== undefined;
  const answer = provider.callback();
  server.on('request', (request, response) => {
    if (!request.url?.startsWith('/interaction/')) {
      void answer(request, response);
      return;
    }
    provider
      .interactionDetails(request, response)
      .then(({ params }) => {
        const acr = (params['acr_values'] as string | undefined) ?? SILVER;
        const amr = METHODS[acr]!;
        const login = { accountId: 'ada', acr, amr };
        return provider.interactionFinished(request, response, { login });
      })
      .catch(() => response.destroy());
  });
  return {
    issuer: issuer ?? url,
    url,
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
