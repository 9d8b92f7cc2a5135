import { Module } from '@nestjs/common';
import { DemoController } from './demo.controller.js';
import { FakeDatabase } from './fake-database.js';
import { UsersService } from './users.service.js';

@Module({
  controllers: [DemoController],
  providers: [FakeDatabase, UsersService],
  exports: [FakeDatabase, UsersService],
})
export class UsersModule {}
