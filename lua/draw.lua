-- draw: a dry node asks for a share of what remains. Nothing is reserved and no
-- generation rises: like every local stock, the grant is a hint.
--
-- KEYS  1 {sale}  2 {sale}:plan
-- ARGV  1 node  2 the plan generation it knows  3 quantity wanted by the first
--       who waits  4 the node's weight  5 the weight of all selling nodes
-- reply the header, then an outcome and what is granted:
--       granted n    n = min(remaining, max(quantity, share)); 0 where the reply
--                    brings a newer allotment that covers the quantity
--       sold-out 0   not-enough 0   closed 0   not-open 0
-- keeps nothing: it writes nothing

local sale, failure = books()
if not sale then return failure end
local known, quantity = tonumber(ARGV[2]), tonumber(ARGV[3])
local weight, all = tonumber(ARGV[4]), tonumber(ARGV[5])
if not known or not quantity or not weight or not all
  or quantity < 1 or weight < 1 or all < weight then
  return redis.error_reply('BADCALL draw wants node, generation, quantity, weight and all weights')
end

local reply = header(sale, ARGV[1], known)
local refused = shut(sale)
if refused then
  reply[7], reply[8] = refused, 0
elseif sale.remaining == 0 then
  reply[7], reply[8] = 'sold-out', 0
elseif sale.remaining < quantity then
  reply[7], reply[8] = 'not-enough', 0
elseif reply[5] + reply[6] >= quantity then
  reply[7], reply[8] = 'granted', 0
else
  local share = math.ceil(sale.remaining * weight / all)
  reply[7], reply[8] = 'granted', math.min(sale.remaining, math.max(quantity, share))
end
return reply
