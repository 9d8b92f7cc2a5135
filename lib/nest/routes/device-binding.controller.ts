import {
  Controller,
  HttpCode,
  HttpException,
  HttpStatus,
  Inject,
  NotFoundException,
  Post,
  Req,
  Res,
  UseInterceptors,
  VERSION_NEUTRAL,
  type Type,
} from '@nestjs/common';
import { CHALLENGE_HEADER } from '../../binding/binding-headers.js';
import { refusalError } from '../../errors/refusal.js';
import type { ResolvedRoutesOptions } from '../../options/resolve-routes-options.js';
import type { BindingAnswer } from '../../session/binding/binding-answers.js';
import { Exchange } from '../exchange/exchange.js';
import type {
  SessionRequest,
  SessionResponse,
} from '../exchange/raw-exchange.js';
import { errorBodyOf } from '../session-exception.js';
import { Public } from '../route-access.js';
import {
  SESSION_RUNTIME,
  type SessionBinding,
  type SessionRuntime,
} from '../session-runtime.js';
import { NoStoreInterceptor } from './no-store.interceptor.js';

/** Makes a browser forget a bound session: Device Bound Session Credentials, section 9.4. */
const FORGET = Object.freeze({ continue: false });

const deviceControllers = new WeakSet<object>();

/** Whether only browsers themselves call the routes of a controller, so that documents for developers leave them out. */
export function isForBrowsersAlone(controller: object): boolean {
  return deviceControllers.has(controller);
}

/** Returns the controller of the routes that browsers themselves call for bound sessions. */
export function deviceBindingAt({ path }: ResolvedRoutesOptions): Type {
  @Controller({ path: `${path}/device`, version: VERSION_NEUTRAL })
  @UseInterceptors(NoStoreInterceptor)
  class DeviceBindingController {
    constructor(
      @Inject(SESSION_RUNTIME) private readonly runtime: SessionRuntime,
    ) {}

    /** Binds a new session to the key that the browser has created for it. */
    @Public()
    @Post()
    @HttpCode(200)
    async register(
      @Req() request: SessionRequest,
      @Res({ passthrough: true }) response: SessionResponse,
    ): Promise<object> {
      const { registration } = this.#binding;
      const exchange = Exchange.of(request, response);
      return this.#answer(await registration.register(exchange), exchange);
    }

    /** Exchanges the refresh token of a bound session. */
    @Public()
    @Post('refresh')
    @HttpCode(200)
    async refresh(
      @Req() request: SessionRequest,
      @Res({ passthrough: true }) response: SessionResponse,
    ): Promise<object> {
      const { refresh } = this.#binding;
      const exchange = Exchange.of(request, response);
      return this.#answer(await refresh.refresh(exchange), exchange);
    }

    get #binding(): SessionBinding {
      const { binding } = this.runtime;
      if (!binding) {
        throw new NotFoundException();
      }
      return binding;
    }

    #answer(answer: BindingAnswer, exchange: Exchange): object {
      const { instructions } = this.#binding;
      switch (answer.kind) {
        case 'bound': {
          const { signed, sid } = answer;
          if (signed) exchange.deliver(signed.session.dispatch);
          const ahead = instructions.challengeAhead(exchange, sid);
          if (ahead) exchange.deliver(ahead);
          return instructions.of(exchange);
        }
        case 'ended':
          if (answer.dispatch) exchange.deliver(answer.dispatch);
          return FORGET;
        case 'challenged': {
          const challenge = instructions.challenge(exchange, answer.sid);
          exchange.refuseWith([[CHALLENGE_HEADER, challenge]]);
          const body = errorBodyOf(HttpStatus.FORBIDDEN, 'PROOF_REQUIRED');
          throw new HttpException(body, HttpStatus.FORBIDDEN);
        }
        case 'refused':
          if (answer.dispatch) exchange.deliver(answer.dispatch);
          throw refusalError(answer.refusal);
        case 'failed':
          throw answer.error;
      }
    }
  }
  deviceControllers.add(DeviceBindingController);
  return DeviceBindingController;
}
