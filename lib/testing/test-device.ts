import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { parseItem, parseList } from 'structured-headers';

/** A response, as `supertest` and other clients return it. */
export interface DeviceResponse {
  readonly status: number;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body?: unknown;
}

/** Sends a POST with an empty body, these headers and the cookies of the browser, and takes over its cookies. */
export type DeviceSend = (
  path: string,
  headers: Readonly<Record<string, string>>,
) => PromiseLike<DeviceResponse>;

const REGISTRATION = 'secure-session-registration';
const CHALLENGE = 'secure-session-challenge';
/** The client errors after which browsers try again: a proof, a proxy or a pause is needed first. */
const PASSING_STATUSES = [403, 407, 429];

/**
 * The part of a browser that binds sessions to a device, with a key in software: registers at the sign-in, and refreshes
 * with proofs (Device Bound Session Credentials).
 *
 * ```ts
 * const agent = request.agent(app.getHttpServer());
 * const device = new TestDevice((path, headers) => agent.post(path).set(headers));
 * await device.register(await agent.post('/login').send(credentials));
 * await device.refresh();
 * ```
 */
export class TestDevice {
  readonly #send: DeviceSend;
  readonly #algorithm: 'ES256' | 'RS256';
  readonly #privateKey: KeyObject;
  readonly #jwk: object;
  #identifier: string | undefined;
  #refreshPath: string | undefined;
  #challenge: string | undefined;

  constructor(send: DeviceSend, algorithm: 'ES256' | 'RS256' = 'ES256') {
    const { privateKey, publicKey } =
      algorithm === 'ES256'
        ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
        : generateKeyPairSync('rsa', { modulusLength: 2048 });
    this.#send = send;
    this.#algorithm = algorithm;
    this.#privateKey = privateKey;
    this.#jwk = publicKey.export({ format: 'jwk' });
  }

  /** Whether the server has bound a session to this device. */
  get isBound(): boolean {
    return this.#identifier !== undefined;
  }

  /**
   * Registers the key of the device, if the response of a sign-in offers it.
   *
   * @returns the answer; `undefined` if there was no offer
   */
  async register(signIn: DeviceResponse): Promise<DeviceResponse | undefined> {
    const offer = signIn.headers[REGISTRATION];
    if (typeof offer !== 'string') {
      return undefined;
    }
    const [[, parameters]] = parseList(offer) as [
      [unknown, Map<string, unknown>],
    ];
    const proof = this.proofOf(String(parameters.get('challenge')), {
      isRegistration: true,
    });
    return this.#take(
      await this.#send(String(parameters.get('path')), {
        'Secure-Session-Response': proof,
      }),
    );
  }

  /**
   * Refreshes the bound session, as a browser does once the session cookie is gone: asks for a challenge unless it has
   * one, then proves that it has the key.
   *
   * @throws {Error} if no session is bound to this device
   */
  async refresh(): Promise<DeviceResponse> {
    const challenge = this.#challenge;
    this.#challenge = undefined;
    const answer = await this.#request(challenge);
    const next = this.#challenge;
    if (answer.status !== 403 || next === undefined) {
      return answer;
    }
    this.#challenge = undefined;
    return this.#request(next);
  }

  /** Signs a challenge, for tests of what the server refuses. */
  proofOf(
    challenge: string,
    { isRegistration = false }: { isRegistration?: boolean } = {},
  ): string {
    const header = {
      alg: this.#algorithm,
      typ: 'dbsc+jwt',
      ...(isRegistration && { jwk: this.#jwk }),
    };
    const signed = [header, { jti: challenge }]
      .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      .join('.');
    const key =
      this.#algorithm === 'ES256'
        ? { key: this.#privateKey, dsaEncoding: 'ieee-p1363' as const }
        : this.#privateKey;
    const signature = sign('sha256', Buffer.from(signed), key);
    return `${signed}.${signature.toString('base64url')}`;
  }

  async #request(challenge: string | undefined): Promise<DeviceResponse> {
    if (this.#refreshPath === undefined || this.#identifier === undefined) {
      throw new Error('no session is bound to this device');
    }
    return this.#take(
      await this.#send(this.#refreshPath, {
        'Sec-Secure-Session-Id': `"${this.#identifier}"`,
        ...(challenge !== undefined && {
          'Secure-Session-Response': this.proofOf(challenge),
        }),
      }),
    );
  }

  /** Notes the instructions and the challenge of an answer, and forgets the session if it says so. */
  #take(answer: DeviceResponse): DeviceResponse {
    const challenge = answer.headers[CHALLENGE];
    if (typeof challenge === 'string') {
      this.#challenge = String(parseItem(challenge)[0]);
    }
    const body = (answer.body ?? {}) as Record<string, unknown>;
    const isOver =
      answer.status >= 400 &&
      answer.status < 500 &&
      !PASSING_STATUSES.includes(answer.status);
    if (answer.status === 200 && typeof body['refresh_url'] === 'string') {
      this.#identifier = String(body['session_identifier']);
      this.#refreshPath = body['refresh_url'];
    } else if (body['continue'] === false || isOver) {
      this.#identifier = undefined;
    }
    return answer;
  }
}
