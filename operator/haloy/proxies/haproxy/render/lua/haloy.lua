-- The one program that haloy gives to HAProxy. It is the same for every installation: nothing in it is made from anything
-- that a user wrote. What users wrote reaches it as data, as words of maps/programs.map, and as requests.
--
-- For an audit. It may: look up maps/programs.map, read the request (method, path, query, headers, variables), set the
-- variables txn.rule, txn.cluster and txn.after..., change headers and the path of a request, change headers of a response,
-- answer a request, and write one warning for each program that it cannot read. It may not, and has not the means to: open
-- files or sockets, start anything, wait, run text as a program, or remember anything of a request. No string of a user's or
-- a client's is ever a pattern: find() and match() are called with patterns of these files, or plainly.
--
-- The words: haloy/proxies/haproxy/render/programs/. A request that needs a program which is missing or cannot be read is
-- answered 500 (Gateway API: a filter that cannot be applied must not be skipped).
--
-- words.lua and conditions.lua belong to it and are loaded before it, for each thread.

local find, match, sub, gmatch = string.find, string.match, string.sub, string.gmatch
local common = programs_of_haloy
local call_of, keep, kept, number_of = common.call_of, common.keep, common.kept, common.number_of
local program, reader, words_of = common.program, common.reader, common.words_of
local first_of, read_select = conditions_of_haloy.first_of, conditions_of_haloy.read_select
local MOST_TOLD = 10000
local told, telling = {}, 0

