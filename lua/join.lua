-- join: gives buyers their places in the line. Each buyer of a batch is answered by itself;
-- who has a place gets that one, ever after.
--
-- ARGV  4 places that buyers have proof of: numbers of buyers of this batch, from 1 on, each with
--         the place, all with blanks between them; Redis may have lost them. Or ''. d is the
--         place of one whom the draw has, D of one who claims so
--       5 ... buyers
-- reply outcomes: a letter a buyer
--         n new    k known: the place is an earlier one
--         c closed    l the line has no more places    m Redis has no memory for a new place
--         w wait: the place D is not here, and the line is frozen for the draw
--       places: of every n and k the place, of the others ''
--       line: names and values in turn, of the line as it is since
-- The places that a call gives are an event of the sale's stream, so that the ledger has them.
--
-- keeps L2 a place never changes; an ordinal is given once, also where Redis has lost places
--       that buyers have proof of

local b, failure = books()
failure = failure or unrecorded(b)
if failure then return failure end
local n = #ARGV - 4
if n < 1 then return redis.error_reply('BADCALL join wants places and buyers') end
check_types()

local line = redis.call('HMGET', KEYS[1], 'admission', 'line_limit', 'drawn', 'turn', 'front', 'front_at', 'list', 'beacon_value')
if (line[1] or '') == '' then return redis.error_reply('BADCALL ' .. KEYS[1] .. ' has no line') end
local limit, drawn, turn = tonumber(line[2]) or 0, line[3] and tonumber(line[3]), tonumber(line[4]) or 0
local count = redis.call('HLEN', KEYS[13])

local proven = {}
for i, place in string.gmatch(ARGV[4], '(%d+) (%w+)') do proven[tonumber(i)] = place end
for _, place in pairs(proven) do
  if place ~= 'd' and place ~= 'D' and not string.match(place, '^[1-9]%d*$') then
    return redis.error_reply('BADCALL a place is malformed')
  end
end

local kept = redis.call('HMGET', KEYS[13], unpack(ARGV, 5))
local closed, full = refusal(b) == 'closed', is_full()
local letters, places, given, written = {}, {}, {}, {}
for i = 1, n do
  local buyer, letter, place = ARGV[4 + i], 'k', nil
  if buyer == '' then return redis.error_reply('BADCALL buyer ' .. i .. ' is empty') end
  place = kept[i] or given[buyer]
  if not place then
    place = proven[i]
    if full then
      letter, place = 'm', nil
    elseif place == 'D' and drawn then
      -- The draw has its number of places already: this one may be of the list, or not.
      letter, place = 'w', nil
    elseif place == 'D' then
      place = 'd'
    elseif not place and closed then
      letter = 'c'
    elseif not place and count >= limit then
      letter = 'l'
    elseif not place then
      letter, place = 'n', 'd'
      if drawn then
        turn = turn + 1
        place = int(turn)
      end
    elseif place ~= 'd' then
      turn = math.max(turn, tonumber(place))
    end
    if place then
      count = count + 1
      given[buyer] = place
      written[#written + 1], written[#written + 2] = buyer, place
    end
  end
  letters[i], places[i] = letter, place or ''
end

-- Before the draw the places are counted; after it each has a number, also those that are lost.
local joined = drawn and math.max(count, drawn + turn) or count
if #written > 0 then
  -- The counter first: a script that dies in between skips ordinals, and gives none twice.
  local event = {'joined', b.ledger == 1 and table.concat(written, '\n') or ''}
  begin_event(b, payload(event), {'joined', int(joined), 'turn', int(turn)})
  write('HSET', KEYS[13], unpack(written))
  end_event(b, event)
end
local now_is = {'joined', int(joined), 'turn', int(turn), 'front', line[5] or '0', 'front_at', line[6] or '0'}
if drawn then now_is[9], now_is[10] = 'drawn', int(drawn) end
for i = 7, 8 do
  if line[i] then now_is[#now_is + 1], now_is[#now_is + 2] = i == 7 and 'list' or 'beacon_value', line[i] end
end
return answer(header(b), 'outcomes', table.concat(letters), 'places', places, 'line', now_is)
