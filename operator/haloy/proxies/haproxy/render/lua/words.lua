-- Programs: their texts in maps/programs.map, their words, and what is kept of them. See haloy.lua.

io, os, load, loadfile, dofile, debug = nil, nil, nil, nil, nil, nil

local find, sub, gsub, gmatch, char = string.find, string.sub, string.gsub, string.gmatch, string.char

-- Nearly all that a request leaves behind is garbage at once: the object of its transaction. Where Lua has no generations
-- (5.3), it stays with its usual ways.
pcall(collectgarbage, "generational")

local programs = Map.new("maps/programs.map", Map._str)

-- What is kept of parsed programs, by thread: when one more would be too much, all of its kind are dropped. A word is at most
-- one string, one table and its place in them; ten thousand rules with three filters each take three quarters of
-- this, as counted here, which is more than they really take. The few large ones are kept apart, so that they never push out what others
-- need; the largest that the limits of the API allow (model/limits.py) finds room.
local MOST_BYTES, MOST_LARGE_BYTES = 32 * 1024 * 1024, 8 * 1024 * 1024
local LARGE = 64 * 1024
local EACH, WORD = 400, 100
local small = { kept = {}, bytes = 0, most = MOST_BYTES }
local large = { kept = {}, bytes = 0, most = MOST_LARGE_BYTES }

local function keep(key, text, parsed)
    local _, blanks = gsub(text, " ", " ")
    local size = EACH + 2 * #text + WORD * blanks
    local kind = size < LARGE and small or large
    if size > kind.most then
        return parsed
    end
    if kind.bytes + size > kind.most then
        kind.kept, kind.bytes = {}, 0
    end
    kind.kept[key] = parsed
    kind.bytes = kind.bytes + size
    return parsed
end

local function kept(key) return small.kept[key] or large.kept[key] end

local function byte(digits) return char(tonumber(digits, 16)) end

local function words_of(text)
    local words = {}
    for word in gmatch(text, "[^ ]+") do
        if word == "%" then
            word = ""
        elseif find(word, "%", 1, true) then
            word = gsub(word, "%%(%x%x)", byte)
        end
        words[#words + 1] = word
    end
    return words
end

-- A reader of words that fails where one is missing.
local function reader(words)
    local at = 0
    return function(optional)
        at = at + 1
        local word = words[at]
        if word == nil and not optional then
            error("it ends too early", 0)
        end
        return word
    end
end

local function number_of(word)
    local number = tonumber(word)
    if number == nil then
        error("a number is none", 0)
    end
    return number
end

local function unknown() error("it has a word that nobody knows", 0) end

-- What is to be called and with what: `known` says the function and the number of its words.
local function call_of(known, read)
    if known == nil then
        unknown()
    end
    local call = { known[1] }
    for number = 1, known[2] do
        call[number + 1] = read()
    end
    return call
end

-- The text of a program from all its entries.
local function text_of(id)
    local value = programs:lookup(id)
    if value == nil then
        error("it is not in the map", 0)
    end
    local blank = find(value, " ", 1, true)
    if blank == nil then
        error("it has no text", 0)
    end
    local parts = { sub(value, blank + 1) }
    for number = 2, number_of(sub(value, 1, blank - 1)) do
        parts[number] = programs:lookup(id .. "." .. number)
        if parts[number] == nil then
            error("a part of it is not in the map", 0)
        end
    end
    return table.concat(parts)
end

local function program(id, read)
    local found = kept(id)
    if found == nil then
        local text = text_of(id)
        found = keep(id, text, read(text))
    end
    return found
end

-- What the other files use.
programs_of_haloy = {
    byte = byte,
    call_of = call_of,
    keep = keep,
    kept = kept,
    number_of = number_of,
    program = program,
    reader = reader,
    unknown = unknown,
    words_of = words_of,
}
