/** Where and on which device a session was created, for the user's list of devices. Not used for any decision. */
export interface SessionMetadata {
  readonly ip?: string;
  readonly userAgent?: string;
  /** A name that the user or the application gave the device. */
  readonly label?: string;
}

/** How long a session lives, in seconds. */
export interface SessionLifetime {
  /** Counted from the last reload or refresh that was activity of the user. */
  readonly idleSeconds: number;
  /** Counted from the sign-in. The idle end is never later. */
  readonly absoluteSeconds: number;
}

/**
 * Data of a session, if the store keeps it. If tokens hold the data, a reload requested by the application records
 * its time here: older data is then stale on every node.
 */
export interface StoredData {
  /** What the loader returned, a JSON value; `null` if tokens hold the data. */
  readonly value: unknown;
  /** When it was loaded, in seconds since the Unix epoch, by the clock of the node that loaded it. */
  readonly loadedAt: number;
}

/** What a store receives when a session is created. */
export interface NewSessionRecord {
  readonly id: string;
  readonly subject: string;
  /** A JSON value. */
  readonly params: unknown;
  /** JSON values by name. Any string is a valid name, including `__proto__` and the empty string. */
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly metadata: SessionMetadata;
  readonly lifetime: SessionLifetime;
  readonly data?: StoredData;
  /** SHA-256 of the secret part of the first refresh token (generation 0), if the session has one. */
  readonly refreshHash?: string;
}

/** A session as its store returns it. All times are by the store's clock. */
export interface SessionRecord {
  readonly id: string;
  readonly subject: string;
  readonly params: unknown;
  readonly attributes: Readonly<Record<string, unknown>>;
  /** Counts the changes of the attributes and the reloads requested by the application; 0 at the start. */
  readonly revision: number;
  readonly metadata: SessionMetadata;
  readonly data?: StoredData;
  /** The public key of the device that the session is bound to: as text, at most 1,024 bytes. */
  readonly deviceKey?: string;
  readonly createdAt: Date;
  /**
   * Updated by reloads, refreshes and updates that are activity of the user, and by {@link SessionStore.read} at most
   * once a minute.
   */
  readonly lastSeenAt: Date;
  /** When the session ends unless it is used before. */
  readonly expiresAt: Date;
  /** When the store answered. */
  readonly asOf: Date;
}
