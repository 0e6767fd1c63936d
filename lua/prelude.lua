-- prelude: what every script of a sale shares, put between base and script. It
-- writes one thing only: that the sale has lost data.
--
-- KEYS   1 {sale}            hash: definition, counters (total remaining held paid),
--                            generations (stock plan), fence, closed, and the
--                            sale's chain, see chain.lua
--        2 {sale}:plan       hash: a:<node> = the node's record, see share; c:<node> =
--                            tickets claimed under this plan, stock = what it was planned for
--        3 {sale}:buyers     hash: buyer -> live order, see order.lua
--        4 {sale}:orders     hash: order id -> buyer, or the ended order
--        5 {sale}:deadlines  zset: the ids of holds of one deadline, by deadline
--        6 {sale}:events     stream: what no ledger has committed yet
--        7 {sale}:payments   hash, see payment.lua
--        8 {sale}:links      string: the links of the last 4,096 events
--        9 {sale}:past       hash: buyer -> the buyer's last ended orders and how many
--                            holds lapsed, see order.lua
--       10 {sale}:surplus    list: ids of ended orders to be removed
--       11 {sale}:tap        stream: a copy of new events, while somebody audits
--       12 {sale}:index      zset: payments by state and by order, see payment.lua
--       13 {sale}:line       hash: buyer -> place: d, or the ordinal of who joined after the draw
--       14 {sale}:front      hash: counts that the front is moved by
--       15 {sale}:drawn      hash: the sorted entries of the draw's list, in numbered parts
-- ARGV   1 node  2 the plan generation it knows; where Redis's clock has been set since the
--        caller knows it, a blank and by how many milliseconds  3 the highest mark of the chain
--        that it has seen, "epoch seq link", or ''
-- reply  names and values in turn. Every script answers its caller's next
--        questions before they are asked: now, remaining, stock, plan, epoch, seq,
--        link, and share and claimed if the plan is newer than the caller's: the node's
--        record in the plan and the tickets that it has claimed
-- errors NOSALE   no such sale          LAYOUT  written by another version
--        BROKEN   a record contradicts itself; nothing was written
--        BADCALL  malformed arguments; nothing was written
--        LOST     the sale has lost data that somebody has seen, and is shut until
--                 it is reconciled; nothing was written but that
--        UNRECORDED  the ledger has not recorded the sale yet; nothing was written
--        TORN     the script failed after its first write
-- keeps  remaining + held + paid = total, checked before anything is written

local LAYOUT, RING, LINK = 2, 4096, 12
local known, set_by = string.match(ARGV[2] or '', '^(%d+) ?(%-?%d*)$')
local NODE, KNOWN = ARGV[1], known and tonumber(known)

-- What the sale promised goes by the time that its callers had before Redis's clock was set:
-- deadlines, windows, and what is derived from them. clock is Redis's own.
local clock = now
if set_by and set_by ~= '' then now = now - tonumber(set_by) end

-- A generation rises also after data loss, because Redis time has moved on.
local function next_generation(old) return math.max(old + 1, now) end

