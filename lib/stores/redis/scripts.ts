import { redisScript, subjectScript } from './redis-script.js';

/**
 * Each operation of the store as one script. Redis runs a script as one step, and refuses it for lack of memory
 * at its first write at the latest, if that is one that takes memory: so those come before any removal.
 */

/**
 * KEYS[3] is the record that the new one replaces. ARGV: limit or '', policy, idle and absolute milliseconds,
 * fields with their values. Returns 'refused', or 'created' and the ids that had to make room.
 */
export const CREATE = subjectScript(`
  local id = idOf(KEYS[2])
  local replaced = KEYS[3] and idOf(KEYS[3])
  local limit = tonumber(ARGV[2])
  local others = {}
  if limit then
    for _, other in ipairs(redis.call('ZRANGE', index, 0, -1)) do
      if other ~= id and other ~= replaced and endOf(other) then
        local began = redis.call('HMGET', keyOf(other), 'createdAt', 'order')
        others[#others + 1] = { other, tonumber(began[1]), tonumber(began[2]) }
      end
    end
  end
  local surplus = limit and #others + 1 - limit or 0
  if surplus > 0 and ARGV[3] == 'refuse' then
    return { 'refused' }
  end
  for i = 6, #ARGV, 2 do
    redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1])
  end
  -- Two sign-ins may share a millisecond, so the microseconds keep their order.
  redis.call('HSET', KEYS[2], 'revision', 0, 'generation', 0, 'createdAt', now, 'lastSeenAt', now,
    'rotatedAt', now, 'order', clock[1] * 1000000 + clock[2])
  extend(id, now, ARGV[4], ARGV[5])
  table.sort(others, function(a, b)
    if a[2] == b[2] then
      return a[3] < b[3]
    end
    return a[2] < b[2]
  end)
  local reply = { 'created' }
  for i = 1, math.min(surplus, #others) do
    remove(others[i][1])
    reply[#reply + 1] = others[i][1]
  end
  if replaced then
    remove(replaced)
  end
  tidy()
  return reply
`);

/**
 * ARGV: '1' to note that the session is in use, at most once in so many milliseconds; the revision that is known, or
 * ''. Returns time, end and fields; the time alone where no newer revision is there.
 */
export const READ = subjectScript(`
  local id = idOf(KEYS[2])
  local ends = endOf(id)
  if not ends then
    remove(id)
    return false
  end
  local state = redis.call('HMGET', KEYS[2], 'lastSeenAt', 'revision')
  if ARGV[2] == '1' and now >= state[1] + ARGV[3] then
    redis.call('HSET', KEYS[2], 'lastSeenAt', now)
  end
  if ARGV[4] ~= '' and tonumber(state[2]) <= tonumber(ARGV[4]) then
    return now
  end
  return { now, ends, redis.call('HGETALL', KEYS[2]) }
`);

/**
 * judgeRotation in Lua. ARGV: generation, hash of the secret, hash of the next, and in milliseconds grace, idle,
 * absolute. Returns the verdict.
 */
export const ROTATE = subjectScript(`
  local id = idOf(KEYS[2])
  local ends = tonumber(redis.call('ZSCORE', index, id))
  local state = redis.call('HMGET', KEYS[2], 'createdAt', 'generation', 'hash', 'previousHash', 'rotatedAt')
  if not ends or not state[1] then
    remove(id)
    return 'unknown'
  end
  local createdAt, generation, hash, previousHash, rotatedAt =
    tonumber(state[1]), tonumber(state[2]), state[3], state[4], tonumber(state[5])
  local presented, secretHash, nextHash = tonumber(ARGV[2]), ARGV[3], ARGV[4]
  local verdict
  if now >= ends or now >= createdAt + ARGV[7] then
    verdict = 'expired'
  elseif presented > generation then
    verdict = 'rolled-forward'
  elseif presented == generation then
    verdict = secretHash == hash and 'rotated' or 'reused'
  elseif presented == generation - 1 and secretHash == previousHash and now < rotatedAt + ARGV[5] then
    verdict = 'repeated'
  else
    verdict = 'reused'
  end
  if verdict == 'rotated' or verdict == 'rolled-forward' then
    redis.call('HSET', KEYS[2], 'generation', presented + 1, 'hash', nextHash, 'previousHash', secretHash,
      'rotatedAt', now, 'lastSeenAt', now)
    extend(id, createdAt, ARGV[6], ARGV[7])
    tidy()
  elseif verdict ~= 'repeated' then
    remove(id)
    tidy()
  end
  return verdict
`);

