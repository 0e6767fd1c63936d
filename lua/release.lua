-- release: shared by the scripts that end live orders; put between order and
-- script. It reads first and writes last, so that a fault leaves everything as
-- it was.
--
-- keeps P7: an order leaves its state once, its stock returns once, and a
--       buyer's entry is removed only if it still names this order

-- The field of {sale} that counts a live state.
local COUNTER = {h = 'held', p = 'paid'}

-- Orders as an event carries them.
local function pairs_of(orders)
  local flat = {}
  for i, t in ipairs(orders) do flat[2 * i - 1], flat[2 * i] = t.buyer, t.id .. t.text end
  return table.concat(flat, '\n')
end

-- Ends live orders that are all in state from (h or p). news are more fields of the
-- same event. Terms come back changed.
local function release(b, orders, from, to, news)
  if #orders == 0 then return 0 end
  local returned, ids, buyers, ended = 0, {}, {}, {}
  local endings, lapses = {}, {}
  for i, t in ipairs(orders) do
    returned = returned + t.quantity
    t.text = terms_as(t, to)
    t.state = to
    ids[i], buyers[i] = t.id, t.buyer
    endings[t.buyer] = (endings[t.buyer] or '') .. t.id
    if to == 'e' then lapses[t.buyer] = (lapses[t.buyer] or 0) + 1 end
  end
  local past, barred = next_past(b, endings, lapses)
  local fields = {'orders', pairs_of(orders), unpack(news or {})}
  local counter = COUNTER[from]
  b.remaining, b[counter] = b.remaining + returned, b[counter] - returned
  b.stock = next_generation(b.stock)
  although_full()
  begin_event(b, payload(fields), {'remaining', int(b.remaining), counter, int(b[counter]),
    'stock', int(b.stock), 'dead', int(b.dead), 'barred', (barred or b.barred == '1') and '1' or ''})
  for i, t in ipairs(orders) do
    ended[2 * i - 1], ended[2 * i] = t.id, '\1' .. t.text .. pack(b.seq, 6) .. t.buyer
  end
  write('HSET', KEYS[4], unpack(ended))
  write('HDEL', KEYS[3], unpack(buyers))
  keep_past(past)
  remove_surplus(b, 16)
  end_event(b, fields)
  return #orders
end

-- Takes one hold out of the deadlines where it stands alone; otherwise its place
-- among others is dead, and swept later.
local function drop_deadline(b, t)
  if redis.call('ZSCORE', KEYS[5], t.id) then return true end
  b.dead = b.dead + 1
  return false
end
