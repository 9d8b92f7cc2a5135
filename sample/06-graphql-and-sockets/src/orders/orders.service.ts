import { EventEmitter, on } from 'node:events';
import { BadRequestException, Injectable } from '@nestjs/common';
import type { Order } from './order.js';
import { startWith } from './start-with.js';

const LONGEST = 80;
const KEPT = 20;

/** What `on` yields for an event: its arguments. */
export type OrdersEvent = [orders: readonly Order[]];

/** The latest orders of all users, in memory. */
@Injectable()
export class OrdersService {
  private orders: readonly Order[] = [];
  private count = 0;
  private readonly events = new EventEmitter().setMaxListeners(0);

  place(orderedBy: string, text: string): Order {
    const item = text.trim();
    if (item === '' || item.length > LONGEST) {
      throw new BadRequestException(`An order has 1 to ${LONGEST} characters.`);
    }
    this.count += 1;
    const order = { id: String(this.count), item, orderedBy };
    this.orders = [order, ...this.orders].slice(0, KEPT);
    this.events.emit('changed', this.orders);
    return order;
  }

  /** The orders now, and after each change. */
  watch(): AsyncIterableIterator<OrdersEvent> {
    const changes = on(this.events, 'changed');
    return startWith<OrdersEvent>(
      [this.orders],
      changes as AsyncIterableIterator<OrdersEvent>,
    );
  }
}
