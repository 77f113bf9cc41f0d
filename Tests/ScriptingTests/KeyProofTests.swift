import Base
import Commands
import Testing

@testable import Scripting

/// What is proved about a script's keys, and above all what is not.
@Suite struct KeyProofTests {
    private static let table = CommandTable(families: [
        StringCommands.commands, KeyCommands.commands, BitCommands.commands,
    ])

    private func holds(_ source: String) -> Bool { source.withView { KeyProof.holds($0, KeyProofTests.table) } }

    @Test(arguments: [
        "return 1",
        "return redis.call('GET', KEYS[1])",
        "local v = redis.call('get', KEYS[1]) redis.call('SET', KEYS[2], ARGV[1]) return v",
        "local k = KEYS[1] if redis.call('exists', k) == 1 then return redis.call('del', k) end",
        "local a, b = KEYS[1], KEYS[2]\nredis.call('rename', a, b)",
        "for i = 1, #KEYS do redis.call('incr', KEYS[i]) end",
        "return redis.call('mget', unpack(KEYS))",
        "return redis.call('del', KEYS[1], unpack(KEYS))",
        "redis.call('mset', KEYS[1], ARGV[1], KEYS[2], 'x')",
        "return redis.pcall('set', KEYS[1], table.concat({1, 2}))",
        "redis.call('set', KEYS[1], f(redis.call('get', KEYS[2])))",
        "redis.setresp(3) return redis.error_reply('x')",
        "-- redis.call('get', 'x')\nreturn 'redis' --[[ KEYS = 1 ]]",
        "local n = tonumber(redis.call('get', KEYS[1]) or '0') return n + #KEYS",
    ])
    func proved(_ source: String) { #expect(holds(source)) }

    @Test(arguments: [
        "return redis.call('get', 'x')",
        "return redis.call('get', ARGV[1])",
        "return redis.call('get', KEYS[1] .. ':x')",
        "local k = KEYS[1] .. 'x' return redis.call('get', k)",
        "local k = KEYS[1]:sub(1, 3) return redis.call('get', k)",
        "local k = KEYS[1].len return redis.call('get', k)",
        "local k = KEYS[1] k = 'x' return redis.call('get', k)",
        "local k = KEYS[1] local k = 'x' return redis.call('get', k)",
        "local k = KEYS[1] local function f(k) return redis.call('get', k) end return f('x')",
        "local k = KEYS[1] for k = 1, 2 do redis.call('get', k) end",
        "local k = KEYS[1] for k, v in pairs({}) do redis.call('get', k) end",
        "local k = KEYS[1] local j j, k = 1, 2 return redis.call('get', k)",
        "KEYS[1] = 'x' return redis.call('get', KEYS[1])",
        "local x x, KEYS[1] = 1, 'x' return redis.call('get', KEYS[1])",
        "KEYS[1], KEYS[2] = 'x', 'y' return redis.call('get', KEYS[1])",
        "KEYS = {'x'} return redis.call('get', KEYS[1])",
        "local KEYS = {'x'} return redis.call('get', KEYS[1])",
        "local function f(KEYS) return redis.call('get', KEYS[1]) end return f({'x'})",
        "local k = KEYS k[1] = 'x' return redis.call('get', KEYS[1])",
        "table.insert(KEYS, 1, 'x') return redis.call('get', KEYS[1])",
        "table.sort(KEYS) return redis.call('get', KEYS[1])",
        "local r = redis return r.call('get', 'x')",
        "local c = redis.call return c('get', 'x')",
        "return redis['call']('get', 'x')",
        "return pcall(redis.call, 'get', 'x')",
        "return _G.redis.call('get', 'x')",
        "return loadstring('return redis.call(\"get\", \"x\")')()",
        "local name = 'get' return redis.call(name, KEYS[1])",
        "return redis.call('get' .. '', KEYS[1])",
        "return redis.call('keys', '*')",
        "return redis.call('nope', KEYS[1])",
        "return redis.call('mset', KEYS[1], 1, unpack(ARGV))",
        "return redis.call('mget', KEYS[1], f())",
        "return redis.call('mget', KEYS[1], ...)",
        "return redis.call('rename', KEYS[1], f())",
        "return redis.call('get', (function() return 'x' end)())",
        "return redis.call",
        "return redis.call('get', KEYS[1]",
        "return 'unfinished",
    ])
    func notProved(_ source: String) { #expect(!holds(source)) }
}
