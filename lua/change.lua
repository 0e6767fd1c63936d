-- change: gives a sale other terms while it may sell. Holds keep their deadlines.
--
-- ARGV  4 ... of every field of the definition its name, the value that the caller has
--       read, and the one that it shall have
-- reply outcome, reason:
--       done     this call made the change
--       already  an earlier call made it, or nothing differs
--       moved    the definition is another than the caller has read: read it again
--       refused  what must not change now, and why
-- keeps an order costs what it cost when it was held: the price stays from the first on

local b, failure = books()
if not b then return failure end
if #ARGV < 6 or (#ARGV - 3) % 3 ~= 0 then
  return redis.error_reply('BADCALL change wants names, values as read, and values')
end
check_types()

local names = {}
for i = 4, #ARGV, 3 do names[#names + 1] = ARGV[i] end
local values, changed, moved = redis.call('HMGET', KEYS[1], unpack(names)), {}, false
for i = 1, #names do
  -- A field that an earlier version did not know was empty.
  local value, was, is = values[i] or '', ARGV[3 * i + 2], ARGV[3 * i + 3]
  if value ~= is then changed[names[i]] = {was = value, is = is} end
  if value ~= was then moved = true end
end

-- The last orders of each buyer stay, so that where there are none there were none.
local ordered = redis.call('HLEN', KEYS[4]) > 0
local FREE = {title = true, subtitle = true, rules = true, closes = true, hold = true, lapses = true,
  line_rate = true, line_limit = true, proof_easy = true, pay_url = true}

-- Why a field must not change, or nil.
local function obstacle(name, was, is)
  if FREE[name] then return nil end
  if name == 'price' then return ordered and 'price: the sale has orders' or nil end
  if name == 'opens' then return ordered and 'opens_at: the sale has orders' or nil end
  if name == 'limit' then
    -- Nodes learn of it within a second, and send what buyers asked for before.
    if is > was or refusal(b) then return nil end
    return 'limit: it can be lowered before the sale opens or while it is closed'
  end
  return name .. ': it is for ever'
end

local outcome, reason = 'already', ''
if next(changed) and moved then
  outcome = 'moved'
elseif next(changed) then
  outcome = 'done'
  local fields, written = {'sale', 'changed', 'closed', int(b.closed)}, {}
  for i, name in ipairs(names) do
    local is, c = ARGV[3 * i + 3], changed[name]
    if c and outcome == 'done' then
      local why = obstacle(name, tonumber(c.was), tonumber(is))
      if why then outcome, reason = 'refused', why end
      written[#written + 1], written[#written + 2] = name, is
    end
    fields[#fields + 1], fields[#fields + 2] = name, is
  end
  -- Anyone who has let that many lapse is asked for from now on, see deduct.lua.
  if changed.lapses then written[#written + 1], written[#written + 2] = 'barred', '1' end
  if outcome == 'done' then
    although_full()
    begin_event(b, payload(fields), written)
    end_event(b, fields)
  end
end
return answer(header(b), 'outcome', outcome, 'reason', reason)
