import {
  FUNCTIONS,
  lifetime,
  redisScript,
  revocationScript,
  sessionReader,
  sessionWriter,
  WHERE_WRITES_ARE,
} from './redis-script.js';

/**
 * Each operation on one session is one script. Redis runs a script as one step. If it lacks memory, it refuses the
 * script at the first write at the latest, provided that this write takes memory. So such writes come before any
 * removal.
 *
 * ARGV[1] moves the clock. In scripts that write, ARGV[2] and ARGV[3] are the deadline.
 */

/**
 * ARGV: '1' to note that the session is in use, at most once in this many milliseconds; the known revision, or ''; the
 * generation of a presented token, or ''. Returns time and fields, or only the time if there is no newer revision.
 */
export const READ = sessionReader(`
  local state = redis.call('HMGET', KEYS[2], 'expiresAt', 'lastSeenAt', 'revision', 'generation', 'usedAt')
  if not kept or not state[1] then
    return false
  end
  if now >= tonumber(state[1]) then
    ${FUNCTIONS}
    remove(id)
    return false
  end
  if ARGV[2] == '1' and now >= state[2] + ARGV[3] then
    redis.call('HSET', KEYS[2], 'lastSeenAt', now)
  end
  if state[5] == '' and ARGV[5] == state[4] then
    redis.call('HSET', KEYS[2], 'usedAt', now)
  end
  if ARGV[4] ~= '' and tonumber(state[3]) <= tonumber(ARGV[4]) then
    return now
  end
  return { now, redis.call('HGETALL', KEYS[2]) }
`);

/**
 * `decideRotation` in Lua. ARGV: generation, hash of the secret, hash of the next; in milliseconds grace, idle,
 * absolute; '1' if passive; the device key as the record holds it, or ''. Returns the verdict.
 */
export const ROTATE = sessionWriter(`
  local state = redis.call('HMGET', KEYS[2],
    'createdAt', 'expiresAt', 'generation', 'hash', 'previousHash', 'rotatedAt', 'usedAt', 'recovered', 'deviceKey')
  local createdAt, expiresAt, generation, hash, previousHash, rotatedAt, usedAt, recovered, deviceKey =
    tonumber(state[1]), tonumber(state[2]), tonumber(state[3]), state[4], state[5], tonumber(state[6]), state[7],
    tonumber(state[8]), state[9]
  local presented, secretHash, nextHash = tonumber(ARGV[4]), ARGV[5], ARGV[6]
  local verdict
  if not kept or not expiresAt then
    ${WHERE_WRITES_ARE}
    return 'unknown'
  elseif now >= expiresAt or now >= createdAt + ARGV[9] then
    verdict = 'expired'
  elseif deviceKey and deviceKey ~= ARGV[11] then
    ${WHERE_WRITES_ARE}
    return 'unproven'
  elseif presented > generation then
    verdict = 'rolled-forward'
  elseif presented == generation then
    verdict = secretHash == hash and 'rotated' or 'reused'
  elseif presented ~= generation - 1 or secretHash ~= previousHash then
    verdict = 'reused'
  elseif now < math.max(rotatedAt, tonumber(usedAt) or 0) + ARGV[7] then
    ${WHERE_WRITES_ARE}
    return 'repeated'
  elseif usedAt == '' and recovered ~= presented then
    redis.call('HSET', KEYS[2], 'recovered', generation)
    return 'recovered'
  else
    verdict = 'reused'
  end
  if verdict == 'rotated' or verdict == 'rolled-forward' then
    if ARGV[10] == '1' then
      redis.call('HSET', KEYS[2], 'generation', presented + 1, 'hash', nextHash, 'previousHash', secretHash,
        'rotatedAt', now, 'usedAt', '')
      return verdict
    end
    ${lifetime('createdAt', 'ARGV[8]', 'ARGV[9]')}
    redis.call('HSET', KEYS[2], 'generation', presented + 1, 'hash', nextHash, 'previousHash', secretHash,
      'rotatedAt', now, 'usedAt', '', 'lastSeenAt', now, 'expiresAt', ends)
    if kept < ends or kept > last then
      ${FUNCTIONS}
      keep(id, last)
    end
  else
    ${FUNCTIONS}
    remove(id)
    tidy()
  end
  return verdict
`);

