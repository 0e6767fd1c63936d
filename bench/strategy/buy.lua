-- buy: sells one ticket to a buyer, or replies why not.
--
-- KEYS  1 stock (a number)  2 buyers (buyer -> order id)  3 orders (stream)
-- ARGV  1 buyer  2 the order's id, if it is sold
-- reply an outcome and its order id, which may be ''
--       sold id   replayed id   sold-out ''   no-sale ''
-- keeps stock >= 0, one order a buyer, and a record of each

local order = redis.call('HGET', KEYS[2], ARGV[1])
if order then return {'replayed', order} end
local stock = redis.call('GET', KEYS[1])
if not stock then return {'no-sale', ''} end
if tonumber(stock) <= 0 then return {'sold-out', ''} end

-- Nothing is rolled back, so the one write that can fail, on a key of a wrong
-- type, comes first.
redis.call('XADD', KEYS[3], '*', 'order', ARGV[2], 'buyer', ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
redis.call('DECR', KEYS[1])
return {'sold', ARGV[2]}
