import { Injectable } from '@nestjs/common';
import type { WsResponse } from '@nestjs/websockets';
import type { UserData } from '../session/user-session-loader.js';

export interface ChatMessage extends UserData {
  readonly text: string;
}

const LONGEST = 200;
const KEPT = 20;

/** Answers the sender of anything else. */
export const REFUSED: WsResponse<string> = {
  event: 'refused',
  data: `A message has 1 to ${LONGEST} characters.`,
};

/** The latest messages, in memory. */
@Injectable()
export class ChatService {
  private messages: readonly ChatMessage[] = [];

  recent(): readonly ChatMessage[] {
    return this.messages;
  }

  /**
   * Adds a message. Returns `undefined` if it is none.
   *
   * @param text anything that a client may send
   */
  add({ name, role }: UserData, text: unknown): ChatMessage | undefined {
    const trimmed = typeof text === 'string' ? text.trim() : '';
    if (trimmed === '' || trimmed.length > LONGEST) {
      return undefined;
    }
    const message = { name, role, text: trimmed };
    this.messages = [...this.messages, message].slice(-KEPT);
    return message;
  }
}
