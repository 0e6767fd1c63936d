-- draw: a node that has used up its slice and buffer asks for a share of what
-- remains. Nothing is reserved and no generation rises: like every local stock, the
-- grant is a hint.
--
-- ARGV  4 quantity wanted by the first who waits  5 the node's weight
--       6 the weight of all selling nodes
-- reply outcome, and the tickets granted:
--       granted   min(remaining, max(quantity, share)); 0 where the reply brings a
--                 newer allotment that covers the quantity
--       sold-out   not-enough   closed   not-open, with 0 tickets
-- keeps nothing: it writes nothing

local b, failure = books()
failure = failure or unrecorded(b)
if failure then return failure end
local quantity, weight, all = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
if not quantity or not weight or not all or quantity < 1 or weight < 1 or all < weight then
  return redis.error_reply('BADCALL draw wants quantity, weight and all weights')
end

local own = own_share()
local fresh = b.plan > KNOWN and math.max(0, own.slice + own.buffer - own.claimed) or 0
local outcome, tickets = refusal(b), 0
if outcome then
  tickets = 0
elseif b.remaining == 0 then
  outcome = 'sold-out'
elseif b.remaining < quantity then
  outcome = 'not-enough'
else
  outcome = 'granted'
  if fresh < quantity then
    tickets = math.min(b.remaining, math.max(quantity, math.ceil(b.remaining * weight / all)))
  end
end
return answer(header(b, own), 'outcome', outcome, 'tickets', tickets)
