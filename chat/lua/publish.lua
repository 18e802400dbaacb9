-- Append one event to a room's log and tell everybody: atomic, and a repeat returns the first result.
-- KEYS: 1 head (hash epoch, offset, version)  2 log (stream; its name is the channel too)  3 archive (stream)
--       4 nonce (string epoch:offset)  5 said (string tokens:ms: what is left of the burst, and when was last said)
-- ARGV: 1 event (JSON)  2 chance for a new epoch's name  3 nonce's life ms  4 log bound  5 archive bound
--       6 slow ms (0: none)  7 burst (0: no limits at all)  8 refill ms per message
--       9 version judged by ('': not judged)  10 version made by this event ('': none)  11 known epoch  12 known offset
--       13 room id
-- Returns {'ok', epoch, offset, is_repeat} | {'limited' | 'slow', retry_after_ms} | {'stale', version} | {'full'}
local function first_place()
  local first = redis.call('GET', KEYS[4])
  if first then
    local split = string.find(first, ':', 1, true)
    return {'ok', string.sub(first, 1, split - 1), tonumber(string.sub(first, split + 1)), 1}
  end
end

local head = redis.call('HMGET', KEYS[1], 'epoch', 'offset', 'version')
local epoch, offset, version = head[1], tonumber(head[2] or '0'), tonumber(head[3] or '0')
if ARGV[9] ~= '' and tonumber(ARGV[9]) < version then
  return first_place() or {'stale', version}
end
if redis.call('XLEN', KEYS[3]) >= tonumber(ARGV[5]) then
  return first_place() or {'full'}
end

local now = now_ms()
local burst, tokens = tonumber(ARGV[7]), 0
if burst > 0 then
  local refill, slow = tonumber(ARGV[8]), tonumber(ARGV[6])
  local left, said = string.match(redis.call('GET', KEYS[5]) or '', '^([^:]+):(%d+)$')
  tokens = burst
  if left then
    said = tonumber(said)
    if said > now then  -- the clock was set back: whoever has to wait does so from now on, repeat or not
      said = now
      redis.call('SET', KEYS[5], left .. ':' .. now, 'PX', 3600000)
    end
    if slow > 0 and now < said + slow then
      return first_place() or {'slow', said + slow - now}
    end
    tokens = math.min(burst, tonumber(left) + (now - said) / refill)
    if tokens < 1 then
      return first_place() or {'limited', math.ceil((1 - tokens) * refill)}
    end
  end
end

-- A publisher that is ahead of us remembers what we lost: the log begins anew.
local is_new = is_behind(epoch, offset, ARGV[11], tonumber(ARGV[12]))
if is_new then
  epoch, offset = epoch_after(now, ARGV[2], epoch, ARGV[11]), 0
end
offset = offset + 1
-- One command asks for the nonce and takes it: nothing may be written before.
local first = redis.call('SET', KEYS[4], epoch .. ':' .. offset, 'PX', ARGV[3], 'NX', 'GET')
if first then
  return first_place()
end
if burst > 0 then
  -- Kept for longer than any slow mode lasts and any bucket needs to fill.
  redis.call('SET', KEYS[5], (tokens - 1) .. ':' .. now, 'PX', 3600000)
end
if is_new then
  redis.call('DEL', KEYS[2])
  redis.call('HSET', KEYS[1], 'epoch', epoch, 'offset', offset)
else
  redis.call('HSET', KEYS[1], 'offset', offset)
end
if ARGV[10] ~= '' and tonumber(ARGV[10]) > version then
  redis.call('HSET', KEYS[1], 'version', ARGV[10])
end
redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[4], offset .. '-0', 'e', ARGV[1])
redis.call('XADD', KEYS[3], '*', 'room', ARGV[13], 'epoch', epoch, 'offset', offset, 'event', ARGV[1])
redis.call('SPUBLISH', KEYS[2], epoch .. ':' .. offset .. ':' .. ARGV[1])
return {'ok', epoch, offset, 0}