-- Changes of response headers: a list, and the same by name.
local function read_after(text)
    local read = reader(words_of(text))
    local list, by_name = {}, {}
    local name = read(true)
    while name ~= nil do
        local change = { name = name, values = {} }
        change.replaces = read() == "replace"
        for number = 1, number_of(read()) do
            change.values[number] = read()
        end
        list[#list + 1] = change
        by_name[name] = change
        name = read(true)
    end
    return { list = list, by_name = by_name }
end

-- By their text, which a request carries along: its program may be gone by the time of the response.
local function after_of(text)
    return kept(text) or keep(text, text, read_after(text))
end

local function is(txn, rule) txn:set_var("txn.rule", rule) end
local function path(txn, text) txn.http:req_set_path(text) end
local function prefix(txn, first, text)
    -- The variable holds the path and two bytes more. It is a third of the price of txn.f:path().
    txn.http:req_set_path(text .. sub(txn:get_var("req.path"), number_of(first) + 1, -3))
end

local function host(txn, value) txn.http:req_set_header("host", value) end
local function set(txn, name, value) txn.http:req_set_header(name, value) end
local function add(txn, name, value) txn.http:req_add_header(name, value) end
local function remove(txn, name) txn.http:req_del_header(name) end

-- Whether a proxy in front says that the client uses https.
local function secure(txn)
    local number, line = 1, txn.f:req_fhdr("x-forwarded-proto", 1)
    while line ~= nil do
        if find(line, "https", 1, true) == 1 then
            return true
        end
        number = number + 1
        line = txn.f:req_fhdr("x-forwarded-proto", number)
    end
    return false
end

-- Scheme and host may be empty: the client's. `http` and `https`: what follows the host.
local function redirect(txn, status, scheme, host, http, https)
    if scheme == "" then
        scheme = secure(txn) and "https" or "http"
    end
    if host == "" then
        host = txn:get_var("txn.host") or ""
    end
    local port = scheme == "https" and https or http
    local headers = { location = { scheme .. "://" .. host .. port .. (txn.f:pathq() or "") } }
    if status == "302" or status == "303" or status == "307" then
        headers["cache-control"] = { "no-cache" }
    end
    return { status = number_of(status), headers = headers }
end

local function answer(_, status, content_type, body)
    if body == "" then
        return { status = number_of(status), headers = {} }
    end
    return { status = number_of(status), headers = { ["content-type"] = { content_type } }, body = body }
end

-- What a word does, and how many words it takes.
local ACTIONS = {
    is = { is, 1 },
    path = { path, 1 },
    prefix = { prefix, 2 },
    host = { host, 1 },
    set = { set, 2 },
    add = { add, 2 },
    remove = { remove, 1 },
    redirect = { redirect, 5 },
    answer = { answer, 3 },
}

local function read_filters(text)
    local read = reader(words_of(text))
    local actions, after = {}, nil
    local word = read(true)
    while word ~= nil do
        if word == "after" then
            after = read()
        else
            actions[#actions + 1] = call_of(ACTIONS[word], read)
        end
        word = read(true)
    end
    return { actions = actions, after = after }
end

local function change_reply(reply, changes)
    for _, change in ipairs(changes.list) do
        local values = not change.replaces and reply.headers[change.name] or {}
        for _, value in ipairs(change.values) do
            values[#values + 1] = value
        end
        reply.headers[change.name] = #values > 0 and values or nil
    end
end

-- The entry points ---------------------------------------------------------------------------------------------------

-- For what the converter below leaves: programs that ask for variables, those that fail, and requests that no step wants.
local function select(txn)
    local rule = first_of(program(txn:get_var("txn.rule"), read_select), txn:get_var("req.asked"), txn)
    if rule ~= nil then
        txn:set_var("txn.rule", rule)
    else
        txn:unset_var("txn.rule")
    end
    return nil
end

-- The rule, or the program's id where the action has to look.
local function selected(asked, id)
    local steps = program(id, read_select)
    return not steps.variables and first_of(steps, asked) or id
end

-- Header -> variable that HAProxy itself sets it from. `names`: those that are compiled, with commas between them.
local compiled, variables = nil, {}
local function variables_of(names)
    if names ~= compiled then
        compiled, variables = names, {}
        local number = 0
        for name in gmatch(names, "[^,]+") do
            number = number + 1
            variables[name] = "txn.after_" .. number
        end
    end
    return variables
end

-- What is to stand in variables; false where a change is no mere replacement, or of a header that is not compiled.
local function settings_of(changes, names)
    local known, settings = variables_of(names), {}
    for number, change in ipairs(changes.list) do
        local variable = known[change.name]
        if variable == nil or not change.replaces or #change.values ~= 1 then
            return false
        end
        settings[number] = { variable, change.values[1] }
    end
    return settings
end

-- The response's changes are left in variables: the program may be gone by then, and without need no second call is made.
local function leave(txn, filters, names)
    if filters.names ~= names then
        filters.names, filters.settings = names, settings_of(after_of(filters.after), names)
    end
    txn:set_var("txn.after", filters.after)
    if filters.settings then
        for _, setting in ipairs(filters.settings) do
            txn:set_var(setting[1], setting[2])
        end
    else
        txn:set_var("txn.after_all", "yes")
    end
end

-- Returns the answer where a filter gives one. The destination is said last: whatever fails before leads nowhere.
local function request(txn, names)
    local id = txn:get_var("req.more")
    local leads = match(txn:get_var("txn.cluster"), "[^:]*$")
    local filters = program(id, read_filters)
    for _, action in ipairs(filters.actions) do
        local reply = action[1](txn, action[2], action[3], action[4], action[5], action[6])
        if reply ~= nil then
            if filters.after ~= nil then
                change_reply(reply, after_of(filters.after))
            end
            txn:unset_var("txn.cluster")
            return reply
        end
    end
    if filters.after ~= nil then
        leave(txn, filters, names)
    end
    txn:set_var("txn.cluster", leads)
    return nil
end

local function response(txn)
    local changes = after_of(txn:get_var("txn.after"))
    txn:unset_var("txn.after")
    for _, change in ipairs(changes.list) do
        if change.replaces then
            txn.http:res_del_header(change.name)
        end
        for _, value in ipairs(change.values) do
            txn.http:res_add_header(change.name, value)
        end
    end
    return nil
end

local function tell(id, reason)
    if told[id] then
        return
    end
    if telling >= MOST_TOLD then
        told, telling = {}, 0
    end
    told[id], telling = true, telling + 1
    core.log(core.warning, "haloy: the program " .. id .. " cannot be run: " .. tostring(reason))
end

-- `named`: the variable that says which program it was.
local function run(entry, named, txn, names)
    local well, reply = pcall(entry, txn, names)
    if not well then
        tell(txn:get_var(named) or named, reply)
        txn:unset_var("txn.after")
        txn:unset_var("txn.cluster")
        reply = { status = 500, headers = { ["content-type"] = { "text/plain" } }, body = "500 Internal Server Error\n" }
    end
    if reply ~= nil then
        -- Not within pcall: done() ends the request by an error of its own.
        txn:done(txn:reply(reply))
    end
end

core.register_action("haloy_select", { "http-req" }, function(txn) run(select, "txn.rule", txn) end)
core.register_action("haloy_request", { "http-req" }, function(txn, names) run(request, "req.more", txn, names) end, 1)
core.register_action("haloy_response", { "http-res" }, function(txn) run(response, "txn.after", txn) end)

-- For answers that HAProxy makes itself: whether what is there of a header goes, and the values that come, by number. Empty:
-- no. (To HAProxy, nil is the number 0.)
core.register_converters("haloy", function(text, what, name)
    local well, changes = pcall(after_of, text)
    local change = well and changes.by_name[name]
    if not change then
        return ""
    elseif what == "replaces" then
        return change.replaces and "yes" or ""
    end
    return change.values[tonumber(what)] or ""
end)

-- What is asked -> the rule's id. Where this fails, the id of the program: then the action looks, and tells why.
core.register_converters("haloy_select", function(asked)
    local id = match(asked, "^[^ ]*")
    local well, rule = pcall(selected, asked, id)
    return well and rule or id
end)
