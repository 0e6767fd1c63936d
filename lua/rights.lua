-- rights: tries every command that the other scripts use, on keys of its own. Stands
-- alone.
--
-- KEYS  1 a hash  2 a zset  3 a stream  4 a string  5 a list: none of them is there
-- reply the commands that Redis refuses to the caller
-- keeps nothing: it removes what it writes

-- Redis 7.0 refuses a script's command with ERR and this text, others with NOPERM.
local REFUSAL = 'The user executing the script'

local denied, seen = {}, {}
local function try(...)
  local done, command = redis.pcall(...), (select(1, ...))
  if type(done) == 'table' and done.err and not seen[command]
    and (string.find(done.err, 'NOPERM', 1, true) or string.find(done.err, REFUSAL, 1, true)) then
    seen[command] = true
    denied[#denied + 1] = command
  end
end

try('TIME')
try('HDEL', KEYS[1], 'b') -- first: the others are tried also where memory is full
try('HSET', KEYS[1], 'a', '1')
try('HGET', KEYS[1], 'a')
try('HMGET', KEYS[1], 'a')
try('HGETALL', KEYS[1])
try('HLEN', KEYS[1])
try('ZADD', KEYS[2], '1', 'a')
try('ZCARD', KEYS[2])
try('ZSCORE', KEYS[2], 'a')
try('ZRANGEBYSCORE', KEYS[2], '-inf', '+inf')
try('ZREM', KEYS[2], 'b')
try('ZRANGE', KEYS[2], '0', '-1')
try('ZREVRANGE', KEYS[2], '0', '0')
try('ZREMRANGEBYSCORE', KEYS[2], '-inf', '0')
try('ZRANGEBYLEX', KEYS[2], '-', '+')
try('XADD', KEYS[3], '*', 'a', '1')
try('XLEN', KEYS[3])
try('XRANGE', KEYS[3], '-', '+')
try('XREVRANGE', KEYS[3], '+', '-')
try('XDEL', KEYS[3], '0-1')
try('SETRANGE', KEYS[4], '0', 'a')
try('GETRANGE', KEYS[4], '0', '1')
try('STRLEN', KEYS[4])
try('SET', KEYS[4], 'a', 'PX', '1000')
try('GET', KEYS[4])
try('RPUSH', KEYS[5], 'a')
try('LRANGE', KEYS[5], '0', '-1')
try('LTRIM', KEYS[5], '0', '0')
try('EXISTS', KEYS[1])
try('PEXPIRE', KEYS[1], '1000')
try('PERSIST', KEYS[1])
try('RENAME', KEYS[5], KEYS[4])
try('UNLINK', KEYS[4])
for i = 1, 5 do try('DEL', KEYS[i]) end
return denied