/**
 * ARGV: '1' to raise the revision, data or '', when that was loaded, idle and absolute milliseconds or '', fields
 * with their new values ('' removes one). Returns time, end and fields.
 */
export const UPDATE = subjectScript(`
  local id = idOf(KEYS[2])
  if not endOf(id) then
    remove(id)
    return false
  end
  redis.call('HSET', KEYS[2], 'lastSeenAt', now)
  if ARGV[2] == '1' then
    redis.call('HINCRBY', KEYS[2], 'revision', 1)
  end
  for i = 7, #ARGV, 2 do
    if ARGV[i + 1] == '' then
      redis.call('HDEL', KEYS[2], ARGV[i])
    else
      redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1])
    end
  end
  if ARGV[3] ~= '' then
    local loadedAt = tonumber(redis.call('HGET', KEYS[2], 'loadedAt'))
    if not loadedAt or loadedAt <= tonumber(ARGV[4]) then
      redis.call('HSET', KEYS[2], 'data', ARGV[3], 'loadedAt', ARGV[4])
    end
  end
  if ARGV[5] ~= '' then
    extend(id, tonumber(redis.call('HGET', KEYS[2], 'createdAt')), ARGV[5], ARGV[6])
    tidy()
  end
  local ends = endOf(id)
  return ends and { now, ends, redis.call('HGETALL', KEYS[2]) } or false
`);

/** Returns 1 where there was a session to end. */
export const END = subjectScript(`
  local id = idOf(KEYS[2])
  local ends = endOf(id)
  remove(id)
  tidy()
  return ends and 1 or 0
`);

/**
 * ARGV: the id that stays, or ''. Returns how many it ended. They have ended with the index. So that nobody else
 * waits long, only the records of the first thousand are removed at once; those of the others expire by themselves.
 */
export const END_ALL = subjectScript(`
  tidy()
  local kept = endOf(ARGV[2])
  local keys = {}
  local ended = redis.call('ZCARD', index)
  for _, id in ipairs(redis.call('ZRANGE', index, 0, 999)) do
    if not (kept and id == ARGV[2]) then
      keys[#keys + 1] = keyOf(id)
    end
  end
  if #keys > 0 then
    ended = ended - #keys + redis.call('UNLINK', unpack(keys))
  end
  redis.call('UNLINK', index)
  if kept then
    redis.call('ZADD', index, kept, ARGV[2])
    tidy()
    ended = ended - 1
  end
  return ended
`);

/** Returns id, time, end and fields of each session. */
export const LIST = subjectScript(`
  local entries = redis.call('ZRANGE', index, 0, -1, 'WITHSCORES')
  local sessions = {}
  for i = 1, #entries, 2 do
    local id, ends = entries[i], entries[i + 1]
    local fields = redis.call('HGETALL', keyOf(id))
    if tonumber(ends) > now and #fields > 0 then
      sessions[#sessions + 1] = { id, now, ends, fields }
    else
      remove(id)
    end
  end
  return sessions
`);

/** Keeps the mark that the records are there. ARGV: its milliseconds. Returns 1 where it was missing. */
export const MARK = redisScript(`
  if redis.call('PEXPIRE', KEYS[1], ARGV[1]) == 1 then
    return 0
  end
  redis.call('SET', KEYS[1], '1', 'PX', ARGV[1])
  return 1
`);
