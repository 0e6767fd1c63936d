-- close: closes a sale, or lets it sell again. Holds keep their deadlines.
--
-- KEYS  1 {sale}  2 {sale}:plan  3 {sale}:events
-- ARGV  1 '1' to close, '0' to reopen
-- reply the header, then done, or already where it was so before
-- keeps no claim is granted after this script has answered 1

local sale, failure = books()
if not sale then return failure end
if ARGV[1] ~= '0' and ARGV[1] ~= '1' then
  return redis.error_reply('BADCALL close wants 1 or 0')
end
redis.call('XLEN', KEYS[3])

local outcome = 'already'
if int(sale.closed) ~= ARGV[1] then
  outcome = 'done'
  redis.call('XADD', KEYS[3], '*', 'sale', (ARGV[1] == '1' and 'closed ' or 'reopened ') .. int(now))
  redis.call('HSET', KEYS[1], 'closed', ARGV[1])
end
local reply = header(sale, '', 0)
reply[7] = outcome
return reply
