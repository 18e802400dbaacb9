-- Append one event to a room's log and tell everybody: atomic, and a repeat returns the first result.
-- KEYS: 1 head (hash epoch, offset, version)  2 log (stream; its name is the channel too)  3 archive (stream)
--       4 nonce (string)  5 slow (string)  6 rate (hash tokens, at)
-- ARGV: 1 event (JSON)  2 a fresh epoch  3 nonce's life ms  4 log bound  5 archive bound
--       6 slow ms (0: none)  7 burst (0: no limit)  8 refill ms per message
--       9 version judged by ('': not judged)  10 version made by this event ('': none)  11 known epoch  12 known offset
--       13 room id
-- Returns {'ok', epoch, offset, is_repeat} | {'limited' | 'slow', retry_after_ms} | {'stale', version} | {'full'}
local first = redis.call('GET', KEYS[4])
if first then
  local split = string.find(first, ':', 1, true)
  return {'ok', string.sub(first, 1, split - 1), tonumber(string.sub(first, split + 1)), 1}
end

local head = redis.call('HMGET', KEYS[1], 'epoch', 'offset', 'version')
local version = tonumber(head[3] or '0')
if ARGV[9] ~= '' and tonumber(ARGV[9]) < version then
  return {'stale', version}
end
if redis.call('XLEN', KEYS[3]) >= tonumber(ARGV[5]) then
  return {'full'}
end

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local slow = tonumber(ARGV[6])
if slow > 0 then
  local said = tonumber(redis.call('GET', KEYS[5]) or '0')
  if now < said + slow then
    return {'slow', said + slow - now}
  end
end
local burst, refill = tonumber(ARGV[7]), tonumber(ARGV[8])
if burst > 0 then
  local bucket = redis.call('HMGET', KEYS[6], 'tokens', 'at')
  local tokens = math.min(burst, tonumber(bucket[1] or burst) + math.max(0, now - tonumber(bucket[2] or now)) / refill)
  if tokens < 1 then
    return {'limited', math.ceil((1 - tokens) * refill)}
  end
  redis.call('HSET', KEYS[6], 'tokens', tostring(tokens - 1), 'at', now)
  redis.call('PEXPIRE', KEYS[6], math.ceil(burst * refill))
  redis.call('SET', KEYS[5], now, 'PX', 3600000)
end

-- A publisher that is ahead of us remembers what we lost: the log begins anew.
local epoch = head[1]
if not epoch or (epoch == ARGV[11] and tonumber(head[2] or '0') < tonumber(ARGV[12])) then
  epoch = ARGV[2]
  redis.call('DEL', KEYS[2])
  redis.call('HSET', KEYS[1], 'epoch', epoch, 'offset', 0)
end
local offset = redis.call('HINCRBY', KEYS[1], 'offset', 1)
if ARGV[10] ~= '' and tonumber(ARGV[10]) > version then
  redis.call('HSET', KEYS[1], 'version', ARGV[10])
end
redis.call('XADD', KEYS[2], 'MAXLEN', ARGV[4], offset .. '-0', 'e', ARGV[1])
redis.call('XADD', KEYS[3], '*', 'room', ARGV[13], 'epoch', epoch, 'offset', offset, 'event', ARGV[1])
redis.call('SET', KEYS[4], epoch .. ':' .. offset, 'PX', ARGV[3])
redis.call('SPUBLISH', KEYS[2], epoch .. ':' .. offset .. ':' .. ARGV[1])
return {'ok', epoch, offset, 0}
