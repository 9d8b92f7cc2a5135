import {
  Injectable,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import type { Observable } from 'rxjs';
import { Exchange } from '../exchange/exchange.js';

/** Keeps the responses of the ready-made routes out of every cache. */
@Injectable()
export class NoStoreInterceptor implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const http = context.switchToHttp();
    Exchange.of(http.getRequest(), http.getResponse()).preventStoring();
    return next.handle();
  }
}
