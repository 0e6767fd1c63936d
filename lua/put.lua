-- put: sets a key for a while, also where Redis's memory is full: DEL takes none.
-- KEYS 1 the key  ARGV 1 its value  2 milliseconds
redis.call('DEL', KEYS[1])
return {redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])}
