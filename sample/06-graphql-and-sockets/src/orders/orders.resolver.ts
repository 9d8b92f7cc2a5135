import { Args, Mutation, Resolver, Subscription } from '@nestjs/graphql';
import { Session } from 'nestjs-session-jwt';
import type { UserData } from '../session/user-session-loader.js';
import { Order } from './order.js';
import { OrdersService } from './orders.service.js';
import type { OrdersEvent } from './orders.service.js';

/** The guard admits operations, over HTTP and sockets; a socket closes when its session ends. */
@Resolver()
export class OrdersResolver {
  constructor(private readonly orders: OrdersService) {}

  @Mutation(() => Order)
  placeOrder(
    @Session('data') user: UserData,
    @Args('item', { type: () => String }) item: string,
  ): Order {
    return this.orders.place(user.name, item);
  }

  @Subscription(() => [Order], {
    name: 'orders',
    resolve: ([orders]: OrdersEvent) => orders,
  })
  watch(): AsyncIterableIterator<OrdersEvent> {
    return this.orders.watch();
  }
}
