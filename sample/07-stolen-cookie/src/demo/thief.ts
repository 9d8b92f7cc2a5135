import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { text as textOf } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import type { OnModuleDestroy } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { TestDevice } from 'nestjs-session-jwt/testing';
import { settings } from '../settings.js';
import { DemoLog } from './demo-log.js';

interface Answer {
  readonly status: number;
  readonly challenge: string | undefined;
  /** Whether it brought new tokens. */
  readonly hasTokens: boolean;
  /** Whether it makes browsers forget the session: `{ "continue": false }`. */
  readonly hasEnded: boolean;
}

/**
 * Another client, with a copy of the cookies and a key that is not the user's. It asks for the account again and again. Once
 * that is refused, it tries to refresh the session. For this demonstration only.
 */
@Injectable()
export class Thief implements OnModuleDestroy {
  readonly #device = new TestDevice(async () => ({ status: 0, headers: {} }));
  #cookies = new Map<string, string>();
  #accepted = 0;
  #lastEntry = '';
  #stopping = new AbortController();

  constructor(
    private readonly host: HttpAdapterHost,
    private readonly log: DemoLog,
  ) {}

  onModuleDestroy(): void {
    this.#stopping.abort();
  }

  /** Goes on with the cookies of this header, instead of those of an earlier theft. */
  steal(cookieHeader: string): void {
    this.#stopping.abort();
    this.#stopping = new AbortController();
    this.#cookies = new Map(
      cookieHeader.split('; ').map((pair) => cutAt(pair, '=')),
    );
    this.#accepted = 0;
    this.#lastEntry = '';
    const { signal } = this.#stopping;
    this.#run(signal).catch((error: unknown) => {
      if (!signal.aborted) this.#tell(`stopped: ${String(error)}`, false);
    });
  }

  async #run(signal: AbortSignal): Promise<void> {
    while ((await this.#readAccount(signal)) || (await this.#refresh(signal))) {
      await delay(settings.thiefPauseMilliseconds, undefined, {
        signal,
        ref: false,
      });
    }
  }

  async #readAccount(signal: AbortSignal): Promise<boolean> {
    const answer = await this.#send('GET', '/account', {}, signal);
    const isIn = answer.status === 200;
    if (isIn) this.#accepted += 1;
    this.#tell(`GET /account: ${outcomeOf(answer)}`, isIn);
    return isIn;
  }

  /** As the page refreshes, then as a browser refreshes a bound session: with a proof, but by another key. */
  async #refresh(signal: AbortSignal): Promise<boolean> {
    const origin = { Origin: this.#origin };
    const own = await this.#send('POST', '/session/refresh', origin, signal);
    this.#tell(`POST /session/refresh: ${outcomeOf(own)}`, own.hasTokens);
    if (own.hasTokens) return true;
    const path = '/session/device/refresh';
    const { challenge } = await this.#send('POST', path, {}, signal);
    if (challenge === undefined) return false;
    const proof = {
      'Secure-Session-Response': this.#device.proofOf(challenge),
    };
    const proven = await this.#send('POST', path, proof, signal);
    this.#tell(
      `POST ${path} with its own key: ${outcomeOf(proven)}`,
      proven.hasTokens,
    );
    return proven.hasTokens;
  }

  async #send(
    method: string,
    path: string,
    headers: Record<string, string>,
    signal: AbortSignal,
  ): Promise<Answer> {
    const cookie = [...this.#cookies].map((pair) => pair.join('=')).join('; ');
    const outgoing = request(new URL(path, this.#origin), {
      method,
      headers: { ...headers, Cookie: cookie, 'Content-Length': 0 },
      // The server is this process, whatever its certificate.
      rejectUnauthorized: false,
      signal,
    });
    outgoing.end();
    const [answer] = (await once(outgoing, 'response')) as [IncomingMessage];
    const body = await textOf(answer);
    const cookies = (answer.headers['set-cookie'] ?? []).filter(
      (line) => !line.includes('Max-Age=0'),
    );
    for (const line of cookies) {
      this.#cookies.set(...cutAt(cutAt(line, ';')[0], '='));
    }
    const challenge = answer.headers['secure-session-challenge'];
    return {
      status: answer.statusCode ?? 0,
      challenge: /^"([^"]+)"/.exec(String(challenge))?.[1],
      hasTokens: cookies.length > 0,
      hasEnded: body === '{"continue":false}',
    };
  }

  get #origin(): string {
    const server = this.host.httpAdapter.getHttpServer();
    return `https://localhost:${(server.address() as AddressInfo).port}`;
  }

  /** Logs an answer unless it is the last one again, which the page counts. */
  #tell(entry: string, isIn: boolean): void {
    if (entry !== this.#lastEntry) this.log.add('thief', entry);
    this.#lastEntry = entry;
    this.log.thief$.next({ isIn, accepted: this.#accepted });
  }
}

function outcomeOf({ status, hasTokens, hasEnded }: Answer): string {
  const what = hasTokens ? ', with new tokens' : '';
  return `${status}${hasEnded ? ', the session has ended' : what}`;
}

function cutAt(text: string, mark: string): [before: string, after: string] {
  const at = text.indexOf(mark);
  return at === -1 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}
