-- deduct: the one place where tickets are sold. Decides every claim of a batch,
-- in its order, all or nothing.
--
-- ARGV  4 the earliest deadline of the claims, in Redis milliseconds, then the ids of
--       all claims (16 bytes each), their buyers, and their quantities
-- reply outcomes: a letter a claim
--         h held     k known: this very order id    o ordered: the buyer has another
--         l late     c closed    n not open    s sold out    m not enough: see remaining
--         b broken: this claim did not run    u unreadable: this order id is there
--       details: of every k and o the order, of every b and u what is wrong in Redis
--       hold: for how long new holds are held, in milliseconds from now
-- keeps P1 remaining >= 0 and the books balance; P2 one live order per buyer;
--       P9 a claim sent again gets its first answer

local b, failure = books()
failure = failure or unrecorded(b)
if failure then return failure end

local argv = ARGV
local deadline = tonumber(argv[4])
local n = (#argv - 4) / 3
if not deadline or n < 1 or n % 1 ~= 0 then
  return redis.error_reply('BADCALL deduct wants a deadline, then ids, buyers and quantities')
end
-- An ended order is removed ten seconds after its grant: a claim that may come later
-- would sell again.
if deadline > now + SETTLES then
  return redis.error_reply('BADCALL deduct wants a deadline within ' .. SETTLES .. ' ms')
end
local B, Q = 4 + n, 4 + 2 * n

-- Every key is read before the first write: a key of a wrong type fails here,
-- where nothing has been changed yet.
local records = redis.call('HMGET', KEYS[4], unpack(argv, 5, B))
local lives = redis.call('HMGET', KEYS[3], unpack(argv, B + 1, Q))
check_types()
local own = own_share()

local LETTER = {closed = 'c', ['not-open'] = 'n', late = 'l'}
local refused = LETTER[now > deadline and 'late' or refusal(b)]
local remaining, sold, made = b.remaining, 0, 0
local placed, ids, orders, owners, outcomes, details = {}, {}, {}, {}, {}, {}

-- A batch repeats few quantities, so each text is read once: what it counts, and the
-- terms of a new hold of so many.
local counts, terms = {}, {}
local function count(text)
  local quantity = string.match(text, '^[1-9]%d*$') and tonumber(text)
  if not quantity or quantity > b.limit then return nil end
  counts[text], terms[text] = quantity, new_terms('h', quantity, now, b.hold)
  return quantity
end

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

for i = 1, n do
  local id, buyer, text = argv[4 + i], argv[B + i], argv[Q + i]
  local quantity = counts[text] or count(text)
  if not quantity or #id ~= 16 or buyer == '' then
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
  elseif remaining >= quantity then
    letter = 'h'
    remaining, sold, made = remaining - quantity, sold + quantity, made + 1
    local entry, k = id .. terms[text], 2 * made
    placed[buyer], ids[made] = entry, id
    orders[k - 1], orders[k] = id, buyer
    owners[k - 1], owners[k] = buyer, entry
  elseif remaining == 0 then
    letter = 's'
  else
    letter = 'm'
  end
  outcomes[i] = letter
  if detail then details[#details + 1] = detail end
end

if made > 0 then
  local all = table.concat(ids)
  b.remaining, b.held = remaining, b.held + sold
  begin_event(b, 'held\n' .. all, {'remaining', int(remaining), 'held', int(b.held)})
  write('HSET', KEYS[4], unpack(orders))
  write('HSET', KEYS[3], unpack(owners))
  write('ZADD', KEYS[5], int(now + b.hold), all)
  -- Claims taken under an older plan are no part of this one's count.
  if KNOWN == b.plan then write('HSET', KEYS[2], 'c:' .. NODE, int(own.claimed + sold)) end
  end_event(b, {'held', table.concat(owners, '\n')})
end
return answer(header(b, own), 'outcomes', table.concat(outcomes), 'details', details, 'hold', b.hold)
