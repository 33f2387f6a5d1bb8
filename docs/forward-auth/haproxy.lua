-- Asks hallpass whether a request may pass, and tells the service who sent it: `http-request lua.hallpass`.
-- To change: the address of hallpass. A name in place of the IP address needs a `resolvers` section in haproxy.cfg.

local question = "http://127.0.0.1:8080/verify"
local milliseconds = 10000

local identity = {
    "x-hallpass-subject",
    "x-hallpass-issuer",
    "x-hallpass-kind",
    "x-hallpass-client-id",
    "x-hallpass-roles",
    "x-hallpass-scope",
    "x-hallpass-token",
}

-- These belong to the connection or to the body, which the judge does not get.
local skipped = {
    ["connection"] = true,
    ["content-length"] = true,
    ["expect"] = true,
    ["keep-alive"] = true,
    ["te"] = true,
    ["trailer"] = true,
    ["transfer-encoding"] = true,
}

-- HAProxy counts the values of a header from 0.
local function values_of(values)
    local list = {}
    local at = 0
    while values and values[at] do
        list[at + 1] = values[at]
        at = at + 1
    end
    return list
end

local function refuse(txn, answer)
    local status = answer and answer.status or 0
    local reply = txn:reply()
    -- No answer, or one that is no refusal.
    if status < 400 then
        reply:set_status(503)
        txn:done(reply)
    end
    reply:set_status(status)
    for _, name in ipairs({ "content-type", "cache-control", "www-authenticate", "retry-after", "x-request-id" }) do
        for _, value in ipairs(values_of(answer.headers[name])) do
            reply:add_header(name, value)
        end
    end
    reply:set_body(answer.body)
    txn:done(reply)
end

core.register_action("hallpass", { "http-req" }, function(txn)
    local headers = {}
    for name, values in pairs(txn.http:req_get_headers()) do
        if not skipped[name] then
            headers[name] = values_of(values)
        end
    end
    headers["x-forwarded-method"] = { txn.f:method() }
    headers["x-forwarded-uri"] = { txn.f:pathq() }

    local answer = core.httpclient():get({ url = question, headers = headers, timeout = milliseconds })
    if not answer or answer.status ~= 200 then
        refuse(txn, answer)
        return
    end
    for _, name in ipairs(identity) do
        local values = values_of(answer.headers[name])
        txn.http:req_del_header(name)
        if values[1] then
            txn.http:req_set_header(name, values[1])
        end
    end
end)
