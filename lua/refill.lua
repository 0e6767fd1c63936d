-- refill: ends holds whose payment deadline has passed, oldest first, in a bounded batch, and
-- then grants a node that has used up its slice and buffer a share of what remains. Any
-- number of callers may run it: a hold ends once. It also removes what ended holds and
-- orders have left behind. A grant reserves nothing and raises no generation: like every
-- local stock it is a hint.
--
-- ARGV  4 how many holds at most (1..1000)  5 the moment that it is for the caller, or ''
--         where it does not know
--       6 quantity wanted by the first who waits, 0 where none is: then there is no grant
--       7 the node's weight  8 the weight of all selling nodes
-- reply ended: how many holds; more: whether more may be overdue (1 or 0)
--       now, in the header, is Redis's, also where the caller's is earlier
--       outcome, and the tickets granted:
--       granted   min(remaining, max(quantity, share)); 0 where the reply brings a
--                 newer allotment that covers the quantity
--       sold-out   not-enough   closed   not-open   none, with 0 tickets
-- keeps no hold ends because Redis's clock was set; P7; and P5, as returned stock needs no daemon to sell again

local b, failure = books()
if not b then return failure end
local limit = tonumber(ARGV[4])
local quantity, weight, all = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
if not limit or limit < 1 or limit > 1000 then
  return redis.error_reply('BADCALL refill wants a batch of 1 to 1000')
end
if not quantity or not weight or not all or quantity < 0 or weight < 1 or all < weight then
  return redis.error_reply('BADCALL refill wants quantity, weight and all weights')
end
failure = quantity > 0 and unrecorded(b)
if failure then return failure end
check_types()

-- The caller may not know yet that the clock was set: then its own is right. It knows the
-- time but roughly, and not how long the call took.
local redis_time, caller, ROUGHLY = now, tonumber(ARGV[5] or ''), 2000
if caller and now > caller + ROUGHLY then now = caller end

local BATCHES, SWEPT, SLACK = 8, 4, 1024

-- The holds among the ids of one entry of the deadlines. Each is taken once, also
-- where two entries name it: its stock would return twice.
local function holds(ids, into, taken)
  local values = redis.call('HMGET', KEYS[4], unpack(ids))
  for i, id in ipairs(ids) do
    local t = not taken[id] and find(id, values[i])
    taken[id] = true
    if t and t.state == 'h' then into[#into + 1] = t end
  end
end

local function split(entry, from, to)
  local ids = {}
  for at = from, to, 16 do ids[#ids + 1] = string.sub(entry, at, at + 15) end
  return ids
end

-- Takes dead ids out of a few entries at a time. Entries of the same millisecond may
-- wait for the next round.
local function sweep()
  local from = redis.call('HGET', KEYS[1], 'swept') or '-inf'
  local found = redis.call('ZRANGEBYSCORE', KEYS[5], from, '+inf', 'WITHSCORES', 'LIMIT', '0', int(SWEPT))
  for i = 1, #found, 2 do
    local entry, score, left, ids = found[i], found[i + 1], {}, {}
    holds(split(entry, 1, #entry), left, {})
    for k, t in ipairs(left) do ids[k] = t.id end
    if 16 * #ids < #entry then
      write('ZREM', KEYS[5], entry)
      if #ids > 0 then write('ZADD', KEYS[5], score, table.concat(ids)) end
    end
    from = '(' .. score
  end
  although_full()
  if #found < 2 * SWEPT then
    b.dead = 0
    write('HSET', KEYS[1], 'swept', '-inf', 'dead', '0')
  else
    write('HSET', KEYS[1], 'swept', from)
  end
end

local found = redis.call('ZRANGEBYSCORE', KEYS[5], '-inf', int(now), 'WITHSCORES', 'LIMIT', '0', int(BATCHES))
local overdue, more, taken = {}, #found == 2 * BATCHES, 0
local whole, rest, named = {}, nil, {}
for i = 1, #found, 2 do
  local entry, room = found[i], 16 * (limit - taken)
  if room == 0 then
    more = true
    break
  end
  local to = math.min(#entry, room)
  holds(split(entry, 1, to), overdue, named)
  taken = taken + to / 16
  whole[#whole + 1] = entry
  if to < #entry then rest, more = {found[i + 1], string.sub(entry, to + 1)}, true end
end
b.dead = math.max(0, b.dead - (taken - #overdue))
-- First, so that their stock has returned before they are out of the deadlines.
local ended = release(b, overdue, 'h', 'e')
if #whole > 0 then
  although_full()
  if ended == 0 then write('HSET', KEYS[1], 'dead', int(b.dead)) end
  write('ZREM', KEYS[5], unpack(whole))
end
if rest then write('ZADD', KEYS[5], rest[1], rest[2]) end
if b.dead > b.held + SLACK then sweep() end
remove_surplus(b, 100)
now = redis_time

local own = own_share()
local fresh = b.plan > KNOWN and math.max(0, own.slice + own.buffer - own.claimed) or 0
local outcome, tickets = quantity == 0 and 'none' or refusal(b), 0
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
return answer(header(b, own), 'ended', ended, 'more', more and 1 or 0, 'outcome', outcome, 'tickets', tickets)
