import {
  Controller,
  Get,
  Header,
  Inject,
  VERSION_NEUTRAL,
  type Type,
} from '@nestjs/common';
import type { JwkSet } from '../../keys/jwk-set.js';
import type { ResolvedJwksOptions } from '../../options/resolve-jwks-options.js';
import { keysUnavailable } from '../../session/model/session-outcome.js';
import { Public } from '../route-access.js';
import { SESSION_RUNTIME, type SessionRuntime } from '../session-runtime.js';

/** Returns the controller that publishes the public keys at the configured path. */
export function jwksControllerAt({
  path,
  maxAgeSeconds,
}: ResolvedJwksOptions): Type {
  @Controller({ path, version: VERSION_NEUTRAL })
  class SessionJwksController {
    constructor(
      @Inject(SESSION_RUNTIME) private readonly runtime: SessionRuntime,
    ) {}

    /** Returns the keys that currently verify session tokens (RFC 7517, section 5), the signing key first. */
    @Public()
    @Get()
    @Header('Content-Type', 'application/jwk-set+json')
    @Header('Cache-Control', `public, max-age=${maxAgeSeconds}`)
    async jwks(): Promise<JwkSet> {
      const { ring, codec, published } = this.runtime.keys;
      await ring.ready();
      if (codec.keys.isEmpty) {
        throw keysUnavailable();
      }
      return published();
    }
  }
  return SessionJwksController;
}
