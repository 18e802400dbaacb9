-- Add up a room's counts, after writing one process's own; processes that fell silent are dropped.
-- Players that tell of themselves are the viewers; where there were none of late, sockets stand in.
-- KEYS: 1 presence (hash: process -> "sockets:chatters:written ms")  2 viewers (sorted set: player -> last beat, ms)
-- ARGV: 1 how long a count holds, ms  2 how long a beat holds, ms; to write: 3 process  4 sockets  5 chatters
-- Returns {viewers, chatters, 1 where players were counted}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local viewers, chatters, fields = 0, 0, redis.call('HGETALL', KEYS[1])
for i = 1, #fields, 2 do
  local v, c, at = string.match(fields[i + 1], '^(%d+):(%d+):(%d+)$')
  if fields[i] ~= ARGV[3] then
    if at + ARGV[1] >= now and at - ARGV[1] <= now then  -- nor is what was written before a clock was set back
      viewers, chatters = viewers + v, chatters + c
    elseif ARGV[3] then
      redis.call('HDEL', KEYS[1], fields[i])
    end
  end
end
if ARGV[3] then
  if ARGV[4] ~= '0' then
    viewers, chatters = viewers + ARGV[4], chatters + ARGV[5]
    redis.call('HSET', KEYS[1], ARGV[3], ARGV[4] .. ':' .. ARGV[5] .. ':' .. now)
    redis.call('PEXPIRE', KEYS[1], ARGV[1] * 2)
  elseif #fields > 0 then
    redis.call('HDEL', KEYS[1], ARGV[3])
  end
end
if redis.call('EXISTS', KEYS[2]) == 1 then
  -- nor what was noted before a clock was set back
  return {redis.call('ZCOUNT', KEYS[2], '(' .. (now - ARGV[2]), now + ARGV[2]), chatters, 1}
end
return {viewers, chatters, 0}
