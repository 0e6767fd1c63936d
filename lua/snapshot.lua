-- snapshot: lets a caller read a sale in pieces while it sells, and know all of it
-- as it was at one instant. From begin on, new events are copied to {sale}:tap; the
-- caller scans the other keys in its own time, and then reads the copy to its end:
-- an event brings orders and payments as they are since.
--
-- ARGV  4 begin, for how many milliseconds events are copied
--         page, the entry after which it begins or '', how many entries at most, then
--         the fields of {sale} that are wanted: all of them may be thousands of restocks
--         end, the reply's until
-- reply outcome: done, or expired where events are no longer copied: begin again
--       until: begin; last: begin, the last entry of the copy, or '0'
--       entries, and sale, names and values of the same instant in turn: page
--       lost: why it is shut, or ''
-- keeps what it copies ends by itself

local b, failure = books(true)
if not b then return failure end
local verb, outcome, reply = ARGV[4], 'done', {}
check_types()
if verb == 'begin' and tonumber(ARGV[5]) then
  although_full()
  b.tap = math.max(b.tap, clock + tonumber(ARGV[5]))
  redis.call('HSET', KEYS[1], 'tap', int(b.tap))
  local last = redis.call('XREVRANGE', KEYS[11], '+', '-', 'COUNT', '1')
  reply = {'until', b.tap, 'last', last[1] and last[1][1] or '0'}
elseif verb == 'page' and tonumber(ARGV[6]) and ARGV[7] then
  if b.tap <= clock then
    outcome = 'expired'
  else
    local values, fields = redis.call('HMGET', KEYS[1], unpack(ARGV, 7)), {}
    for i = 7, #ARGV do
      local value = values[i - 6]
      if value then fields[#fields + 1], fields[#fields + 2] = ARGV[i], value end
    end
    reply = {'entries', redis.call('XRANGE', KEYS[11], '(' .. ARGV[5], '+', 'COUNT', ARGV[6]), 'sale', fields}
  end
elseif verb == 'end' and tonumber(ARGV[5]) then
  -- Another caller may have begun since.
  if b.tap <= tonumber(ARGV[5]) then
    although_full()
    redis.call('HSET', KEYS[1], 'tap', '0')
    redis.call('DEL', KEYS[11])
  end
else
  return redis.error_reply('BADCALL snapshot wants begin, page or end')
end
return answer(header(b), 'outcome', outcome, 'lost', b.lost, unpack(reply))
