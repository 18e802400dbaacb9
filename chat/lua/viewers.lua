-- Note that a player plays, or that it ended; what was not heard of for a while is forgotten, players of one address
-- beyond a number are not counted.
-- KEYS: 1 viewers (sorted set: address:session -> last beat, ms)  2 addresses (hash: address -> players in 1)
-- ARGV: 1 address  2 session  3 '1': it ended  4 how long a beat holds, ms  5 players of one address at most
--       6 how long the keys stay without a beat, ms
-- Returns 1: noted; 0: one too many of this address
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local member = ARGV[1] .. ':' .. ARGV[2]
-- a hundred at a time: each beat adds one at most, so what is over never grows
for _, old in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[4], 'LIMIT', 0, 100)) do
  local address = string.match(old, '^(.-):')
  if old ~= member then
    redis.call('ZREM', KEYS[1], old)
    if redis.call('HINCRBY', KEYS[2], address, -1) <= 0 then
      redis.call('HDEL', KEYS[2], address)
    end
  end
end
local noted = 1
if redis.call('ZSCORE', KEYS[1], member) then
  -- an ended one stays behind as over: while the set stands, players are counted, be it none
  redis.call('ZADD', KEYS[1], ARGV[3] == '1' and 0 or now, member)
elseif ARGV[3] ~= '1' then
  if tonumber(redis.call('HGET', KEYS[2], ARGV[1]) or 0) < tonumber(ARGV[5]) then
    redis.call('ZADD', KEYS[1], now, member)
    redis.call('HINCRBY', KEYS[2], ARGV[1], 1)
  else
    noted = 0
  end
end
redis.call('PEXPIRE', KEYS[1], ARGV[6])
redis.call('PEXPIRE', KEYS[2], ARGV[6])
return noted
