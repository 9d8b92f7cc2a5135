import { Module } from '@nestjs/common';
import { UsersModule } from '../users/users.module.js';
import { EventLog } from './event-log.js';
import { EventsController } from './events.controller.js';

@Module({
  imports: [UsersModule],
  controllers: [EventsController],
  providers: [EventLog],
})
export class EventsModule {}