-- Lets the script run though Redis's memory is full, for those that end, pay or delete:
-- what would free memory must never wait for memory. Redis refuses a command that takes
-- memory only before a script's first write, and HDEL, which takes none, is one even where
-- it finds nothing. A flag in the first line (#!lua flags=allow-oom) does the same for whole
-- scripts, but would have Redis refuse their reads too where it can't write, and the
-- embedded Redis does not know it.
local function although_full() redis.call('HDEL', KEYS[1], '') end

-- Whether Redis would now refuse a command that takes memory: SETRANGE of nothing is one,
-- and changes nothing. Another refusal is left to the first write.
local function is_full()
  local probe = redis.pcall('SETRANGE', KEYS[8], '0', '')
  return type(probe) == 'table' and probe.err ~= nil and string.match(probe.err, '^%-?OOM') ~= nil
end

-- The link of an event of this epoch, or nil where it is out of the ring.
local function link_at(sale, seq)
  if seq == sale.seq then return sale.link end
  if seq < 1 or seq > sale.seq or seq <= sale.seq - RING then return nil end
  local from = (seq % RING) * LINK
  return redis.call('GETRANGE', KEYS[8], int(from), int(from + LINK - 1))
end

-- Why the sale is not the one that somebody has seen, or nil. seen is a mark.
local function behind(sale, seen)
  if seen == '' then return nil end
  local epoch, seq, link = string.match(seen, '^(%d+) (%d+) (%x+)$')
  epoch, seq = tonumber(epoch), tonumber(seq)
  if not seq then return nil, redis.error_reply('BADCALL a mark is malformed') end
  if epoch < sale.epoch then
    -- What was seen before a reconciliation is in it, but for what another Redis went on to do.
    if seq <= sale.base then return nil end
    return 'event ' .. int(seq) .. ' of epoch ' .. int(epoch) .. ' was seen, epoch ' .. int(sale.epoch) .. ' began after ' .. int(sale.base)
  end
  if epoch > sale.epoch then return 'epoch ' .. int(epoch) .. ' was seen, this is ' .. int(sale.epoch) end
  if seq > sale.seq then return 'event ' .. int(seq) .. ' was seen, the last is ' .. int(sale.seq) end
  local kept = link_at(sale, seq)
  if kept and kept ~= link then return 'event ' .. int(seq) .. ' is another than was seen' end
  return nil
end

local function lost(reason)
  return redis.error_reply('LOST ' .. KEYS[1] .. ' ' .. reason)
end

local NUMBERS = {'total', 'remaining', 'held', 'paid', 'stock', 'plan', 'opens', 'closes', 'closed', 'hold', 'limit', 'price',
  'fence', 'ledger', 'epoch', 'base', 'seq', 'read', 'dead', 'tap'}
local TEXTS = {'link', 'life', 'lost', 'layout', 'lapses', 'barred', 'admission'}
local FIELDS = {unpack(NUMBERS)}
for i, name in ipairs(TEXTS) do FIELDS[#NUMBERS + i] = name end

-- The sale's numbers, or nil and an error reply. It reads the plan too, because
-- some headers are made after writing: a plan key of a wrong type must fail here,
-- where nothing has been changed yet. anyway lets a sale through that is shut.
local function books(anyway)
  if not NODE or not KNOWN or not ARGV[3] then
    return nil, redis.error_reply('BADCALL want node, plan generation and mark')
  end
  local values = redis.call('HMGET', KEYS[1], unpack(FIELDS))
  if not values[1] then
    return nil, redis.error_reply('NOSALE ' .. KEYS[1] .. ' is not in this Redis')
  end
  local b = {}
  for i, name in ipairs(TEXTS) do b[name] = values[#NUMBERS + i] or '' end
  if b.layout ~= int(LAYOUT) then
    return nil, redis.error_reply('LAYOUT ' .. KEYS[1] .. ' was written by another version of onsale: run onsale reconcile')
  end
  for i, name in ipairs(NUMBERS) do
    b[name] = tonumber(values[i])
    if not b[name] or b[name] % 1 ~= 0 then
      return nil, redis.error_reply('BROKEN ' .. KEYS[1] .. ' has no whole number in ' .. name)
    end
  end
  b.lapses = tonumber(b.lapses) or 0 -- a sale without a limit has none
  if b.stock < 1 or b.plan < 0 or b.epoch < 1 or b.seq < 1 then
    return nil, redis.error_reply('BROKEN ' .. KEYS[1] .. ' has an impossible generation')
  end
  -- Who audits or reconciles the sale has to see what is wrong with it.
  if not anyway and (b.remaining < 0 or b.held < 0 or b.paid < 0 or b.remaining + b.held + b.paid ~= b.total) then
    return nil, redis.error_reply('BROKEN ' .. KEYS[1] .. ' does not balance')
  end
  redis.call('HLEN', KEYS[2])
  if b.lost == '' then
    local reason, failure = behind(b, ARGV[3])
    if failure then return nil, failure end
    if reason then
      -- The mark stays: the reconciliation has to begin after what was seen.
      although_full()
      redis.call('HSET', KEYS[1], 'lost', reason, 'witness', ARGV[3])
      b.lost = reason
    end
  end
  if b.lost ~= '' and not anyway then return nil, lost(b.lost) end
  return b
end

-- Fails where a key has a wrong type, for scripts that write: after the first
-- write it would be too late. It reads with the commands that are used later, so
-- that one which this user of Redis may not run fails here as well.
local function check_types()
  redis.call('HLEN', KEYS[3])
  redis.call('HLEN', KEYS[4])
  redis.call('ZCARD', KEYS[5])
  redis.call('XLEN', KEYS[6])
  redis.call('HLEN', KEYS[7])
  redis.call('STRLEN', KEYS[8])
  redis.call('HGET', KEYS[9], '')
  redis.call('LRANGE', KEYS[10], '0', '0')
  redis.call('XLEN', KEYS[11])
  redis.call('ZCARD', KEYS[12])
  redis.call('HLEN', KEYS[13])
  redis.call('HLEN', KEYS[14])
  redis.call('HLEN', KEYS[15])
end

-- Why no claim passes now, or nil.
local function refusal(b)
  if b.closed == 1 or (b.closes > 0 and now >= b.closes) then return 'closed' end
  if now < b.opens then return 'not-open' end
  return nil
end

-- An error where the site's ledger has not recorded the opening yet, or the sale's new
-- epoch: until then nothing sells.
local function unrecorded(b)
  if b.ledger == 1 and b.read < 1 then
    return redis.error_reply('UNRECORDED ' .. KEYS[1] .. ' sells once the ledger has recorded it')
  end
  return nil
end

-- A node's record in the plan is "slice buffer", then names and values of further fields,
-- which scripts carry on and do not read: see shareLine in package sale.
local function is_share(record) return string.match(record .. ' ', '^%d+ %d+ ') ~= nil end

-- A node's slice, buffer and claims from the plan's two fields of it. A plan is
-- a hint: a field that is missing or can't be read is nothing, and no failure.
local function share(record, claims)
  local slice, buffer = string.match((record or '') .. ' ', '^(%d+) (%d+) ')
  -- Named first: where nothing matches, the embedded Redis's match is no value
  -- at all, which tonumber refuses, and not nil.
  local claimed = string.match(claims or '', '^%d+$')
  return tonumber(slice) or 0, tonumber(buffer) or 0, tonumber(claimed) or 0
end

-- The caller's fields of the plan, read before anything is written.
local function own_share()
  local kept = redis.call('HMGET', KEYS[2], 'a:' .. NODE, 'c:' .. NODE)
  local slice, buffer, claimed = share(kept[1], kept[2])
  return {record = kept[1] or '', slice = slice, buffer = buffer, claimed = claimed}
end

-- The opening of every reply.
local function header(b, own)
  local reply = {'now', now, 'remaining', b.remaining, 'stock', b.stock, 'plan', b.plan,
    'epoch', b.epoch, 'seq', b.seq, 'link', b.link}
  if b.plan > KNOWN then
    own = own or own_share()
    reply[15], reply[16] = 'share', own.record
    reply[17], reply[18] = 'claimed', own.claimed
  end
  return reply
end

-- Adds names and values to a reply.
local function answer(reply, ...)
  local n = #reply
  for i = 1, select('#', ...) do reply[n + i] = (select(i, ...)) end
  return reply
end
