-- Every request of wrk is another buyer's purchase:
--
--   onsale token --buyers 100000 > tokens
--   TOKENS=tokens wrk -t2 -c64 -d10s -s docs/wrk.lua http://127.0.0.1:8080
--
-- SALE names another sale than demo. At the end it prints how many answers had
-- which status: 201 is a hold, 200 the same buyer again, 409 sold out.

local sale = os.getenv('SALE') or 'demo'
local threads = {}

-- Runs once a thread, before any of them starts: thread i begins at token i.
function setup(thread)
  threads[#threads + 1] = thread
  thread:set('first', #threads)
end

function init()
  statuses, tokens = {}, {}
  local name = os.getenv('TOKENS') or 'tokens'
  local file = io.open(name)
  if file then
    for line in file:lines() do tokens[#tokens + 1] = line end
    file:close()
  end
  if #tokens == 0 then error('no tokens in ' .. name .. ': make some with "onsale token --buyers 100000 > ' .. name .. '"') end
  next_token = first
end

function request()
  local token = tokens[(next_token - 1) % #tokens + 1]
  next_token = next_token + 1009 -- a prime, so that threads seldom meet
  return wrk.format('POST', '/v1/sales/' .. sale .. '/orders',
    {Authorization = 'Bearer ' .. token, ['Content-Type'] = 'application/json'}, '{"quantity":1}')
end

function response(status)
  statuses[status] = (statuses[status] or 0) + 1
end

function done()
  local all = {}
  for _, thread in ipairs(threads) do
    for status, n in pairs(thread:get('statuses')) do all[status] = (all[status] or 0) + n end
  end
  for status, n in pairs(all) do print(string.format('%d: %d answers', status, n)) end
end
