-- Picks a node for each request, from the file of peers that the allocator writes (format:
-- internal/upstream/peers.go). Every worker reads the file again every 100 ms, so Nginx takes
-- new nodes and weights without a reload, which would close buyers' idle connections.
--
-- The rules are those of Nginx's own upstream: smooth weighted turns; backups only if no other
-- node can be asked; a retry never goes to a node that the request has tried; a node that fails
-- three times within five seconds is set aside for five, unless it is the only one. And one of our
-- own: while more than half of the nodes are set aside, a first try ignores that.

local balancer = require "ngx.balancer"
local shared = ngx.shared.onsale_peers

local FILE = ngx.config.prefix() .. "site/peers"
local INTERVAL = 0.1     -- seconds between two looks at the file. Shorter reads it more often, longer keeps buyers on a node that has gone
local LIMIT = 1048576    -- bytes of a file
local MAX_PEERS = 4096   -- as many as the allocator names
local MAX_WEIGHT = 1000000
local TRIES = 3          -- as proxy_next_upstream_tries in proxy.conf
local MAX_FAILS = 3      -- failures within FAIL_TIMEOUT that set a node aside for as long
local FAIL_TIMEOUT = 5   -- seconds; longer than gossip needs to report a crash
-- One request tries a node whose time aside is over. If it has not failed after this many seconds,
-- all ask the node again. Longer than proxy_read_timeout, so that a silent node counts as failed.
local TRIAL = 3.5

local M = {}

-- What this worker knows. A peer has address, weight and role ("up", "backup" or "down"), and
-- while it sells: current (its turn), aside (until when nobody asks it), trial (the one request
-- that may try it is under way).
local up, backup, by_address, asked = {}, {}, {}, 0
local head      -- the first line of the file in force: it has the digest of the rest
local reported  -- what was logged last
local seen      -- the number of marks of other workers that this one has read

-- report logs a fault of the file once. The level is one that nginx.conf lets through.
local function report(fault)
    if fault ~= reported then
        reported = fault
        ngx.log(ngx.EMERG, "site/peers: ", fault, "; the nodes stay as they were")
    end
end

local function ip(host)
    local a, b, c, d = host:match("^(%d+)%.(%d+)%.(%d+)%.(%d+)$")
    if a then
        return math.max(tonumber(a), tonumber(b), tonumber(c), tonumber(d)) < 256
    end
    return host:find("^%[[%x:]+[%d.]*%]$") ~= nil
end

local function parse_line(line)
    local host, port, weight, role = line:match('^(%S+):(%d+) (%d+) (%l+) # "[^\n]*"$')
    port, weight = tonumber(port), tonumber(weight)
    if not host or not ip(host) or port < 1 or port > 65535 or weight < 1 or weight > MAX_WEIGHT then
        return nil
    end
    if role ~= "up" and role ~= "backup" and role ~= "down" then
        return nil
    end
    return { address = host .. ":" .. port, weight = weight, role = role, current = 0 }
end

