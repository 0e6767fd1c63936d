-- snapshot: all that Redis holds of a sale, at one instant, for audits and for a
-- ledger that does not know the sale yet. It checks nothing: it is asked when
-- something may be wrong.
-- Stands alone.
--
-- KEYS  1 {sale}  2 {sale}:buyers  3 {sale}:orders  4 {sale}:deadlines
--       5 {sale}:events  6 {sale}:payments
-- reply {now, the hashes 1, 2, 3 as flat lists, the deadlines with their scores,
--       the stream's entries, the hash 6}
-- keeps nothing: it writes nothing. It takes as long as the sale is large: about
--       a tenth of a second for 100,000 orders, in which Redis does nothing else.

local time = redis.call('TIME')
return {
  tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000),
  redis.call('HGETALL', KEYS[1]),
  redis.call('HGETALL', KEYS[2]),
  redis.call('HGETALL', KEYS[3]),
  redis.call('ZRANGE', KEYS[4], '0', '-1', 'WITHSCORES'),
  redis.call('XRANGE', KEYS[5], '-', '+'),
  redis.call('HGETALL', KEYS[6]),
}
