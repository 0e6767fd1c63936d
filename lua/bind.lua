-- bind: a payment belongs to the sale that it was first reported for. Stands apart from
-- any sale.
--
-- KEYS  1 the payment's key
-- ARGV  1 the sale, or '-' for one that nobody knows  2 milliseconds until it is forgotten
-- reply to whom the payment belongs: the caller's sale, or the one that came first
-- keeps one payment is never recorded for two sales

local owner = redis.call('GET', KEYS[1])
if owner then return {owner} end
redis.call('DEL', KEYS[1]) -- first, for a Redis whose memory is full: DEL takes none
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return {ARGV[1]}