/** ARGV: the device key; generation and hash of the token that the chain continues from, or ''. Returns the verdict. */
export const BIND = sessionWriter(`
  local state = redis.call('HMGET', KEYS[2], 'expiresAt', 'deviceKey')
  local expiresAt, deviceKey = tonumber(state[1]), state[2]
  if not kept or not expiresAt then
    ${WHERE_WRITES_ARE}
    return 'unknown'
  end
  if now < expiresAt and deviceKey == ARGV[4] then
    ${WHERE_WRITES_ARE}
    return 'bound'
  end
  if now < expiresAt and not deviceKey then
    if ARGV[5] == '' then
      redis.call('HSET', KEYS[2], 'deviceKey', ARGV[4])
      return 'bound'
    end
    redis.call('HSET', KEYS[2], 'deviceKey', ARGV[4], 'generation', ARGV[5], 'hash', ARGV[6], 'rotatedAt', now,
      'usedAt', now)
    redis.call('HDEL', KEYS[2], 'previousHash', 'recovered')
    return 'bound'
  end
  ${FUNCTIONS}
  remove(id)
  tidy()
  return now < expiresAt and 'conflict' or 'unknown'
`);

/**
 * ARGV: '1' to raise the revision, data or '', when it was loaded, idle and absolute milliseconds or '', '1' if
 * passive, fields with their new values ('' removes one). Returns time and fields.
 */
export const UPDATE = sessionWriter(`
  local state = redis.call('HMGET', KEYS[2], 'expiresAt', 'createdAt', 'loadedAt')
  local expiresAt, createdAt, loadedAt = tonumber(state[1]), tonumber(state[2]), tonumber(state[3])
  local isExtended = ARGV[7] ~= ''
  if not kept or not expiresAt then
    ${WHERE_WRITES_ARE}
    return false
  end
  if now >= expiresAt or isExtended and now >= createdAt + ARGV[8] then
    ${FUNCTIONS}
    remove(id)
    return false
  end
  if ARGV[9] ~= '1' then
    redis.call('HSET', KEYS[2], 'lastSeenAt', now)
  end
  if ARGV[4] == '1' then
    redis.call('HINCRBY', KEYS[2], 'revision', 1)
  end
  for i = 10, #ARGV, 2 do
    if ARGV[i + 1] == '' then
      redis.call('HDEL', KEYS[2], ARGV[i])
    else
      redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1])
    end
  end
  if ARGV[5] ~= '' and (not loadedAt or loadedAt <= tonumber(ARGV[6])) then
    redis.call('HSET', KEYS[2], 'data', ARGV[5], 'loadedAt', ARGV[6])
  end
  if isExtended then
    ${lifetime('createdAt', 'ARGV[7]', 'ARGV[8]')}
    redis.call('HSET', KEYS[2], 'expiresAt', ends)
    if kept < ends or kept > last then
      ${FUNCTIONS}
      keep(id, last)
    end
  end
  return { now, redis.call('HGETALL', KEYS[2]) }
`);

/** Returns 1 if there was a session to end. */
export const END = revocationScript(
  sessionWriter(`
  ${FUNCTIONS}
  local isAlive = kept and lives(id) == true
  remove(id)
  tidy()
  return isAlive and 1 or 0
`),
);

/** Returns the time in milliseconds. ARGV: what moves the clock. */
export const NOW = redisScript(`
  local clock = redis.call('TIME')
  return clock[1] * 1000 + math.floor(clock[2] / 1000) + ARGV[1]
`);
