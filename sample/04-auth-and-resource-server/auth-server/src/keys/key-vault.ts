import { generateKeyPairSync } from 'node:crypto';
import { ConflictException, Injectable } from '@nestjs/common';
import type { SessionKey } from 'nestjs-session-jwt';

/**
 * Key pairs in the memory of one process. What your application has instead is a secret manager that all
 * processes of the auth server read. No private key ever leaves it for the resource server.
 */
@Injectable()
export class KeyVault {
  private keys: readonly SessionKey[] = [newKey('active')];

  /** What the library asks for at its start, when its keys are too old, and when it meets an unknown one. */
  read(): SessionKey[] {
    return [...this.keys];
  }

  /** A key that is published and signs nothing, so that verifiers know it before they meet it. */
  prepare(): void {
    if (!this.has('next')) {
      this.keys = [...this.keys, newKey('next')];
    }
  }

  /** The next key signs from now on; the tokens of the others stay good. */
  activate(): void {
    if (!this.has('next')) {
      throw new ConflictException('There is no next key; prepare one first.');
    }
    this.keys = this.keys.map((key) => ({
      ...key,
      state: key.state === 'next' ? 'active' : 'retiring',
    }));
  }

  /** Tokens of retiring keys are refused from now on: when the last of them has expired, nobody notices. */
  remove(): void {
    this.keys = this.keys.filter(({ state }) => state !== 'retiring');
  }

  /** The emergency: a key has leaked, and every token that it signed must be refused. */
  replace(): void {
    this.keys = [newKey('active')];
  }

  get states(): SessionKey['state'][] {
    return this.keys.map(({ state }) => state);
  }

  private has(state: SessionKey['state']): boolean {
    return this.keys.some((key) => key.state === state);
  }
}

function newKey(state: SessionKey['state'] & string): SessionKey {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { algorithm: 'ES256', privateKey, state };
}
