-- advance: moves the front of a line on, at most once in a second of Redis time however many
-- call it. The allocator that leads calls it on its tick, and nodes if nobody has for five seconds.
-- The rule is that of internal/line, operation by operation: see there for its reasons.
--
-- ARGV  4 the front that the caller knows of, which Redis may have lost
-- reply front; joined; turned: 1 if this call did the work
-- keeps L4 the front never falls; L6 while there is stock somebody may try
--
-- Fields of {sale}:front beside those in front.lua, kept so exactly that Go computes the same:
-- credit  places that the rate would admit
-- shows   what is known of who comes: a high share; the purchases of the last seconds, and how
--         many the estimate had; then purchases by age; then seconds for which somebody of that
--         age was awaited

local b, failure = books()
failure = failure or unrecorded(b)
if failure then return failure end
local known = tonumber(ARGV[4] or '')
if not known or known < 0 then return redis.error_reply('BADCALL advance wants a front') end
if b.admission ~= 'line' then return redis.error_reply('BADCALL ' .. KEYS[1] .. ' does not admit buyers in turn') end
check_types()

local LONGEST, CAUTION, SLOWEST, ENOUGH, SET_BACK = 1.5, 2, 0.1, 0.1, 5
local COME_WHEN_CALLED, FEWEST, PRESUMED, PRESUMED_OVER, MEMORY, RECENT, SLACK = 0.9, 0.02, 2, 30, 600, 3, 2
local RISKED, HIGHEST, HALVING, MARGIN, LN2, NEVER = 0.03, 0.9, 120, 2, 0.693147180559945309417232121458, 1e-9
local AGES = {0, 5, 10, 15, 20, 30}
local max, min, floor, ceil, sqrt = math.max, math.min, math.floor, math.ceil, math.sqrt

local sale = redis.call('HMGET', KEYS[1], 'joined', 'line_rate', 'front', 'front_at', 'drawn', 'draw_at', 'list',
  'beacon', 'beacon_value')
local joined, rate = tonumber(sale[1] or '0'), tonumber(sale[2] or '0')
local front, at = tonumber(sale[3] or '0'), tonumber(sale[4] or '0')

-- With a draw, its order has to be known: by the list, and by the beacon's value if there is one.
local is_drawn = sale[5] and ((sale[6] or '') == '' or sale[7]) and ((sale[8] or '') == '' or sale[9])

local function done(turned)
  return answer(header(b), 'front', front, 'joined', joined, 'turned', turned)
end

-- Nobody is admitted before the draw, nor while the sale is not open.
local last = floor(at / 1000)
local set_back = second < last - SET_BACK
if known <= front and (second <= last and not set_back or not is_drawn or refusal(b)) then return done(0) end

