-- open: creates a sale, once. An existing one is never touched.
--
-- KEYS  1 {sale}  2 {sale}:plan  3 {sale}:buyers  4 {sale}:orders
--       5 {sale}:deadlines  6 {sale}:events  7 {sale}:payments
-- ARGV  1 closed  2 total, then the definition: names and values in turn. They are
--       kept as they are; scripts read opens, closes, limit, hold, price and currency
-- reply the header, then:
--       opened    this call created it
--       exists    it is there with this very definition (its total as first opened)
--       differs   it is there with another definition
-- keeps live stock is never overwritten; keys left by an earlier life of the
--       sale are an error, not a surprise

if #ARGV < 4 or #ARGV % 2 ~= 0 or not tonumber(ARGV[2]) then
  return redis.error_reply('BADCALL open wants closed, total and the names and values of a definition')
end

local outcome
if redis.call('EXISTS', KEYS[1]) == 1 then
  outcome = 'exists'
  for i = 3, #ARGV, 2 do
    -- A field that is newer than the sale is missing there, which is no text here.
    if (redis.call('HGET', KEYS[1], ARGV[i]) or '') ~= ARGV[i + 1] then outcome = 'differs' end
  end
elseif redis.call('EXISTS', KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7]) > 0 then
  return redis.error_reply('BROKEN ' .. KEYS[1] .. ' is missing, but other keys of the sale are left: recover it, or archive them first')
else
  outcome = 'opened'
  local definition = {}
  for i = 3, #ARGV do definition[i - 2] = ARGV[i] end
  redis.call('HSET', KEYS[1], 'total', ARGV[2], 'remaining', ARGV[2], 'held', '0', 'paid', '0',
    'stock', int(now), 'plan', '0', 'fence', '0', 'closed', ARGV[1], unpack(definition))
  -- The whole definition: the ledger is where it survives.
  redis.call('XADD', KEYS[6], '*', 'sale', 'opened ' .. ARGV[2] .. ' ' .. int(now), 'closed', ARGV[1], unpack(definition))
end

local sale, failure = books()
if not sale then return failure end
local reply = header(sale, '', 0)
reply[7] = outcome
return reply
