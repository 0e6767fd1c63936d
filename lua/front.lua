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
local function find_turn(turns, place)
  if place <= turns[1] then return nil end
  local low, high = 1, count_of(turns) + 1
  while low < high do
    local at = math.floor((low + high) / 2)
    if upto_of(turns, at) < place then low = at + 1 else high = at end
  end
  return low <= count_of(turns) and low or nil
end

-- What is known of purchases: how many, their tickets, and the sum of their squares.
local function read_orders(text)
  local count, tickets, squares = string.match(text or '0 0 0', '^(%d+) (%d+) (%d+)$')
  return tonumber(count), tonumber(tickets), tonumber(squares)
end
