-- node: sets one thing that operators decide for a node, or takes it back. Stands alone: it
-- speaks of no sale.
--
-- KEYS  1 what is set for nodes: hash, drained:NAME → 1, weight:NAME → the weight
-- ARGV  1 the field  2 its value; empty: none
-- reply {1}
-- keeps nothing else: a node reads its own fields, and follows them

if not ARGV[2] or ARGV[1] == '' then
  return redis.error_reply('BADCALL node wants a field and a value')
end
redis.call('HDEL', KEYS[1], ARGV[1]) -- first, for a Redis whose memory is full: HDEL takes none
if ARGV[2] ~= '' then redis.call('HSET', KEYS[1], ARGV[1], ARGV[2]) end
return {1}
