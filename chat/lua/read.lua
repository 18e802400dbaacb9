-- Read a room's log from a position on; a log that lost what the reader knows begins anew.
-- KEYS: 1 head  2 log  3 info
-- ARGV: 1 chance for a new epoch's name  2 known epoch ('': none)  3 known offset  4 bound
-- Returns {epoch, offset, version, entries from the known offset on, or the newest `bound` for another epoch, info}
local head = redis.call('HMGET', KEYS[1], 'epoch', 'offset', 'version')
local epoch, offset, known = head[1], tonumber(head[2] or '0'), tonumber(ARGV[3])
if is_behind(epoch, offset, ARGV[2], known) then
  epoch, offset = epoch_after(now_ms(), ARGV[1], epoch, ARGV[2]), 0
  redis.call('DEL', KEYS[2])
  redis.call('HSET', KEYS[1], 'epoch', epoch, 'offset', 0)
end
local first = math.max(1, offset - tonumber(ARGV[4]) + 1)
if epoch == ARGV[2] then
  first = math.max(first, known)
end
local entries = {}
if first <= offset then
  entries = redis.call('XRANGE', KEYS[2], first .. '-0', '+')
end
return {epoch, offset, tonumber(head[3] or '0'), entries, redis.call('GET', KEYS[3])}
