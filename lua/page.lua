-- page: a page of a sale's stream with the chain that it belongs to, at one instant:
-- read apart, an event in between would look like a gap.
--
-- ARGV  4 the entry after which the page begins, or '' for the head
--       5 how many entries at most
-- reply life, read, lost; waiting: how many entries the stream has; entries
-- keeps nothing but what is lost: it reads a sale that is shut, too

local b, failure = books(true)
if not b then return failure end
local limit = tonumber(ARGV[5])
if not limit or limit < 0 or limit > 1000 then return redis.error_reply('BADCALL page wants 0 to 1000 entries') end
local from = ARGV[4] == '' and '-' or '(' .. ARGV[4]
local entries = limit > 0 and redis.call('XRANGE', KEYS[6], from, '+', 'COUNT', int(limit)) or {}
return answer(header(b), 'life', b.life, 'read', b.read, 'lost', b.lost,
  'waiting', redis.call('XLEN', KEYS[6]), 'entries', entries)
