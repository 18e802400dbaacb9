-- End a broadcast's window for good: no generation may write or claim it any more.
-- KEYS: 1 window (hash)  2 wake (shard channel)  3 spine (list)
-- ARGV: 1 life ms
redis.call('HSET', KEYS[1], 'ended', '1')
redis.call('PEXPIRE', KEYS[1], ARGV[1])
redis.call('PEXPIRE', KEYS[3], ARGV[1])
redis.call('SPUBLISH', KEYS[2], 'ended')
return redis.call('HLEN', KEYS[1])
