-- open: creates a sale, once. An existing one is never touched.
--
-- KEYS  1 {sale}  2 {sale}:plan  3 {sale}:buyers  4 {sale}:orders
--       5 {sale}:deadlines  6 {sale}:events  7 {sale}:payments
-- ARGV  id title kind price currency total opens closes limit hold face rules closed
-- reply the header, then:
--       opened    this call created it
--       exists    it is there with this very definition (its total as first opened)
--       differs   it is there with another definition
-- keeps live stock is never overwritten; keys left by an earlier life of the
--       sale are an error, not a surprise

local names = {'id', 'title', 'kind', 'price', 'currency', 'opened', 'opens', 'closes', 'limit', 'hold', 'face', 'rules'}
if #ARGV ~= 13 or not tonumber(ARGV[6]) then
  return redis.error_reply('BADCALL open wants the thirteen fields of a definition')
end

local outcome
if redis.call('EXISTS', KEYS[1]) == 1 then
  outcome = 'exists'
  local values = redis.call('HMGET', KEYS[1], unpack(names))
  for i = 1, #names do
    if values[i] ~= ARGV[i] then outcome = 'differs' end
  end
elseif redis.call('EXISTS', KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7]) > 0 then
  return redis.error_reply('BROKEN ' .. KEYS[1] .. ' is missing, but other keys of the sale are left: recover it, or archive them first')
else
  outcome = 'opened'
  local fields = {}
  for i, name in ipairs(names) do
    fields[2 * i - 1], fields[2 * i] = name, ARGV[i]
  end
  redis.call('HSET', KEYS[1], 'total', ARGV[6], 'remaining', ARGV[6], 'held', '0', 'paid', '0',
    'stock', int(now), 'plan', '0', 'fence', '0', 'closed', ARGV[13], unpack(fields))
  -- The whole definition: the ledger is where it survives.
  redis.call('XADD', KEYS[6], '*', 'sale', 'opened ' .. ARGV[6] .. ' ' .. int(now), 'closed', ARGV[13], unpack(fields))
end

local sale, failure = books()
if not sale then return failure end
local reply = header(sale, '', 0)
reply[7] = outcome
return reply
