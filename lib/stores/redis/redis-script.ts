import { createHash } from 'node:crypto';

/** A Lua script, and the name under which Redis keeps it. */
export interface RedisScript {
  readonly source: string;
  readonly sha1: string;
}

/** A script on the sessions of one subject. */
export interface SubjectScript extends RedisScript {
  /** The same, and it always writes: WAIT counts replicas up to the last write of its connection. */
  readonly replicated: RedisScript;
}

export function redisScript(source: string): RedisScript {
  return { source, sha1: createHash('sha1').update(source).digest('hex') };
}

/**
 * KEYS[1] is the index of a subject, a sorted set of session ids by their ends; KEYS[2] the record of a session.
 * A key that a script computes itself begins with KEYS[1], so it has the same hash tag and lies in the same slot.
 * The index alone says whether a session lives, and until when: a record that is missing there (because Redis
 * evicted the index) has ended, since otherwise endAll would not find it. ARGV[1] moves the clock.
 */
const COMMON = `
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000) + ARGV[1]
local index = KEYS[1]

local function keyOf(id)
  return index .. ':' .. id
end

local function idOf(key)
  return string.sub(key, #index + 2)
end

local function endOf(id)
  local ends = tonumber(redis.call('ZSCORE', index, id))
  if ends and ends > now and redis.call('EXISTS', keyOf(id)) == 1 then
    return ends
  end
end

local function remove(id)
  redis.call('ZREM', index, id)
  return redis.call('UNLINK', keyOf(id))
end

local function extend(id, createdAt, idle, absolute)
  local ends = math.floor(math.min(now + idle, createdAt + absolute))
  redis.call('ZADD', index, ends, id)
  redis.call('PEXPIRE', keyOf(id), ends - now)
end

local function tidy()
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', index, '-inf', now)) do
    remove(id)
  end
  local last = redis.call('ZREVRANGE', index, 0, 0, 'WITHSCORES')
  if last[2] then
    redis.call('PEXPIRE', index, last[2] - now)
  end
end
`;

/** A script in which {@link COMMON} is declared. The body returns its reply. */
export function subjectScript(body: string): SubjectScript {
  const operation = `${COMMON}
local function operation()
${body}
end
local reply = operation()
`;
  return {
    ...redisScript(`${operation}return reply`),
    replicated: redisScript(
      `${operation}redis.call('SET', index .. '.replicated', '', 'PX', 1)\nreturn reply`,
    ),
  };
}
