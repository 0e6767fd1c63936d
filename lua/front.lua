-- front: whose turn it is in a sale that admits buyers in turn; put before advance and deduct.
-- internal/line has the same rule in Go, with its reasons, and a test compares the two.
--
-- {sale}        front: how many places have been admitted; front_at: when advance last did its
--               work, in Redis milliseconds: its heartbeat
-- {sale}:front  turns: the seconds of admission whose places are still awaited, oldest first:
--               the last place admitted before them, then for each the second and the last
--               place that it admitted, with commas between
--               learnt: for each of these, how many of its purchases advance has counted
--               called, late: the same of the late line, and in called its last ordinal that
--               may buy; joined: its last ordinal
--               free: 1 if who is late buys at once
--               b<second>, l<second>: purchases by places admitted, or called, in that second
--               p<place>: the place's ordinal in the late line
--               orders: how many purchases, their tickets, and the sum of their squares
--               credit, shows: see advance.lua
--
-- The line goes by Redis's own clock: its seconds mean the same to all callers.

local WINDOW, PATIENCE = 45, 60
local second = math.floor(clock / 1000)

local function read_turns(text) return cjson.decode('[' .. (text or '0') .. ']') end

-- How many seconds there are in turns, and of one its second and its last place.
local function count_of(turns) return (#turns - 1) / 2 end
local function second_of(turns, i) return turns[2 * i] end
local function upto_of(turns, i) return turns[2 * i + 1] end

-- The index of the second that admitted a place, or nil where that is longer ago or to come.
-- Claims pay for it, so it looks at the list itself.
local function find_turn(turns, place)
  local n = (#turns - 1) / 2
  if place <= turns[1] or n == 0 or place > turns[2 * n + 1] then return nil end
  local low, high = 1, n
  while low < high do
    local at = (low + high - (low + high) % 2) / 2
    if turns[2 * at + 1] < place then low = at + 1 else high = at end
  end
  return low
end

-- What is known of purchases: how many, their tickets, and the sum of their squares.
local function read_orders(text)
  local count, tickets, squares = string.match(text or '0 0 0', '^(%d+) (%d+) (%d+)$')
  return tonumber(count), tonumber(tickets), tonumber(squares)
end

-- What a batch of claims has to know of the line, read before anything is written. places are
-- those of the claims, 0 for none. at has for each claim the second that admitted its place, false
-- where that is longer ago or to come: a list, as a batch pays for each entry of a hash.
local function read_line(places)
  local kept = redis.call('HMGET', KEYS[14], 'turns', 'called', 'late', 'joined', 'free', 'orders')
  local l = {front = tonumber(redis.call('HGET', KEYS[1], 'front') or '0'), turns = read_turns(kept[1]), called = read_turns(kept[2]),
    late = tonumber(kept[3] or '0'), joined = tonumber(kept[4] or '0'), free = kept[5] == '1',
    at = {}, ordinals = {}, new = {}, counts = {}, names = {}}
  l.count, l.tickets, l.squares = read_orders(kept[6])
  local names, of, at = {}, {}, l.at
  local after, upto, admitted = 0, 0, nil -- neighbours in a batch were mostly admitted in the same second
  for i = 1, #places do
    local place = places[i]
    at[i] = false
    if place > 0 and place <= l.front then
      if place <= after or place > upto then
        local k = find_turn(l.turns, place)
        after, upto = 0, 0
        if k and second - second_of(l.turns, k) <= WINDOW then
          after, upto, admitted = l.turns[2 * k - 1], upto_of(l.turns, k), second_of(l.turns, k)
        end
      end
      if place > after and place <= upto then
        at[i] = admitted
      else
        names[#names + 1], of[#of + 1] = 'p' .. int(place), place
      end
    end
  end
  local ordinals = #names > 0 and redis.call('HMGET', KEYS[14], unpack(names)) or {}
  for i, place in ipairs(of) do l.ordinals[place] = ordinals[i] and tonumber(ordinals[i]) or nil end
  return l
end

-- Why a place that no second in the window admitted may not buy, or nil: the front has not come to it, which is '', or its ordinal in
-- the late line and the last one called there. Who is late and not in it yet joins it.
local function not_in_turn(l, place)
  if place < 1 or place > l.front then return '' end
  local ordinal = l.ordinals[place]
  if ordinal and ordinal <= l.late or l.free then return nil end
  if not ordinal then
    ordinal = l.joined + 1
    l.joined, l.ordinals[place] = ordinal, ordinal
    l.new[#l.new + 1], l.new[#l.new + 2] = 'p' .. int(place), int(ordinal)
  end
  return int(ordinal) .. ' ' .. int(l.late)
end

-- Counts the purchase of a claim. What a buyer takes again is not counted: one place could pretend to be many.
-- Neighbours in a batch that the same second admitted are counted at once.
local counted, counted_tickets, counted_squares, counted_at, counted_there = 0, 0, 0, nil, 0

local function count_at(l, name, times)
  if not l.counts[name] then l.names[#l.names + 1] = name end
  l.counts[name] = (l.counts[name] or 0) + times
end

local function count_neighbours(l)
  if counted_there > 0 then count_at(l, 'b' .. int(counted_at), counted_there) end
  counted_there = 0
end

local function count_purchase(l, claim, place, quantity)
  counted, counted_tickets, counted_squares = counted + 1, counted_tickets + quantity, counted_squares + quantity * quantity
  local at = l.at[claim]
  if at then
    if at ~= counted_at then
      count_neighbours(l)
      counted_at = at
    end
    counted_there = counted_there + 1
    return
  end
  local i = l.ordinals[place] and find_turn(l.called, l.ordinals[place])
  if i then count_at(l, 'l' .. int(second_of(l.called, i)), 1) end
end

-- Writes what has changed.
local function write_line(l)
  local fields = l.new
  if #fields > 0 then fields[#fields + 1], fields[#fields + 2] = 'joined', int(l.joined) end
  if counted > 0 then
    count_neighbours(l)
    fields[#fields + 1], fields[#fields + 2] = 'orders',
      table.concat({int(l.count + counted), int(l.tickets + counted_tickets), int(l.squares + counted_squares)}, ' ')
    local was = #l.names > 0 and redis.call('HMGET', KEYS[14], unpack(l.names)) or {}
    for i, name in ipairs(l.names) do
      fields[#fields + 1], fields[#fields + 2] = name, int((tonumber(was[i] or '0')) + l.counts[name])
    end
  end
  if #fields > 0 then write('HSET', KEYS[14], unpack(fields)) end
end
