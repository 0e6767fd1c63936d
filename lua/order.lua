-- order: how orders are written; put between chain and script.
--
-- An order's terms are 14 bytes: its state, a letter of h (held), p (paid), c
-- (cancelled), e (expired), r (refunded); then numbers, the highest byte first: the
-- tickets (2 bytes), Redis milliseconds of the grant (6), and after how many more the
-- payment deadline passes (5): 0 where the order cost nothing, and was paid at once. With its id of 16 bytes before them, that is an order
-- without its buyer, in 30 bytes: one more, and Redis takes 16 more for it.
--
-- {sale}:buyers  buyer -> id .. terms, of the live order
-- {sale}:orders  id -> buyer, of a live order
--                id -> "\1" .. terms .. seq of the ending (6 bytes) .. buyer
-- events         "held" and "orders": buyer, "\n", id .. terms, joined by "\n". A
--                buyer has no control character, an id may have any byte
--
-- {sale}:past    buyer -> ids of ended orders, then a byte: how many of the buyer's
--                holds ended unpaid by their deadline, at most 255; no byte is none
--
-- A buyer's last KEPT ended orders stay, so that they can be shown and paid too
-- late. Those before them are surplus: they are removed once no call that asks
-- for them can be under way and the ledger has them.

local KEPT, SETTLES = 3, 10000

local TERMS = 14

-- A number as bytes, the highest first, and back.
local function pack(n, width)
  local bytes = {}
  for i = width, 1, -1 do
    bytes[i] = string.char(n % 256)
    n = math.floor(n / 256)
  end
  return table.concat(bytes)
end

local function number(text, from, to)
  local n = 0
  for i = from, to do n = 256 * n + string.byte(text, i) end
  return n
end

-- An order's id as payments name it.
local function hex(id)
  local digits = string.gsub(id, '.', function(c) return string.format('%02x', string.byte(c)) end)
  return (string.gsub(digits, '^(%x%x%x%x%x%x%x%x)(%x%x%x%x)(%x%x%x%x)(%x%x%x%x)(%x+)$', '%1-%2-%3-%4-%5'))
end

local STATES = {h = true, p = true, c = true, e = true, r = true}

-- The parts of an order's terms, or nil.
local function read_terms(text)
  local state = string.sub(text, 1, 1)
  if #text ~= TERMS or not STATES[state] then return nil end
  return {state = state, quantity = number(text, 2, 3), text = text}
end

local function new_terms(state, quantity, created, hold)
  return state .. pack(quantity, 2) .. pack(created, 6) .. pack(hold, 5)
end

local function terms_as(t, state) return state .. string.sub(t.text, 2) end

-- A buyer's live order, from its entry: id and terms, or nil.
local function read_live(entry)
  local t = entry and read_terms(string.sub(entry, 17))
  if not t then return nil end
  t.id = string.sub(entry, 1, 16)
  return t
end

-- The order of an id: terms with buyer, or nil and whether something is there that
-- can't be read.
local function find(id, value)
  if not value then return nil, false end
  if string.sub(value, 1, 1) ~= '\1' then
    local t = read_live(redis.call('HGET', KEYS[3], value))
    if not t or t.id ~= id then return nil, true end
    t.buyer = value
    return t
  end
  local t = #value > 7 + TERMS and read_terms(string.sub(value, 2, 1 + TERMS))
  if not t then return nil, true end
  t.id, t.buyer = id, string.sub(value, 8 + TERMS)
  return t
end

-- An order in a reply, as in events.
local function row(t) return t.buyer .. '\n' .. t.id .. t.text end

-- Whether an ended order may be removed: no call that carries its claim can be
-- under way any more, and the ledger has it.
local function removable(b, value)
  if string.sub(value, 1, 1) ~= '\1' then return false end
  local created, seq = number(value, 5, 10), number(value, 2 + TERMS, 7 + TERMS)
  return now > created + SETTLES and (b.ledger == 0 or seq <= b.read)
end

-- Removes surplus orders, oldest first, a bounded number.
local function remove_surplus(b, limit)
  local ids = redis.call('LRANGE', KEYS[10], '0', int(limit - 1))
  if #ids == 0 then return end
  local values, gone = redis.call('HMGET', KEYS[4], unpack(ids)), {}
  for i, id in ipairs(ids) do
    if values[i] and not removable(b, values[i]) then break end
    gone[i] = id
  end
  if #gone == 0 then return end
  write('HDEL', KEYS[4], unpack(gone))
  write('LTRIM', KEYS[10], int(#gone), '-1')
end

-- How many holds of a buyer lapsed, from the entry in past.
local function lapsed(entry)
  return entry and #entry % 16 == 1 and string.byte(entry, -1) or 0
end

-- Reads what the buyers' entries in past become when orders of theirs end, and whether
-- one of them has let as many holds lapse as the sale allows. lapses: how many lapse now.
local function next_past(b, buyers, lapses)
  local past, barred = {}, false
  for buyer, ids in pairs(buyers) do
    local entry = redis.call('HGET', KEYS[9], buyer) or ''
    local count = math.min(255, lapsed(entry) + (lapses[buyer] or 0))
    past[buyer] = {ids = string.sub(entry, 1, #entry - #entry % 16) .. ids, count = count}
    barred = barred or b.lapses > 0 and count >= b.lapses
  end
  return past, barred
end

-- Writes them; what is too much of them becomes surplus.
local function keep_past(past)
  local surplus, kept = {}, {}
  for buyer, p in pairs(past) do
    local ids = p.ids
    while #ids > 16 * KEPT do
      surplus[#surplus + 1] = string.sub(ids, 1, 16)
      ids = string.sub(ids, 17)
    end
    kept[#kept + 1], kept[#kept + 2] = buyer, p.count > 0 and ids .. string.char(p.count) or ids
  end
  if #kept > 0 then write('HSET', KEYS[9], unpack(kept)) end
  if #surplus > 0 then write('RPUSH', KEYS[10], unpack(surplus)) end
end
