-- Conditions: which rule of a chain a request belongs to. See haloy.lua.

local find, match, sub, lower = string.find, string.match, string.sub, string.lower
local gmatch, gsub = string.gmatch, string.gsub
local common = programs_of_haloy
local byte, reader, unknown, words_of = common.byte, common.reader, common.unknown, common.words_of

-- A value of a form, decoded; nil where HAProxy's url_dec gives up.
local function form_decoded(text)
    if not find(text, "[%%+]") then
        return text
    end
    text = gsub(text, "%+", " ")
    if find(gsub(text, "%%%x%x", ""), "%", 1, true) then
        return nil
    end
    return (gsub(text, "%%(%x%x)", byte))
end

-- What is asked is one text: the program's id, the method and the query, with blanks between them, then the lines of the
-- head, each with its end, then an empty one. HAProxy lets no CR, LF or NUL into any of them. A text is cheap where the
-- object of a transaction is dear: see docs/design/0003-no-reload.md.

-- Whether `text` is `value` but for blanks around it. Patterns that say so go back and forth in thousands of blanks.
local function trimmed_is(text, value)
    local first = find(text, "[^ \t]")
    if first == nil then
        return value == ""
    end
    local behind = first + #value
    if sub(text, first, behind - 1) ~= value then
        return false
    end
    return behind > #text or (find(text, "[ \t]", -1) ~= nil and not find(text, "[^ \t]", behind))
end

-- Whether one of the header's lines is `value`. Names are in lower case; like req.fhdr(), blanks around a value do not count.
local function header_is(asked, line, start, value)
    if find(asked, line, 1, true) then
        return true
    end
    local _, at = find(asked, start, 1, true)
    while at ~= nil do
        local ends = find(asked, "\r\n", at, true)
        if trimmed_is(sub(asked, at + 1, ends - 1), value) then
            return true
        end
        _, at = find(asked, start, ends, true)
    end
    return false
end

-- The query's parameters: name -> set of values. As url_param does it: & and ; and ? separate, the name is compared as it stands
-- there, and behind a value that cannot be decoded nobody looks for further ones. All at once, since a client may send
-- thousands, and a chain may ask hundreds of times.
local function parameters_of(asked)
    local found, closed = {}, {}
    local start, last = match(asked, "^[^ ]* [^ ]* ()"), find(asked, "\r\n", 1, true) - 1
    for part in gmatch(sub(asked, start, last), "[^&;?]+") do
        local equals = find(part, "=", 1, true)
        local name = equals and sub(part, 1, equals - 1)
        if name and not closed[name] then
            local value = form_decoded(sub(part, equals + 1))
            local values = found[name] or {}
            if value ~= nil then
                values[value], found[name] = true, values
            else
                closed[name] = true
            end
        end
    end
    return found
end

-- `seen`: what is kept while one request is looked at.
local function query_is(asked, name, value, _, _, seen)
    seen.parameters = seen.parameters or parameters_of(asked)
    local values = seen.parameters[name]
    return values ~= nil and values[value] ~= nil
end

local function method_is(asked, method) return match(asked, "^[^ ]* ([^ ]*)") == method end

local function fits(_, expression, _, _, txn) return txn:get_var("req.fits_" .. expression) ~= nil end

-- Calls of tests, by word.
local TESTS = {
    method = function(read) return { method_is, read() } end,
    header = function(read)
        local name, value = lower(read()), read()
        return { header_is, "\r\n" .. name .. ": " .. value .. "\r\n", "\r\n" .. name .. ": ", value }
    end,
    query = function(read) return { query_is, read(), read() } end,
    fits = function(read) return { fits, read() } end,
}

local function read_select(text)
    local read = reader(words_of(text))
    local steps, tests = {}, {}
    local word = read(true)
    while word ~= nil do
        if word == "rule" then
            steps[#steps + 1] = { tests = tests, rule = read() }
            tests = {}
        else
            local test = (TESTS[word] or unknown)(read)
            steps.variables = steps.variables or test[1] == fits
            tests[#tests + 1] = test
        end
        word = read(true)
    end
    if #tests > 0 then
        error("it ends too early", 0)
    end
    return steps
end

local function holds(tests, asked, txn, seen)
    for number = 1, #tests do
        local test = tests[number]
        if not test[1](asked, test[2], test[3], test[4], txn, seen) then
            return false
        end
    end
    return true
end

-- The rule of the first step whose tests all hold.
local function first_of(steps, asked, txn)
    if sub(asked, -4) ~= "\r\n\r\n" then
        error("the request is too long", 0)
    end
    local seen = {}
    for number = 1, #steps do
        local step = steps[number]
        if holds(step.tests, asked, txn, seen) then
            return step.rule
        end
    end
    return nil
end

conditions_of_haloy = { first_of = first_of, read_select = read_select }
