-- expire: ends holds whose payment deadline has passed, oldest first, in a
-- bounded batch. Any number of callers may run it: a hold ends once.
--
-- KEYS  as in deduct
-- ARGV  1 node  2 the plan generation it knows  3 how many holds at most (1..1000)
-- reply the header, then how many holds ended and whether more may be overdue (1 or 0)
-- keeps P7; and P5, as returned stock needs no daemon to sell again

local sale, failure = books()
if not sale then return failure end
local known, limit = tonumber(ARGV[2]), tonumber(ARGV[3])
if not known or not limit or limit < 1 or limit > 1000 then
  return redis.error_reply('BADCALL expire wants node, generation and a batch of 1 to 1000')
end

local overdue = redis.call('ZRANGEBYSCORE', KEYS[5], '-inf', int(now), 'LIMIT', '0', int(limit))
local ended = release(sale, overdue, 'held', 'expired')
local reply = header(sale, ARGV[1], known)
reply[7], reply[8] = ended, (#overdue == limit) and 1 or 0
return reply
