import { redisScript } from './redis-script.js';

/**
 * KEYS[1] is the stream of entries, KEYS[2] that of the last proof of life. An entry has the fields `e`, its text; `p`,
 * the id of the entry before it, whose absence shows that entries were lost; and `c`, the time before which the log may
 * have removed entries. The ids of both streams have one order. The second part of an id is random, so that two servers,
 * after a failover, never give the same id to different entries.
 */
const FUNCTIONS = `
local function tail(key)
  if redis.call('EXISTS', key) == 0 then
    return '0-0'
  end
  local info = redis.call('XINFO', 'STREAM', key)
  for i = 1, #info, 2 do
    if info[i] == 'last-generated-id' then
      return info[i + 1]
    end
  end
end

-- Never goes back, even if processes have different retentions.
local function lastCutoff()
  local cutoff = 0
  for _, key in ipairs(KEYS) do
    local last = redis.call('XREVRANGE', key, '+', '-', 'COUNT', 1)[1]
    cutoff = math.max(cutoff, last and tonumber(last[2][6]) or 0)
  end
  return cutoff
end
`;

/**
 * ARGV: milliseconds to add to the clock, retention in milliseconds, life of the keys in milliseconds, '1' for a proof,
 * a random number, the texts. Returns the time of the log in milliseconds.
 */
export const APPEND = redisScript(`
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000) + ARGV[1]
local random = tonumber(ARGV[5])
${FUNCTIONS}
local previous = tail(KEYS[1])
local ms, seq = 0, 0
for _, id in ipairs({ previous, tail(KEYS[2]) }) do
  local idMs, idSeq = string.match(id, '(%d+)-(%d+)')
  idMs, idSeq = tonumber(idMs), tonumber(idSeq)
  if idMs > ms or idMs == ms and idSeq > seq then
    ms, seq = idMs, idSeq
  end
end
if now > ms then
  ms, seq = now, random
else
  seq = seq + random
  -- Lua has no larger whole numbers.
  if seq > 2 ^ 52 then
    ms, seq = ms + 1, random
  end
end
local cutoff = math.max(ms - ARGV[2], lastCutoff())
local removedBefore = string.format('%.0f', cutoff)

for i = 6, #ARGV do
  local id = string.format('%.0f-%.0f', ms, seq)
  if ARGV[4] == '1' then
    redis.call('XADD', KEYS[2], 'MAXLEN', 1, id, 'e', ARGV[i], 'p', previous, 'c', removedBefore)
  else
    redis.call('XADD', KEYS[1], id, 'e', ARGV[i], 'p', previous, 'c', removedBefore)
    previous = id
  end
  seq = seq + 1
end
redis.call('XTRIM', KEYS[1], 'MINID', '~', removedBefore)
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
return string.format('%.0f', ms)
`);

/**
 * ARGV: the id of the last entry that was read, or '' for none; how many entries to return. Returns the id of the last
 * entry that was ever appended, 1 if the stream contains the entry that was read, the entries after it, the last
 * proof, and the time before which entries may be gone.
 *
 * XDEL changes nothing: a replica, or a primary that is cut off from its replicas, refuses a command that writes, and
 * would answer from the past.
 */
export const READ_LOG = redisScript(`
redis.call('XDEL', KEYS[1], '0-1')
${FUNCTIONS}
local last = ARGV[1]
local found = last == '' and 0 or #redis.call('XRANGE', KEYS[1], last, last)
local after = last == '' and '-' or '(' .. last
return {
  tail(KEYS[1]),
  found,
  redis.call('XRANGE', KEYS[1], after, '+', 'COUNT', ARGV[2]),
  redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1),
  string.format('%.0f', lastCutoff())
}
`);
