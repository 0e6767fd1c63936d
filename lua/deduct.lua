-- deduct: the one place where tickets are sold. Decides each claim of a batch by itself,
-- in their order; one call writes all that it grants.
--
-- ARGV  4 the earliest deadline of the claims, in Redis milliseconds  5 the ids of all
--       claims, 16 bytes each  6 their quantities, 2 bytes each, then their buyers, and
--       then perhaps the traces that some of them belong to, for the event, or '', and
--       perhaps their places in the line, with commas between them, 0 for none.
--       Each argument costs Redis more than a claim's share of a longer one
-- reply outcomes: a letter a claim
--         h held     p paid: the sale costs nothing
--         k known: this very order id    o ordered: the buyer has another
--         l late     e early: more than ten seconds are left     c closed    n not open
--         s sold out    m not enough: see remaining
--         x limit: too many holds of the buyer lapsed
--         t not in turn, in a sale that admits buyers in turn: see front.lua
--         f full: Redis has no memory for a new hold; what was there is answered all the same
--         b broken: this claim did not run    u unreadable: this order id is there
--       details: of every k and o the order, of every b and u what is wrong in Redis,
--         of every t '' or its ordinal in the late line and the last one called there
--       front: of such a sale, how many places have been admitted
--       hold: for how long new holds are held, in milliseconds from now; 0 where they are paid
-- keeps P1 remaining >= 0 and the books balance; P2 one live order per buyer;
--       L1 no place beyond the front buys; P9 a claim sent again gets its order as that is now, and nothing more

local b, failure = books()
failure = failure or unrecorded(b)
if failure then return failure end

local argv = ARGV
local deadline, packed, quantities = tonumber(argv[4]), argv[5], argv[6]
local n = packed and #packed / 16 or 0
local buyers = 6 + n
if not deadline or n < 1 or #quantities ~= 2 * n or #argv < buyers or #argv > buyers + 2 then
  return redis.error_reply('BADCALL deduct wants a deadline, ids, quantities and as many buyers')
end
local places, in_turn = {}, b.admission == 'line'
if in_turn then
  places = cjson.decode('[' .. (argv[buyers + 2] or '') .. ']')
  if #places ~= 0 and #places ~= n then return redis.error_reply('BADCALL deduct wants as many places as claims') end
  for i = #places + 1, n do places[i] = 0 end
end
-- An ended order is removed ten seconds after its grant: a claim that may come later
-- would sell again. No caller waits for so long: Redis's clock was set back, and the caller
-- learns that from this reply.
local untimely = now > deadline and 'late' or deadline > now + SETTLES and 'early'

local sub = string.sub
local all = {}
for i = 1, n do all[i] = sub(packed, 16 * i - 15, 16 * i) end

-- Every key is read before the first write: a key of a wrong type fails here,
-- where nothing has been changed yet.
local records = redis.call('HMGET', KEYS[4], unpack(all))
local lives = redis.call('HMGET', KEYS[3], unpack(argv, 7, buyers))
-- Only a sale that has barred somebody pays for asking who it is, and one in turns where somebody's order has ended.
local barred = b.lapses > 0 and b.barred == '1'
local past = (barred or in_turn and redis.call('HLEN', KEYS[9]) > 0) and redis.call('HMGET', KEYS[9], unpack(argv, 7, buyers)) or {}
check_types()
local line = in_turn and read_line(places)
local turns = in_turn and line.at
local own = own_share()

local LETTER = {closed = 'c', ['not-open'] = 'n', late = 'l', early = 'e'}
local refused = LETTER[untimely or refusal(b)]
local full = is_full()
local remaining, sold, made = b.remaining, 0, 0
-- What costs nothing is paid when it is taken: nobody will pay for it, so nothing may end it.
local state, counter, hold = 'h', 'held', b.hold
if b.price == 0 then state, counter, hold = 'p', 'paid', 0 end
local placed, orders, owners, others, details, bought = {}, {}, {}, {}, {}, {}

-- A batch repeats few quantities, so each is read once: what it counts, and the terms of
-- a new order of so many.
local counts, terms = {}, {}
local function count(text)
  local quantity = number(text, 1, 2)
  if quantity < 1 or quantity > b.limit then return nil end
  counts[text], terms[text] = quantity, new_terms(state, quantity, now, hold)
  return quantity
