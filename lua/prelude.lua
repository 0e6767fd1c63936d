-- prelude: what every script of a sale shares. It is put before each of them
-- and reads; it never writes.
--
-- KEYS[1] {sale}       hash: definition, counters (total remaining held paid),
--                      generations (stock plan), fence, closed
-- KEYS[2] {sale}:plan  hash: a:<node> = "slice buffer", c:<node> = tickets
--                      claimed under this plan, stock = what it was planned for
-- reply   every script answers its caller's next questions before they are
--         asked: {now, remaining, stock, plan, slice, buffer, ...}; slice is -1
--         unless the plan is newer than the caller's
-- keeps   remaining + held + paid = total, checked before anything is written
--
-- Numbers are doubles: all of ours stay far below 2^53, and int() prints them
-- without an exponent.

local function int(n) return string.format('%.0f', n) end

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

-- A generation rises also after data loss, because Redis time has moved on.
local function next_generation(old) return math.max(old + 1, now) end

-- The sale's books as whole numbers, or nil and an error reply. It reads the
-- plan too, because some headers are made after writing: a plan key of a wrong
-- type must fail here, where nothing has been changed yet.
local function books()
  local names = {'total', 'remaining', 'held', 'paid', 'stock', 'plan', 'opens', 'closes', 'closed', 'hold', 'limit', 'fence'}
  local values = redis.call('HMGET', KEYS[1], unpack(names))
  if not values[1] then
    return nil, redis.error_reply('NOSALE ' .. KEYS[1] .. ' is not in this Redis')
  end
  local b = {}
  for i, name in ipairs(names) do
    b[name] = tonumber(values[i])
    if not b[name] or b[name] % 1 ~= 0 then
      return nil, redis.error_reply('BROKEN ' .. KEYS[1] .. ' has no whole number in ' .. name)
    end
  end
  if b.stock < 1 or b.plan < 0 then
    return nil, redis.error_reply('BROKEN ' .. KEYS[1] .. ' has an impossible generation')
  end
  if b.remaining < 0 or b.held < 0 or b.paid < 0 or b.remaining + b.held + b.paid ~= b.total then
    return nil, redis.error_reply('BROKEN ' .. KEYS[1] .. ' does not balance')
  end
  redis.call('HLEN', KEYS[2])
  return b
end

-- Why no claim passes now, or nil.
local function shut(b)
  if b.closed == 1 or (b.closes > 0 and now >= b.closes) then return 'closed' end
  if now < b.opens then return 'not-open' end
  return nil
end

-- A node's slice, buffer and claims from the plan's two fields of it. A plan is
-- a hint: a field that is missing or can't be read is nothing, and no failure.
local function share(allotted, claims)
  local slice, buffer = string.match(allotted or '', '^(%d+) (%d+)$')
  -- Named first: where nothing matches, the embedded Redis's match is no value
  -- at all, which tonumber refuses, and not nil.
  local claimed = string.match(claims or '', '^%d+$')
  return tonumber(slice) or 0, tonumber(buffer) or 0, tonumber(claimed) or 0
end

-- The opening of every reply, and what the node has claimed under the plan. The
-- allotment is what it may still claim: a node restarted under its name gets
-- what is left of its slice, then of its buffer.
local function header(b, node, known)
  local kept = redis.call('HMGET', KEYS[2], 'a:' .. node, 'c:' .. node)
  local slice, buffer, claimed = share(kept[1], kept[2])
  local reply = {now, b.remaining, b.stock, b.plan, -1, 0}
  if b.plan > known then
    reply[5] = math.max(0, slice - claimed)
    reply[6] = math.max(0, buffer - math.max(0, claimed - slice))
  end
  return reply, claimed
end
