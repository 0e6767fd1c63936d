-- resolve: takes one order through one transition. Whatever races, one wins.
--
-- KEYS  as in deduct
-- ARGV  1 node  2 the plan generation it knows  3 order id  4 cancel
--       5 the buyer who asks
-- reply the header, then an outcome and the order's record:
--       done      this call made the transition
--       already   an earlier call made the same one
--       refused   the order is in a state that has no such transition
--       unknown   no such order, or another buyer's: the caller can't tell which
-- keeps P7: a resolved order never comes back to life

local sale, failure = books()
if not sale then return failure end
local known = tonumber(ARGV[2])
if not known or #ARGV ~= 5 or ARGV[4] ~= 'cancel' then
  return redis.error_reply('BADCALL resolve wants node, generation, order, cancel and buyer')
end

local id = ARGV[3]
local record = redis.call('HGET', KEYS[4], id) or ''
local state, buyer = string.match(record, '^(%a+) %d+ %d+ %d+ (.*)$')
redis.call('ZCARD', KEYS[5])
local outcome
if not state or buyer ~= ARGV[5] then
  outcome, record = 'unknown', ''
elseif state == 'held' then
  release(sale, {id}, 'cancelled')
  outcome, record = 'done', redis.call('HGET', KEYS[4], id)
elseif state == 'cancelled' then
  outcome = 'already'
else
  outcome = 'refused'
end

local reply = header(sale, ARGV[1], known)
reply[7], reply[8] = outcome, record
return reply