end

-- Nearly always all claims are of one quantity.
local one = sub(quantities, 1, 2)
local same = quantities == string.rep(one, n) and one

-- What is there already, or wrong, is the matter of one claim, and no reply of a
-- wrong shape, which would leave the whole batch in doubt.
local function known(id, value)
  local t = find(id, value)
  if not t then return 'u', 'record of the order' end
  return 'k', row(t)
end

local function ordered(buyer, entry)
  local t = read_live(entry)
  if not t then return 'b', 'record of the buyer\'s order' end
  t.buyer = buyer
  return 'o', row(t)
end

-- A claim that is twice in one batch is known the second time.
local function twice(id, buyer, entry)
  if string.sub(entry, 1, 16) == id then return 'k', buyer .. '\n' .. entry end
  return 'o', buyer .. '\n' .. entry
end

local why
local function waits(i)
  why = not_in_turn(line, places[i])
  return why
end

local common = same and count(same)
for i = 1, n do
  local id, buyer, text = all[i], argv[6 + i], same or sub(quantities, 2 * i - 1, 2 * i)
  local quantity = common or counts[text] or count(text)
  if not quantity or buyer == '' then
    return redis.error_reply('BADCALL claim ' .. i .. ' is malformed or above the limit')
  end
  local letter, detail
  if records[i] then
    letter, detail = known(id, records[i])
  elseif placed[buyer] then
    letter, detail = twice(id, buyer, placed[buyer])
  elseif refused then
    letter = refused
  elseif lives[i] then
    letter, detail = ordered(buyer, lives[i])
  elseif barred and past[i] and lapsed(past[i]) >= b.lapses then
    letter = 'x'
  elseif in_turn and full then
    letter = 'f'
  elseif in_turn and not turns[i] and waits(i) then
    letter, detail = 't', why
  elseif remaining >= quantity and full then
    letter = 'f'
  elseif remaining >= quantity then
    remaining, sold, made = remaining - quantity, sold + quantity, made + 1
    local entry, k = id .. terms[text], 2 * made
    placed[buyer] = entry
    orders[k - 1], orders[k] = id, buyer
    owners[k - 1], owners[k] = buyer, entry
    if in_turn then
      bought[made] = places[i]
      if not past[i] then count_purchase(line, i, places[i], quantity) end
    end
  elseif remaining == 0 then
    letter = 's'
  else
    letter = 'm'
  end
  if letter then
    others[i] = letter
    if detail then details[#details + 1] = detail end
  end
end

if made > 0 then
  local granted = packed
  if made < n then
    local ids = {}
    for k = 1, made do ids[k] = orders[2 * k - 1] end
    granted = table.concat(ids)
  end
  b.remaining, b[counter] = remaining, b[counter] + sold
  begin_event(b, 'held\n' .. granted, {'remaining', int(remaining), counter, int(b[counter])})
  write('HSET', KEYS[4], unpack(orders))
  write('HSET', KEYS[3], unpack(owners))
  if hold > 0 then write('ZADD', KEYS[5], int(now + hold), granted) end
  -- Claims taken under an older plan are no part of this one's count.
  if KNOWN == b.plan then write('HSET', KEYS[2], 'c:' .. NODE, int(own.claimed + sold)) end
  local fields, traces = {'held', table.concat(owners, '\n')}, argv[buyers + 1]
  if traces and traces ~= '' then fields[3], fields[4] = 'trace', traces end
  if in_turn then
    write_line(line)
    local f = #fields
    fields[f + 1], fields[f + 2], fields[f + 3], fields[f + 4] = 'places', made == n and argv[buyers + 2] or table.concat(bought, ','), 'front', int(line.front)
  end
  end_event(b, fields)
elseif in_turn then
  write_line(line)
end
local outcomes = string.rep(state, n)
if made < n then
  for i = 1, n do others[i] = others[i] or state end
  outcomes = table.concat(others)
end
local reply = answer(header(b, own), 'outcomes', outcomes, 'details', details, 'hold', hold)
return in_turn and answer(reply, 'front', line.front) or reply
