-- registry: the processes of one kind that run, each with a short value. Stands
-- alone: it speaks of no sale.
--
-- KEYS  1 the registry: zset, member by the moment until which it counts (Redis milliseconds)
--       2 its values: hash, member → value
-- ARGV  1 "register"  2 member  3 value  4 how long it counts, in milliseconds
--       1 "leave"     2 member  3 value: removes the member only while it has this value
--       1 "list"
-- reply {now, how many members count}; of list also member and value in turn
-- keeps: a member that has not registered again for so long does not count

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local verb, member, value, ttl = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4] or '')
local known = verb == 'list'
if verb == 'register' then known = member and member ~= '' and value and ttl and ttl > 0 end
if verb == 'leave' then known = member and value end
if not known then
  return redis.error_reply('BADCALL registry wants register, leave or list')
end

-- Also where Redis's memory is full, see although_full in prelude.lua.
redis.call('HDEL', KEYS[2], '')
local function remove(from, to)
  for _, gone in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], from, to)) do
    redis.call('ZREM', KEYS[1], gone)
    redis.call('HDEL', KEYS[2], gone)
  end
end
remove('-inf', string.format('%.0f', now))
-- Nobody counts for ten minutes at once: who seems to did so before the clock was set back.
remove(string.format('(%.0f', now + 600000), '+inf')
if verb == 'register' then
  redis.call('ZADD', KEYS[1], string.format('%.0f', now + ttl), member)
  redis.call('HSET', KEYS[2], member, value)
elseif verb == 'leave' and redis.call('HGET', KEYS[2], member) == value then
  redis.call('ZREM', KEYS[1], member)
  redis.call('HDEL', KEYS[2], member)
end

local reply = {now, redis.call('ZCARD', KEYS[1])}
if verb == 'list' then
  for _, each in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
    reply[#reply + 1] = each
    reply[#reply + 1] = redis.call('HGET', KEYS[2], each) or ''
  end
end
return reply
