/** Where and on what a session was begun, for the user's list of devices. Not used for any decision. */
export interface SessionMetadata {
  readonly ip?: string;
  readonly userAgent?: string;
  /** A name that the user or the application gave the device. */
  readonly label?: string;
}

/** How long a session lives. Seconds. */
export interface SessionLifetime {
  /** From the last reload or refresh that was activity of the user. */
  readonly idleSeconds: number;
  /** From its sign-in; the idle end never lies beyond it. */
  readonly absoluteSeconds: number;
}

/**
 * Data of a session, where the store keeps it. Where tokens hold the data, a reload that the application asked for
 * notes here when it loaded: data that is older than that is out of date on every node.
 */
export interface StoredData {
  /** What the loader returned, a JSON value; `null` where tokens hold the data. */
  readonly value: unknown;
  /** When it was loaded, in seconds since the Unix epoch, by the clock of the node that loaded it. */
  readonly loadedAt: number;
}

/** What a store is given of a session that begins. */
export interface NewSessionRecord {
  readonly id: string;
  readonly subject: string;
  /** A JSON value. */
  readonly params: unknown;
  /** JSON values by name. Any string is a name, `__proto__` and the empty one too. */
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly metadata: SessionMetadata;
  readonly lifetime: SessionLifetime;
  readonly data?: StoredData;
  /** SHA-256 of the secret part of the first refresh token (generation 0), where the session has one. */
  readonly refreshHash?: string;
}

/** What a store tells of a session. All times are those of the store's own clock. */
export interface SessionRecord {
  readonly id: string;
  readonly subject: string;
  readonly params: unknown;
  readonly attributes: Readonly<Record<string, unknown>>;
  /** Counts the changes of the attributes, and the reloads that the application asked for; 0 at the beginning. */
  readonly revision: number;
  readonly metadata: SessionMetadata;
  readonly data?: StoredData;
  readonly createdAt: Date;
  /**
   * Moved by reloads, refreshes and updates that are activity of the user, and by {@link SessionStore.read} at most once a
   * minute.
   */
  readonly lastSeenAt: Date;
  /** When it ends unless it is used before. */
  readonly expiresAt: Date;
  /** When the store answered this. */
  readonly asOf: Date;
}
