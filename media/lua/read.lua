-- Read a broadcast's hash and the records of its spine from a sequence number on, at one moment.
-- KEYS: 1 window (hash)  2 spine (list)
-- ARGV: 1 the first sequence number wanted
-- Returns { {field, value, …}, {record, …}, sequence number of the first record returned }
local fields = redis.call('HGETALL', KEYS[1])
local first = tonumber(redis.call('HGET', KEYS[1], 'first') or '0')
local from = math.max(tonumber(ARGV[1]), first)
return { fields, redis.call('LRANGE', KEYS[2], from - first, -1), from }
