import {
  Controller,
  Delete,
  Get,
  HttpCode,
  Inject,
  NotFoundException,
  Param,
  Post,
  Req,
  Res,
  UseGuards,
  UseInterceptors,
  VERSION_NEUTRAL,
  type Type,
} from '@nestjs/common';
import { SessionError } from '../../errors/session-error.js';
import {
  exposedParts,
  type ResolvedRoutesOptions,
} from '../../options/resolve-routes-options.js';
import {
  ActiveSession,
  type AnySession,
} from '../../session/model/active-session.js';
import { shownSession } from '../../session/model/shown-session.js';
import type { SessionInfo } from '../../session/model/session-info.js';
import { NoStoreInterceptor } from './no-store.interceptor.js';
import { ProvidedSessionGuard } from '../provided-session.guard.js';
import {
  setHeaderOf,
  type FrameworkResponse,
  type SessionRequest,
  type SessionResponse,
} from '../exchange/raw-exchange.js';
import { RequireAuthentication } from '../authorization/require-authentication.decorator.js';
import { CheckRevocationInStore, Public } from '../route-access.js';
import { SESSION_RUNTIME, type SessionRuntime } from '../session-runtime.js';
import { Session } from '../session.decorator.js';
import { SessionGuard } from '../session.guard.js';
import { SessionService } from '../session.service.js';

/** A session of the signed-in user, as the list of devices shows it. */
export interface Device extends SessionInfo {
  /** Whether it is the session of the request. */
  readonly isCurrent: boolean;
}

/**
 * Returns the controller of the ready-made routes, at the configured path.
 *
 * @param isGuarded whether our guard covers the application, so that tests need to replace only that one
 */
export function sessionRoutesAt(
  routes: ResolvedRoutesOptions,
  isGuarded: boolean,
): Type {
  const { path, clearSiteData, reauthenticateSeconds: maxAge } = routes;
  const Reauthenticated = (): MethodDecorator =>
    maxAge === undefined ? () => undefined : RequireAuthentication({ maxAge });
  @Controller({ path, version: VERSION_NEUTRAL })
  @UseInterceptors(NoStoreInterceptor)
  @UseGuards(isGuarded ? ProvidedSessionGuard : SessionGuard)
  class SessionRoutesController {
    constructor(
      @Inject(SessionService)
      private readonly sessions: SessionService,
      @Inject(SESSION_RUNTIME) private readonly runtime: SessionRuntime,
    ) {}

    /** Returns the session of the request. */
    @Get()
    current(@Session() session: AnySession) {
      // A guard that replaces ours in a test may attach anything.
      return session instanceof ActiveSession
        ? shownSession(
            session,
            this.runtime,
            exposedParts(routes, this.runtime.options),
          )
        : session;
    }

    /** Exchanges the refresh token of the request for new tokens; 401 if it is no longer valid. */
    @Public()
    @Post('refresh')
    @HttpCode(200)
    async refresh(
      @Req() request: SessionRequest,
      @Res({ passthrough: true }) response: SessionResponse,
    ): Promise<object> {
      if (!this.runtime.options.refresh) {
        // Without refresh tokens, the 401 of a request is final; clients call this route nonetheless.
        throw new SessionError(
          'TOKEN_MISSING',
          'the module issues no refresh tokens',
        );
      }
      const issued = await this.sessions.refresh(request, { response });
      const { data, ...tokens } = issued.toJSON();
      const parts = exposedParts(routes, this.runtime.options);
      return parts.includes('data') ? { data, ...tokens } : tokens;
    }

    /** Ends the session of the request, even an expired one. Idempotent. */
    @Public()
    @Post('logout')
    @HttpCode(204)
    async logout(
      @Req() request: SessionRequest,
      @Res({ passthrough: true }) response: SessionResponse,
    ): Promise<void> {
      await this.sessions.revoke(request, { response });
      if (clearSiteData) {
        // With @Header, a refused request of another site would get it as well.
        setHeaderOf(
          response as FrameworkResponse,
          'Clear-Site-Data',
          clearSiteData,
        );
      }
    }

    /** Lists the sessions of the user, most recently used first. */
    @Get('devices')
    @CheckRevocationInStore()
    async devices(@Session() session: AnySession): Promise<Device[]> {
      this.#requireStore();
      const devices = await this.sessions.list(session.subject);
      return devices.map((device) => ({
        ...device,
        isCurrent: device.id === session.id,
      }));
    }

    /**
     * Ends all sessions except the one of the request, if that is alive. Its path is no id, so an empty id ends
     * nothing.
     */
    @Delete('devices/others')
    @Reauthenticated()
    @CheckRevocationInStore()
    async endOtherDevices(
      @Session() { id, subject }: AnySession,
    ): Promise<{ ended: number }> {
      if (!this.runtime.revocation.reachesOthers) {
        throw new NotFoundException();
      }
      return { ended: await this.sessions.revokeAll(subject, { except: id }) };
    }

    /** Ends one session of the user. The subject is that of the request's session, so other users are safe. */
    @Delete('devices/:id')
    @Reauthenticated()
    @CheckRevocationInStore()
    @HttpCode(204)
    async endDevice(
      @Param('id') id: string,
      @Session() session: AnySession,
    ): Promise<void> {
      this.#requireStore();
      const { subject } = session;
      const hasEnded = await (id === session.id
        ? this.sessions.revoke(session)
        : this.sessions.revoke({ id, subject }));
      if (!hasEnded) {
        throw new NotFoundException();
      }
    }

    /** Answers 404 without a store: there is no list, so there is no such route. */
    #requireStore(): void {
      if (!this.runtime.options.store) {
        throw new NotFoundException();
      }
    }
  }
  return SessionRoutesController;
}
