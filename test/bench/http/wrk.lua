-- Sends the credentials of a file in rotation. Arguments: the file, how many of its lines, the one to begin with, and
-- what to ask: "rest" or "graphql".
local requests, count, position = {}, 0, 0

function init(arguments)
  local limit = tonumber(arguments[2])
  for line in io.lines(arguments[1]) do
    local name, value = line:match("^([^:]+): (.*)$")
    count = count + 1
    local headers = { [name] = value, Host = wrk.headers.Host }
    if arguments[4] == "graphql" then
      headers["Content-Type"] = "application/json"
      requests[count] = wrk.format("POST", "/graphql", headers, '{"query":"{ me }"}')
    else
      requests[count] = wrk.format("GET", "/me", headers)
    end
    if count == limit then break end
  end
  position = tonumber(arguments[3]) % count
end

function request()
  position = position % count + 1
  return requests[position]
end

function done(summary, latency)
  local kinds = {}
  for _, kind in ipairs({ "status", "connect", "read", "write", "timeout" }) do
    local count = summary.errors[kind]
    if count > 0 then kinds[#kinds + 1] = count .. " " .. kind end
  end
  io.write(string.format(
    '{"requests":%d,"microseconds":%d,"p50":%d,"p99":%d,"errors":"%s"}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    table.concat(kinds, ", ")))
end