local state = redis.call('HMGET', KEYS[14], 'turns', 'learnt', 'called', 'late', 'joined', 'credit', 'shows', 'orders', 'free')
local turns, learnt, called = read_turns(state[1]), read_turns(state[2] or ''), read_turns(state[3])
local late, late_joined, credit = tonumber(state[4] or '0'), tonumber(state[5] or '0'), tonumber(state[6] or '0')
local count, tickets, squares = read_orders(state[8])
local shows = {}
for n in string.gmatch(state[7] or '', '%S+') do shows[#shows + 1] = tonumber(n) end
local high, seen, foreseen = shows[1] or 0, shows[2] or 0, shows[3] or 0
local bought, awaited = {}, {}
for k = 1, #AGES do bought[k], awaited[k] = shows[3 + k] or 0, shows[3 + #AGES + k] or 0 end

-- Forgets seconds before one, and returns the names of their counts.
local gone = {}
local function settle(list, of, before, counts)
  local kept, learnt_kept = {list[1]}, {}
  for i = 1, count_of(list) do
    if second_of(list, i) < before then
      kept[1] = upto_of(list, i)
      gone[#gone + 1] = of .. int(second_of(list, i))
    else
      kept[#kept + 1], kept[#kept + 2] = second_of(list, i), upto_of(list, i)
      if counts then learnt_kept[#learnt_kept + 1] = counts[i] or 0 end
    end
  end
  return kept, learnt_kept
end

local function admit(list, upto)
  if second_of(list, count_of(list)) == second and #list > 1 then
    list[#list] = upto
  else
    list[#list + 1], list[#list + 2] = second, upto
  end
end

-- How many places of each second have bought, and how many have not.
local function counts_of(list, of)
  local n, names, taken, left = count_of(list), {}, {}, {}
  for i = 1, n do names[i] = of .. int(second_of(list, i)) end
  local values = n > 0 and redis.call('HMGET', KEYS[14], unpack(names)) or {}
  for i = 1, n do
    taken[i] = tonumber(values[i] or '0')
    left[i] = max(0, upto_of(list, i) - (i == 1 and list[1] or upto_of(list, i - 1)) - taken[i])
  end
  return taken, left
end

local was = front
if known > front then
  -- Redis lost it. Who was admitted meanwhile is awaited no more.
  turns, learnt = settle(turns, 'b', math.huge, learnt)
  front, turns[1] = known, known
end
local free, turned = state[9] or '0', 0
if set_back then
  turns, learnt = settle(turns, 'b', math.huge, learnt)
  called = settle(called, 'l', math.huge)
end

local function age(i) return min(max(0, second - second_of(turns, i)), WINDOW) end
local function bracket(a)
  local k = #AGES
  while AGES[k] > a do k = k - 1 end
  return k
end
local function rate_at(k) return (bought[k] + PRESUMED) / (awaited[k] + PRESUMED_OVER) end

-- By age, from 0 on: the chance that somebody who has not come yet will.
local yet = {}
local function expect(times)
  local away = 1
  for a = WINDOW, 0, -1 do
    local r = min(2, rate_at(bracket(a)) * times)
    away = max(NEVER, away * ((1 - r / 2) / (1 + r / 2)))
    yet[a] = 1 - away
  end
end

local function learn(taken, left, passed)
  local now_seen, now_foreseen, rates = 0, 0, {}
  for k = 1, #AGES do rates[k] = rate_at(k) end
  for i = 1, count_of(turns) do
    local k, fresh = bracket(age(i)), taken[i] - learnt[i]
    learnt[i] = taken[i]
    bought[k] = bought[k] + fresh
    if b.remaining > 0 then
      local waited = left[i] * passed
      awaited[k] = awaited[k] + waited
      now_seen = now_seen + fresh
      now_foreseen = now_foreseen + waited * rates[k]
    end
  end
  local fade = 1 / (1 + passed / MEMORY)
  for k = 1, #AGES do bought[k], awaited[k] = bought[k] * fade, awaited[k] * fade end
  fade = 1 / (1 + passed / RECENT)
  seen, foreseen = (seen + now_seen) * fade, (foreseen + now_foreseen) * fade
  expect(max(1, (seen + SLACK) / (foreseen + SLACK)))
  local share = max(yet[0], FEWEST)
  if high == 0 then high = HIGHEST end
  high = max(share, min(HIGHEST, MARGIN * share), high / (1 + passed * LN2 / HALVING))
  return share
end

-- How many of those admitted are still to come: as expected, and if the high share came.
local function demand(left)
  local expected, most, stay = 0, 0, 1 - yet[0]
  for i = 1, count_of(turns) do
    local a, after = age(i), 1
    expected = expected + left[i] * yet[a]
    if a > 0 then after = stay * yet[a] / ((1 - yet[a]) * yet[0]) end
    most = most + left[i] * high * after / (high * after + 1 - high)
  end
  return expected, most
end

local function room_for(left, called_left, share)
  local mean, square = (tickets + 10 * b.limit) / (count + 10), (squares + 10 * b.limit * b.limit) / (count + 10)
  local expected, most = demand(left)
  for i = 1, count_of(called) do
    local coming = COME_WHEN_CALLED * called_left[i]
    expected, most = expected + coming, most + coming
  end
  expected, most = expected * mean, most * mean
  local spread = square / mean
  local root = (sqrt(CAUTION * CAUTION * spread + 4 * b.remaining) - CAUTION * sqrt(spread)) / 2
  local room = floor((root * root - expected) / (mean * share))
  local bound = (b.remaining + RISKED * b.total - most) / (mean * high)
  room = max(0, min(room, floor(bound)))
  local one = min(b.remaining, mean)
  if room == 0 and one > 0 and expected < ENOUGH * one then
    room = max(1, floor(one / (2 * mean * share)))
  end
  return room
end

if (second > last or set_back) and is_drawn and not refusal(b) then
  turned = 1
  local passed = min(max(0, clock - at) / 1000, LONGEST)
  at = clock
  turns, learnt = settle(turns, 'b', second - WINDOW, learnt)
  called = settle(called, 'l', second - PATIENCE)
  local taken, left = counts_of(turns, 'b')
  local _, called_left = counts_of(called, 'l')
  local share = learn(taken, left, passed)
  local room = room_for(left, called_left, share)
  local step = rate * passed / max(share, SLOWEST)
  credit = min(credit + step, step + 1)
  local pace = floor(credit)

  local each = ceil(1 / share)
  local calls = min(late_joined - late, ceil(room / each))
  if calls > 0 then
    late = late + calls
    admit(called, late)
    room = max(0, room - calls * each)
  end
  free = b.remaining > 0 and (room >= pace or front >= joined) and '1' or '0'
  local to = min(joined, front + min(pace, room))
  if to > front then
    credit = credit - (to - front)
    front = to
    admit(turns, front)
  end
end

local kept = {high, seen, foreseen}
for k = 1, #AGES do kept[3 + k], kept[3 + #AGES + k] = bought[k], awaited[k] end
for i, n in ipairs(kept) do kept[i] = string.format('%.17g', n) end
although_full()
local fields = {'front', int(front), 'front_at', int(at)}
if front > was then
  begin_event(b, payload({'front', int(front)}), fields)
else
  write('HSET', KEYS[1], unpack(fields))
end
if #gone > 0 then write('HDEL', KEYS[14], unpack(gone)) end
write('HSET', KEYS[14], 'turns', table.concat(turns, ','), 'learnt', table.concat(learnt, ','),
  'called', table.concat(called, ','), 'late', int(late), 'free', free,
  'credit', string.format('%.17g', credit), 'shows', table.concat(kept, ' '))
if front > was then end_event(b, {'front', int(front)}) end
return done(turned)
