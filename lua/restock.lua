-- restock: changes a sale's total by an audited delta.
--
-- KEYS  1 {sale}  2 {sale}:plan  3 {sale}:events
-- ARGV  1 delta (may be negative)  2 idempotency key of the change  3 largest total
-- reply the header, then an outcome and the total:
--       done      this call made the change
--       already   an earlier call with this key made the same one
--       refused   the key was used for another delta, or the total would fall
--                 below held + paid or rise above the largest
-- keeps total >= held + paid, and every change of total stands in the stream

local sale, failure = books()
if not sale then return failure end
local delta, largest = tonumber(ARGV[1]), tonumber(ARGV[3])
if not delta or not largest or delta == 0 or delta ~= math.floor(delta) or ARGV[2] == '' then
  return redis.error_reply('BADCALL restock wants a whole delta other than 0, a key and the largest total')
end
redis.call('XLEN', KEYS[3])

local field = 'change:' .. ARGV[2]
local before = redis.call('HGET', KEYS[1], field)
local outcome
if before then
  outcome = (tonumber(before) == delta) and 'already' or 'refused'
elseif sale.remaining + delta < 0 or sale.total + delta > largest then
  outcome = 'refused'
else
  outcome = 'done'
  sale.total, sale.remaining = sale.total + delta, sale.remaining + delta
  sale.stock = next_generation(sale.stock)
  redis.call('XADD', KEYS[3], '*', 'sale', 'restocked ' .. int(delta) .. ' ' .. int(sale.total) .. ' ' .. ARGV[2])
  redis.call('HSET', KEYS[1], 'total', int(sale.total), 'remaining', int(sale.remaining),
    'stock', int(sale.stock), field, int(delta))
end
local reply = header(sale, '', 0)
reply[7], reply[8] = outcome, sale.total
return reply
