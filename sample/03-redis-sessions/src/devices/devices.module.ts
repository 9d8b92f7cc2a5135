import { Module } from '@nestjs/common';
import { StorageModule } from '../session/storage.module.js';
import { DevicesController } from './devices.controller.js';

@Module({ imports: [StorageModule], controllers: [DevicesController] })
export class DevicesModule {}
