-- deduct: the one place where tickets are sold. Decides every claim of a batch,
-- in its order, all or nothing.
--
-- KEYS  1 {sale}  2 {sale}:plan  3 {sale}:buyers (buyer -> live order id)
--       4 {sale}:orders (order id -> record)  5 {sale}:deadlines (zset)
--       6 {sale}:events (stream)
-- ARGV  1 node  2 the plan generation it knows, then for each claim:
--       order id, buyer, quantity, deadline in Redis milliseconds
-- reply the header, then for each claim an outcome and its detail:
--       held        record              known      record of this very order id
--       ordered     order id and record of the buyer's live order
--       late ''     closed ''     not-open ''     sold-out ''
--       not-enough  remaining
--       broken      what is wrong in Redis: this claim did not run
--       unreadable  what is wrong in Redis: this very order id is there
--       A record is "state quantity created expires buyer".
-- keeps P1 remaining >= 0 and the books balance; P2 one live order per buyer;
--       P9 a claim sent again gets its first answer

local sale, failure = books()
if not sale then return failure end

local known = tonumber(ARGV[2])
local claims = (#ARGV - 2) / 4
if not known or claims < 1 or claims ~= math.floor(claims) then
  return redis.error_reply('BADCALL deduct wants node, generation and four arguments a claim')
end

-- A batch repeats few quantities and deadlines, so each text is read once.
local counts, pasts = {}, {}
local function read(quantity, deadline)
  if not counts[quantity] then
    local n = string.match(quantity, '^[1-9]%d*$') and tonumber(quantity)
    if not n or n > sale.limit then return false end
    counts[quantity] = n
  end
  if pasts[deadline] == nil then
    local at = tonumber(deadline)
    if not at then return false end
    pasts[deadline] = now > at
  end
  return true
end

local ids, buyers = {}, {}
for i = 1, claims do
  local at = 4 * i - 1
  local id, buyer = ARGV[at], ARGV[at + 1]
  if id == '' or buyer == '' or not read(ARGV[at + 2], ARGV[at + 3]) then
    return redis.error_reply('BADCALL claim ' .. i .. ' is malformed or above the limit')
  end
  ids[i], buyers[i] = id, buyer
end

-- Every key is read before the first write: a key of a wrong type fails here,
-- where nothing has been changed yet.
local records = redis.call('HMGET', KEYS[4], unpack(ids))
local lives = redis.call('HMGET', KEYS[3], unpack(buyers))
redis.call('ZCARD', KEYS[5])
redis.call('XLEN', KEYS[6])
local reply, claimed = header(sale, ARGV[1], known)

local refused = shut(sale)
local remaining, sold, written = sale.remaining, 0, 0
local expires = int(now + sale.hold)
local times = ' ' .. int(now) .. ' ' .. expires .. ' '
local made, placed, orders, owners, deadlines = {}, {}, {}, {}, {}

-- A record that can't be read is the trouble of one claim, and no reply of a
-- wrong shape, which would leave the whole batch in doubt.
local function readable(record) return string.match(record, '^%a+ %d+ %d+ %d+ .') end

local function decide(i)
  local id, buyer, quantity = ids[i], buyers[i], counts[ARGV[4 * i + 1]]
  local record = records[i] or made[id]
  if record and not readable(record) then return 'unreadable', 'record of the order' end
  if record then return 'known', record end
  if pasts[ARGV[4 * i + 2]] then return 'late', '' end
  if refused then return refused, '' end
  local live = placed[buyer] or lives[i]
  if live then
    record = made[live] or redis.call('HGET', KEYS[4], live) or ''
    if not readable(record) then return 'broken', 'buyer entry names no order that can be read' end
    return 'ordered', live .. ' ' .. record
  end
  if remaining == 0 then return 'sold-out', '' end
  if remaining < quantity then return 'not-enough', int(remaining) end

  record = 'held ' .. ARGV[4 * i + 1] .. times .. buyer
  remaining, sold = remaining - quantity, sold + quantity
  made[id], placed[buyer] = record, id
  local n = written
  orders[n + 1], orders[n + 2] = id, record
  owners[n + 1], owners[n + 2] = buyer, id
  deadlines[n + 1], deadlines[n + 2] = expires, id
  written = n + 2
  return 'held', record
end

local head = #reply
for i = 1, claims do
  reply[head + 2 * i - 1], reply[head + 2 * i] = decide(i)
end

if sold > 0 then
  redis.call('HSET', KEYS[4], unpack(orders))
  redis.call('HSET', KEYS[3], unpack(owners))
  redis.call('ZADD', KEYS[5], unpack(deadlines))
  redis.call('XADD', KEYS[6], '*', unpack(orders))
  redis.call('HSET', KEYS[1], 'remaining', int(remaining), 'held', int(sale.held + sold))
  -- Claims taken under an older plan are no part of this one's count. Nothing
  -- may fail here any more, as HINCRBY would on a count that is no number.
  if known == sale.plan then redis.call('HSET', KEYS[2], 'c:' .. ARGV[1], int(claimed + sold)) end
  reply[2] = remaining
end
return reply
