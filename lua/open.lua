-- open: creates a sale, once. An existing one is never touched.
--
-- ARGV  4 life: random, of this opening  5 whether the site has a ledger, 1 or 0
--       6 total  7 closed, then the definition: names and values in turn
-- reply outcome:
--       opened    this call created it
--       exists    it is there with this very definition (its total as first opened)
--       differs   it is there with another definition
--       read, life
-- keeps live stock is never overwritten; keys left by an earlier life of the
--       sale are an error, not a surprise; and where the site has a ledger nothing
--       sells before the ledger has recorded this life

local OWN = 7
if #ARGV < OWN + 2 or (#ARGV - OWN) % 2 ~= 0 or not tonumber(ARGV[6]) or ARGV[4] == '' then
  return redis.error_reply('BADCALL open wants life, ledger, total, closed and the fields of a definition')
end

local outcome
if redis.call('EXISTS', KEYS[1]) == 1 then
  outcome = 'exists'
  local names, given = {}, {}
  for i = OWN + 1, #ARGV, 2 do
    names[#names + 1], given[#given + 1] = ARGV[i], ARGV[i + 1]
  end
  local values = redis.call('HMGET', KEYS[1], unpack(names))
  for i = 1, #names do
    -- A field that an earlier version did not know was empty.
    -- The secrets are the first opening's: every call brings others.
    local secret = names[i] == 'line_secret' or names[i] == 'line_seed'
    if not secret and (values[i] or '') ~= given[i] then outcome = 'differs' end
  end
else
  for i = 2, #KEYS do
    if redis.call('EXISTS', KEYS[i]) == 1 then
      return redis.error_reply('BROKEN ' .. KEYS[1] .. ' is missing, but ' .. KEYS[i] .. ' is left: run onsale reconcile')
    end
  end
  outcome = 'opened'
  local definition = {}
  for i = OWN + 1, #ARGV do definition[i - OWN] = ARGV[i] end
  redis.call('HSET', KEYS[1], 'total', ARGV[6], 'remaining', ARGV[6], 'held', '0', 'paid', '0',
    'stock', int(now), 'plan', '0', 'fence', '0', 'closed', ARGV[7], 'layout', int(LAYOUT), 'life', ARGV[4],
    'ledger', ARGV[5], 'epoch', '1', 'base', '0', 'read', '0', 'dead', '0', 'tap', '0', 'lost', '', unpack(definition))
  -- A line without a draw is in the order of joining from the first place on.
  local of = {}
  for i = 1, #definition, 2 do of[definition[i]] = definition[i + 1] end
  if (of.admission or '') ~= '' and (of.draw_at or '') == '' then redis.call('HSET', KEYS[1], 'drawn', '0') end
  local b = {seq = 0, link = ARGV[4], epoch = 1, ledger = tonumber(ARGV[5]), tap = 0}
  -- The whole definition: the ledger is where it survives.
  local fields = {'sale', 'opened', 'life', ARGV[4], 'closed', ARGV[7], unpack(definition)}
  begin_event(b, payload(fields), {})
  end_event(b, fields)
end

local b, failure = books()
if not b then return failure end
return answer(header(b), 'outcome', outcome, 'read', b.read, 'life', b.life)
