-- settle: notes that the money of a payment that was due has gone back.
--
-- KEYS  1 {sale}  2 {sale}:plan  3 {sale}:events  4 {sale}:payments, see resolve
-- ARGV  1 payment
-- reply the header, then an outcome and the payment's record:
--       done      this call settled it
--       already   an earlier call did
--       refused   no refund of it is due
--       unknown   no such payment
-- keeps a payment moves from applied to due to settled, and never back

local sale, failure = books()
if not sale then return failure end
if #ARGV ~= 1 or ARGV[1] == '' then return redis.error_reply('BADCALL settle wants a payment') end
local record = redis.call('HGET', KEYS[4], 'p:' .. ARGV[1]) or ''
redis.call('XLEN', KEYS[3])

local p = read_payment(record)
local outcome = 'refused'
if not p then
  outcome, record = 'unknown', ''
elseif p.state == 'settled' then
  outcome = 'already'
elseif p.state == 'due' then
  outcome, record = 'done', payment_as(p, 'settled', p.reason)
  redis.call('HSET', KEYS[4], 'p:' .. ARGV[1], record)
  redis.call('XADD', KEYS[3], '*', 'payment:' .. ARGV[1], record)
end
local reply = header(sale, '', 0)
reply[7], reply[8] = outcome, record
return reply
