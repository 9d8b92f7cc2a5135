import { createHash } from 'node:crypto';

/** A Lua script, and the name under which Redis caches it. */
export interface RedisScript {
  readonly source: string;
  readonly sha1: string;
}

/** A script that ends sessions. */
export interface RevocationScript extends RedisScript {
  /** The same script, but it always writes: WAIT counts replicas up to the last write of its connection. */
  readonly replicated: RedisScript;
}

/**
 * KEYS[1] is the index of a subject: a sorted set of session ids, by the time until which they are kept. KEYS[2] is the
 * record of a session, whose `expiresAt` is its end. A session lives while the index contains it and its end lies
 * ahead. A session that is missing from the index has ended, even if Redis evicted the index, since `endAll` would not
 * find it. Index and record outlive the session by up to a sixteenth of its idle time, so that most extensions write
 * only the record.
 *
 * A key that a script computes begins with KEYS[1], so it has the same hash tag and lies in the same slot. While that
 * slot moves to another server, the key may be there already, and then its command is an error. An error undoes nothing,
 * so scripts read such keys before they write, and write what may be missing with `pcall`. ARGV[1] moves the clock.
 */
const OF_SUBJECT = `
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000) + ARGV[1]
local index = KEYS[1]
`;

/**
 * A replica, or a primary that is cut off from its replicas, would answer from the past. It refuses a command that
 * writes, even one that changes nothing, so a script that would write nothing runs this one. A script that writes does
 * not: after any write, Redis no longer refuses commands for which it lacks memory.
 */
export const WHERE_WRITES_ARE = `redis.call('ZREM', index, '')
`;

/** Suffix of the key with the time at which the last session of a subject was created. */
export const LAST_CREATED = '.begun';

const OF_SESSION = `
local id = string.sub(KEYS[2], #index + 2)
local kept = tonumber(redis.call('ZSCORE', index, id))
`;

/** ARGV[2] and ARGV[3] are the start and the end of the time in which the script may write, in milliseconds, or ''. */
const IN_TIME = `
if ARGV[2] ~= '' and now < tonumber(ARGV[2]) or ARGV[3] ~= '' and now >= tonumber(ARGV[3]) then
  return { 'late', now }
end
`;

/** Lua creates functions every time it reaches them, so scripts declare these only off the common path. */
export const FUNCTIONS = `
local function keyOf(id)
  return index .. ':' .. id
end

-- 'unread' if the index has it but its record is not here: it was evicted, or its slot is moving to another server.
local function lives(id)
  local ends = tonumber(redis.call('HGET', keyOf(id), 'expiresAt'))
  if ends then
    return ends > now
  end
  return (tonumber(redis.call('ZSCORE', index, id)) or 0) > now and 'unread'
end

local function remove(id)
  redis.call('ZREM', index, id)
  redis.pcall('UNLINK', keyOf(id))
end

local function tidy()
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', index, '-inf', now)) do
    remove(id)
  end
  local last = redis.call('ZREVRANGE', index, 0, 0, 'WITHSCORES')
  if last[2] then
    redis.call('PEXPIRE', index, last[2] - now)
  else
    redis.pcall('UNLINK', index .. '${LAST_CREATED}')
  end
end

local function keep(id, last)
  redis.call('ZADD', index, last, id)
  redis.call('PEXPIRE', keyOf(id), last - now)
  tidy()
end
`;

/** Declares `ends`, the end of a session that is used now, and `last`, until when index and record are kept at most. */
export function lifetime(
  createdAt: string,
  idle: string,
  absolute: string,
): string {
  return `
    local ends = math.floor(math.min(now + ${idle}, ${createdAt} + ${absolute}))
    local last = math.floor(math.min(ends + ${idle} / 16, ${createdAt} + ${absolute}))
  `;
}

export function redisScript(source: string): RedisScript {
  return { source, sha1: createHash('sha1').update(source).digest('hex') };
}

/** Returns a script that reads the sessions of a subject. */
export function subjectReader(body: string): RedisScript {
  return redisScript(OF_SUBJECT + WHERE_WRITES_ARE + body);
}

/** Returns a script that changes the sessions of a subject. */
export function subjectWriter(body: string): RedisScript {
  return redisScript(OF_SUBJECT + IN_TIME + body);
}

/** Returns a script that reads one session. In it, `kept` is `nil` if the index lacks the session. */
export function sessionReader(body: string): RedisScript {
  return redisScript(OF_SUBJECT + WHERE_WRITES_ARE + OF_SESSION + body);
}

/** Returns a script that changes one session. In it, `kept` is `nil` if the index lacks the session. */
export function sessionWriter(body: string): RedisScript {
  return redisScript(OF_SUBJECT + IN_TIME + OF_SESSION + body);
}

export function revocationScript(script: RedisScript): RevocationScript {
  const replicated = redisScript(`
local function revoke()
${script.source}
end
local reply = revoke()
redis.pcall('SET', KEYS[1] .. '.replicated', '', 'PX', 1)
return reply
`);
  return { ...script, replicated };
}
