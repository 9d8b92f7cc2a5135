import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { SignJWT, type JWTHeaderParameters } from 'jose';
import { publicJwk } from '../../support/jwks-server.js';
import { keyPairs } from '../../support/key-pairs.js';

/** What a code stands for until it is exchanged. */
interface Grant {
  readonly subject: string;
  readonly redirectUri: string;
  readonly challenge: string;
  readonly nonce: string;
  readonly acr: string | undefined;
}

/** Where the browser goes next: by a redirect, or by a form that posts itself. */
export interface AuthorizationAnswer {
  readonly mode: 'form_post' | 'query';
  readonly redirectUri: string;
  readonly parameters: Record<string, string>;
}

export interface OpenIdClient {
  readonly id: string;
  readonly secret: string;
  readonly redirectUri: string;
}

/**
 * An OpenID provider: discovery, authorization code with PKCE, answers by redirect and by `form_post`, tokens
 * signed with ES256 (OpenID Connect Core 1.0, OAuth 2.0 Form Post Response Mode). Its user consents to everything.
 */
export class OpenIdProvider {
  /** Who is signed in there. */
  user = 'ada';
  /** The session of its user there. */
  sid = 'session-1';
  /** When the user signed in there, in seconds. */
  authTime = Math.floor(Date.now() / 1000);
  /** Changes the claims of the next ID tokens, while it is set. */
  forge: ((claims: Record<string, unknown>) => object) | undefined;
  readonly #grants = new Map<string, Grant>();
  #server: Server | undefined;

  /** @param issuer its address as clients know it, which need not be that of this process */
  constructor(
    readonly issuer: string,
    private readonly client: OpenIdClient,
  ) {}

  get url(): string {
    const { port } = this.#server!.address() as AddressInfo;
    return `http://127.0.0.1:${port}`;
  }

  async start(): Promise<this> {
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch(() => response.destroy());
    }).listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return this;
  }

  async stop(): Promise<void> {
    this.#server!.closeAllConnections();
    this.#server!.close();
    await once(this.#server!, 'close');
  }

  /** What the browser gets when an application sends it here. */
  authorize(address: string): AuthorizationAnswer {
    const url = new URL(address);
    const given = (name: string): string => url.searchParams.get(name) ?? '';
    if (
      url.origin !== this.issuer ||
      url.pathname !== '/authorize' ||
      given('client_id') !== this.client.id ||
      given('redirect_uri') !== this.client.redirectUri ||
      given('response_type') !== 'code' ||
      given('code_challenge_method') !== 'S256'
    ) {
      throw new Error(`invalid_request: ${address}`);
    }
    const code = randomBytes(16).toString('base64url');
    this.#grants.set(code, {
      subject: this.user,
      redirectUri: given('redirect_uri'),
      challenge: given('code_challenge'),
      nonce: given('nonce'),
      acr: url.searchParams.get('acr_values') ?? undefined,
    });
    return {
      mode: given('response_mode') === 'form_post' ? 'form_post' : 'query',
      redirectUri: given('redirect_uri'),
      parameters: { code, state: given('state'), iss: this.issuer },
    };
  }

  /** Signs an ID token or a logout token; claims replace the usual ones. */
  sign(
    claims: Record<string, unknown>,
    header: Partial<JWTHeaderParameters> = {},
  ): Promise<string> {
    const now = Math.floor(Date.now() / 1000);
    const usual = {
      iss: this.issuer,
      aud: this.client.id,
      iat: now,
      exp: now + 300,
    };
    return new SignJWT({ ...usual, ...claims })
      .setProtectedHeader({ alg: 'ES256', ...header })
      .sign(keyPairs.ES256.privateKey);
  }

  async #answer(
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const json = (body: object, status = 200): void => {
      response.writeHead(status, { 'Content-Type': 'application/json' });
      response.end(JSON.stringify(body));
    };
    switch (request.url) {
      case '/.well-known/openid-configuration':
        return json({
          issuer: this.issuer,
          authorization_endpoint: `${this.issuer}/authorize`,
          token_endpoint: `${this.issuer}/token`,
          end_session_endpoint: `${this.issuer}/sign-out`,
          jwks_uri: `${this.issuer}/jwks`,
          response_types_supported: ['code'],
          response_modes_supported: ['query', 'form_post'],
          subject_types_supported: ['public'],
          id_token_signing_alg_values_supported: ['ES256'],
          code_challenge_methods_supported: ['S256'],
          authorization_response_iss_parameter_supported: true,
        });
      case '/jwks':
        return json({ keys: [publicJwk(keyPairs.ES256, 'ES256')] });
      case '/token': {
        const tokens = await this.#exchange(
          new URLSearchParams(await text(request)),
        );
        return tokens ? json(tokens) : json({ error: 'invalid_grant' }, 400);
      }
      default:
        return json({ error: 'not_found' }, 404);
    }
  }

  /** A code is good once, for the client and the verifier that it was issued for. */
  async #exchange(given: URLSearchParams): Promise<object | undefined> {
    const code = given.get('code') ?? '';
    const grant = this.#grants.get(code);
    this.#grants.delete(code);
    const challenge = createHash('sha256')
      .update(given.get('code_verifier') ?? '')
      .digest('base64url');
    if (
      !grant ||
      given.get('client_id') !== this.client.id ||
      given.get('client_secret') !== this.client.secret ||
      given.get('redirect_uri') !== grant.redirectUri ||
      challenge !== grant.challenge
    ) {
      return undefined;
    }
    const claims = {
      sub: grant.subject,
      nonce: grant.nonce,
      sid: this.sid,
      auth_time: this.authTime,
      acr: grant.acr,
    };
    const idToken = this.sign({ ...claims, ...this.forge?.(claims) });
    return {
      access_token: randomBytes(16).toString('base64url'),
      token_type: 'Bearer',
      expires_in: 300,
      id_token: await idToken,
    };
  }
}
