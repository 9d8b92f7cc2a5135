import {
  Catch,
  Inject,
  Logger,
  type ArgumentsHost,
  type HttpException,
} from '@nestjs/common';
import { BaseExceptionFilter, HttpAdapterHost } from '@nestjs/core';
import { throwError } from 'rxjs';
import { SessionError } from '../errors/session-error.js';
import { exceptionIn, messageBodyOf } from './contexts/context-errors.js';
import { sendException } from './contexts/ws-exceptions.js';
import { Exchange } from './exchange/exchange.js';
import {
  endUnanswerable,
  type FrameworkResponse,
} from './exchange/raw-exchange.js';
import { headersOf, isMistake, toHttpException } from './session-exception.js';
import { SESSION_RUNTIME, type SessionRuntime } from './session-runtime.js';

/**
 * Answers a `SessionError` that a handler did not catch; Nest alone would turn it into a 500. The module applies it to
 * controllers and resolvers. Nest applies no global filter to gateways: add `@UseFilters(SessionExceptionFilter)` there,
 * and clients get the event `exception` with `{ status, message, errorCode }`.
 */
@Catch(SessionError)
export class SessionExceptionFilter extends BaseExceptionFilter<SessionError> {
  private readonly logger = new Logger('SessionJwtModule');

  /** @internal */
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
    switch (host.getType<string>()) {
      case 'http':
        return this.answer(error, exception, host);
      case 'ws':
        sendException(host.switchToWs().getClient(), messageBodyOf(exception));
        return undefined;
      case 'rpc':
        return throwError(() => messageBodyOf(exception));
      default:
        throw exceptionIn(
          host.getType<string>(),
          exception,
          this.runtime.contexts.errorClasses,
        );
    }
  }

  private answer(
    error: SessionError,
    exception: HttpException,
    host: ArgumentsHost,
  ): undefined {
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
