import { Catch, Inject, Logger, type ArgumentsHost } from '@nestjs/common';
import { BaseExceptionFilter, HttpAdapterHost } from '@nestjs/core';
import { throwError } from 'rxjs';
import { SessionError } from '../errors/session-error.js';
import { Exchange } from './exchange/exchange.js';
import {
  endUnanswerable,
  type FrameworkResponse,
} from './exchange/raw-exchange.js';
import { headersOf, isMistake, toHttpException } from './session-exception.js';
import { SESSION_RUNTIME, type SessionRuntime } from './session-runtime.js';

/** Answers a `SessionError` that a handler did not catch; Nest alone would turn it into a 500. */
@Catch(SessionError)
export class SessionExceptionFilter extends BaseExceptionFilter<SessionError> {
  private readonly logger = new Logger('SessionJwtModule');

  constructor(
    @Inject(HttpAdapterHost) host: HttpAdapterHost,
    @Inject(SESSION_RUNTIME) private readonly runtime: SessionRuntime,
  ) {
    super(host.httpAdapter);
  }

  override catch(error: SessionError, host: ArgumentsHost): unknown {
    const exception = toHttpException(error);
    if (isMistake(error)) {
      this.logger.error(`${error.code}: ${error.message}`, error.stack);
    }
    if (host.getType() === 'rpc') {
      return throwError(() => exception);
    }
    if (host.getType() !== 'http') {
      throw exception;
    }
    const http = host.switchToHttp();
    const response = http.getResponse<FrameworkResponse>();
    const exchange = Exchange.of(http.getRequest(), response);
    exchange.refuseWith(headersOf(error, this.runtime.transports.challenges));
    const body = exception.getResponse();
    if (!endUnanswerable(response, exception.getStatus(), body)) {
      super.catch(exception as unknown as SessionError, host);
    }
    return undefined;
  }
}
