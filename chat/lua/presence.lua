-- Write one process's counts of a room, drop those of processes that fell silent, and add up.
-- KEYS: 1 presence (hash: process -> "viewers:chatters:written ms")
-- ARGV: 1 process  2 viewers  3 chatters  4 how long a count holds, ms
-- Returns {viewers, chatters}
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
if tonumber(ARGV[2]) > 0 then
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. ':' .. ARGV[3] .. ':' .. now)
else
  redis.call('HDEL', KEYS[1], ARGV[1])
end
local viewers, chatters = 0, 0
local fields = redis.call('HGETALL', KEYS[1])
for i = 1, #fields, 2 do
  local v, c, at = string.match(fields[i + 1], '^(%d+):(%d+):(%d+)$')
  if tonumber(at) + tonumber(ARGV[4]) < now then
    redis.call('HDEL', KEYS[1], fields[i])
  else
    viewers, chatters = viewers + tonumber(v), chatters + tonumber(c)
  end
end
redis.call('PEXPIRE', KEYS[1], ARGV[4] * 2)
return {viewers, chatters}
