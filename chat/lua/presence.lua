-- Add up a room's counts, after writing one process's own; processes that fell silent are dropped.
-- KEYS: 1 presence (hash: process -> "viewers:chatters:written ms")
-- ARGV: 1 how long a count holds, ms; to write: 2 process  3 viewers  4 chatters
-- Returns {viewers, chatters}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local viewers, chatters, fields = 0, 0, redis.call('HGETALL', KEYS[1])
for i = 1, #fields, 2 do
  local v, c, at = string.match(fields[i + 1], '^(%d+):(%d+):(%d+)$')
  if fields[i] ~= ARGV[2] then
    if at + ARGV[1] >= now and at - ARGV[1] <= now then  -- nor is what was written before a clock was set back
      viewers, chatters = viewers + v, chatters + c
    elseif ARGV[2] then
      redis.call('HDEL', KEYS[1], fields[i])
    end
  end
end
if ARGV[2] then
  if ARGV[3] ~= '0' then
    viewers, chatters = viewers + ARGV[3], chatters + ARGV[4]
    redis.call('HSET', KEYS[1], ARGV[2], ARGV[3] .. ':' .. ARGV[4] .. ':' .. now)
    redis.call('PEXPIRE', KEYS[1], ARGV[1] * 2)
  elseif #fields > 0 then
    redis.call('HDEL', KEYS[1], ARGV[2])
  end
end
return {viewers, chatters}