-- parse returns the peers of a whole file, or nil and its fault.
local function parse(text)
    local count, digest, body = text:match("^onsale%-peers 1 (%d+) (%x+)\n(.*)$")
    if not count then
        return nil, "no file of peers of version 1"
    end
    if string.format("%08x", ngx.crc32_long(body)) ~= digest then
        return nil, "the digest does not fit: it was cut short or changed"
    end
    local peers = {}
    for line in body:gmatch("([^\n]*)\n") do
        local peer = parse_line(line)
        if not peer then
            return nil, "malformed line " .. #peers + 2
        end
        peers[#peers + 1] = peer
        if #peers > MAX_PEERS then
            return nil, "more nodes than there is room for"
        end
    end
    if #peers ~= tonumber(count) then
        return nil, "another number of nodes than it states"
    end
    return peers
end

-- adopt puts peers in force. Those that stay keep their turn and their marks. One that comes,
-- or takes buyers again, starts without marks: it may be a node that was restarted.
local function adopt(peers)
    local next_up, next_backup, next_by_address, next_asked = {}, {}, {}, 0
    for _, peer in ipairs(peers) do
        local old = by_address[peer.address]
        if old and old.role == peer.role then
            peer.current, peer.aside, peer.trial = old.current, old.aside, old.trial
        elseif next(by_address) then
            shared:delete("aside " .. peer.address)
            shared:delete("fails " .. peer.address)
        end
        next_by_address[peer.address] = peer
        if peer.role ~= "down" then
            next_asked = next_asked + 1
            local list = peer.role == "up" and next_up or next_backup
            list[#list + 1] = peer
        end
    end
    up, backup, by_address, asked = next_up, next_backup, next_by_address, next_asked
    if asked == 1 then
        for _, peer in pairs(by_address) do
            peer.aside, peer.trial = nil, nil
        end
    end
end

-- take puts the text of a file in force, or reports why not and returns false.
local function take(text)
    local peers, fault = parse(text)
    if peers and #peers == 0 and next(by_address) then
        fault = "it names no node"
    end
    if fault then
        report(fault)
        return false
    end
    adopt(peers)
    head, reported = text:match("^[^\n]*\n"), nil
    return true
end

-- read takes the file if it is another one than the one in force. The first line is enough to
-- know that.
local function read()
    local file, err = io.open(FILE, "rb")
    if not file then
        return report(err)
    end
    local text = file:read(64) or ""
    if head and text:sub(1, #head) == head then
        reported = nil
        file:close()
        return
    end
    text = text .. (file:read(LIMIT) or "")
    file:close()
    if #text > LIMIT then
        return report("it is too long")
    end
    if take(text) and next(by_address) then
        -- Survives a reload, and a worker that dies: its successor may find a broken file.
        shared:set("text", text)
    end
end

-- learn takes over the marks that other workers have set.
local function learn()
    local marks = shared:get("marks")
    if marks == seen or asked == 1 then
        return
    end
    seen = marks
    for address, peer in pairs(by_address) do
        local aside = shared:get("aside " .. address)
        if aside and aside > (peer.aside or 0) then
            peer.aside, peer.trial = aside, nil
        end
    end
end

local function look(premature)
    if not premature then
        read()
        learn()
    end
end

-- start is for every worker, when it begins.
function M.start()
    look()
    if not next(by_address) then
        local text = shared:get("text")
        if text then
            take(text)
        end
    end
    local ok, err = ngx.timer.every(INTERVAL, look)
    if not ok then
        ngx.log(ngx.EMERG, "site/peers is not read again: ", err)
    end
end

-- failed counts a failure of the node, and sets it aside if there were too many.
local function failed(address, now)
    local peer = by_address[address]
    if not peer or asked == 1 then
        return
    end
    local fails = shared:incr("fails " .. address, 1, 0, FAIL_TIMEOUT)
    if peer.trial or fails and fails >= MAX_FAILS then
        peer.aside, peer.trial = now + FAIL_TIMEOUT, nil
        shared:set("aside " .. address, peer.aside, FAIL_TIMEOUT)
        shared:incr("marks", 1, 0)
    end
end

-- turn returns the peer whose turn it is, or nil. tried may be nil. Without a time no peer is taken
-- for one that is set aside.
local function turn(peers, tried, now)
    local best, total = nil, 0
    for i = 1, #peers do
        local peer = peers[i]
        if not (now and peer.aside and now < peer.aside) and not (tried and tried[peer.address]) then
            peer.current = peer.current + peer.weight
            total = total + peer.weight
            if not best or peer.current > best.current then
                best = peer
            end
        end
    end
    if best then
        best.current = best.current - total
    end
    return best
end

-- doubtful reports whether more than half of several peers are set aside. So many rarely fail at once, but an
-- Nginx that waits for its processor notices late that it is connected, and takes that for a failure of theirs.
local function doubtful(peers, now)
    local aside = 0
    for i = 1, #peers do
        local peer = peers[i]
        if peer.aside and now < peer.aside then
            aside = aside + 1
        end
    end
    return #peers > 1 and aside * 2 > #peers
end

-- choose returns the peer that is asked, or nil. If the marks are doubtful, a first try ignores them: the few
-- peers without one could not bear all buyers. A retry goes to those few, as the others may have failed.
local function choose(peers, tried, now)
    if not tried and doubtful(peers, now) then
        return turn(peers)
    end
    local best = turn(peers, tried, now)
    if best and best.trial then
        best.aside, best.trial = nil, nil
    elseif best and best.aside then
        best.aside, best.trial = now + TRIAL, true
    end
    return best
end

-- pick is for every try of a request. If it sets no peer, Nginx answers as if no node were there.
function M.pick()
    local now, tried = ngx.now(), nil
    if balancer.get_last_failure() then
        local last
        tried = {}
        -- "address, address : ", with nothing yet for this try
        for address in (ngx.var.upstream_addr or ""):gmatch("[^, ]+:%d+") do
            tried[address], last = true, address
        end
        failed(last, now)
        if asked == 1 then
            tried = nil -- Nginx grants this try because the node had closed an idle connection
        end
    elseif asked > 0 then
        balancer.set_more_tries(math.min(TRIES, asked))
    end
    local peer = choose(up, tried, now) or choose(backup, tried, now) or turn(up, tried) or turn(backup, tried)
    if peer then
        local ok, err = balancer.set_current_peer(peer.address)
        if not ok then
            ngx.log(ngx.EMERG, "site/peers: ", peer.address, ": ", err)
        end
    end
end

return M
