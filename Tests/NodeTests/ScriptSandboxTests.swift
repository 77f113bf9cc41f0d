import Testing

@testable import Node

/// What scripts must not be able to do: a test for each class of holes that Redis' Lua has had.
@Suite struct ScriptSandboxTests {
    private let served: ServedNode

    init() throws { served = try ServedNode("--script-memory-limit", "33554432") }

    private func run(_ script: String, _ arguments: String...) -> String {
        served.run(["EVAL", script, "0"] + arguments)
    }

    /// CVE-2015-4335: bytecode by load and loadstring, whole or in pieces. It is text without sense.
    @Test func bytecode() {
        let refusal = "-ERR user_script:1: attempt to call a nil value"
        #expect(run("return loadstring(string.dump(function() return 1 end))()").hasPrefix(refusal))
        #expect(run("return loadstring('\\27LuaQ')()").hasPrefix(refusal))
        #expect(
            run("local n=0 return load(function() n=n+1 return n==1 and '\\27Lua' or nil end)()").hasPrefix(refusal))
        #expect(run("\u{1b}LuaQ").hasPrefix("-ERR Error compiling script"))
        #expect(run("return loadstring('return 7')()") == ":7\r\n")
    }

    /// CVE-2022-0543: a library that comes with more than was asked for. The globals are exactly these.
    @Test func globals() {
        let names = """
            ARGV KEYS _G _VERSION __redis__err__handler assert bit cjson cmsgpack collectgarbage coroutine error gcinfo \
            getmetatable ipairs load loadstring math next pairs pcall rawequal rawget rawset redis select setmetatable \
            string struct table tonumber tostring type unpack xpcall
            """
        let reply = run("local r={} for k in pairs(_G) do r[#r+1]=k end table.sort(r) return table.concat(r,' ')")
        #expect(reply == "$\(names.utf8.count)\r\n\(names)\r\n")
    }

    /// CVE-2022-24735, CVE-2025-46818: code left behind for the scripts of others, in globals, libraries, or the
    /// metatables of basic types.
    @Test(arguments: [
        "x=1", "redis=1", "redis.call=1", "string.rep=1", "_G.x=1", "rawset(_G,'x',1)", "rawset(string,'x',1)",
        "table.insert(redis,1)", "table.insert(string,1,1)", "setmetatable(_G,nil)", "setmetatable(redis,{})",
        "getmetatable('').__index=1", "getmetatable('').__index.len=1", "rawset(getmetatable(''),'__index',1)",
        "rawset(getmetatable('').__index,'len',1)", "getmetatable(_G).__index=1",
        "rawset(getmetatable(_G),'__index',1)",
        "setmetatable(getmetatable(''),{})", "cjson.decode=1", "math.huge=1", "KEYS=1", "next(redis).x=1",
        "for k in pairs(string) do string[k]=nil end",
    ])
    func frozen(_ script: String) {
        let before = state
        #expect(run(script).hasPrefix("-ERR"))
        #expect(state == before)
    }

    private var state: String {
        run(
            """
            local r={} for _,t in ipairs({_G,redis,string,table,math,cjson,cmsgpack,bit,struct,coroutine}) do
            for k,v in pairs(t) do r[#r+1]=tostring(k)..type(v) end r[#r+1]=tostring(rawget(t,1))..#t end
            r[#r+1]=tostring(getmetatable(1))..tostring(getmetatable(true))..tostring(getmetatable(redis))
            return table.concat(r,' ')..('x'):rep(2)
            """)
    }

    /// Values reached through a read-only table are read-only themselves.
    @Test func nothingBehindTheViews() {
        #expect(run("local m=getmetatable(_G) return type(m.__index)") == "$8\r\nfunction\r\n")
        #expect(run("return getmetatable('').__index == string") == ":1\r\n")
        #expect(run("return rawequal(_G._G, _G) and rawget(_G,'string') == string") == ":1\r\n")
        #expect(
            run("for k,v in pairs(_G) do if type(v)=='table' and k~='KEYS' and k~='ARGV' then v.x=1 end end").hasPrefix(
                "-ERR"))
    }

    /// CVE-2018-11218, -11219, CVE-2020-14147, CVE-2022-24834: sizes and counts that the data do not have, in
    /// cmsgpack, struct and cjson.
    @Test(arguments: [
        "cmsgpack.unpack('\\221\\255\\255\\255\\255')", "cmsgpack.unpack('\\223\\255\\255\\255\\255a')",
        "cmsgpack.unpack('\\219\\255\\255\\255\\255a')", "cmsgpack.unpack('\\217\\5abc')",
        "cmsgpack.unpack(string.rep('\\145',1000000))", "cmsgpack.unpack_limit('abc',2147483647,4)",
        "cmsgpack.unpack_one('abc',-1)", "struct.unpack('i99999999999','x')", "struct.unpack('c2147483647','abc')",
        "struct.unpack('i','abcd',2147483647)", "struct.unpack('i32','abc')", "struct.pack('i33',1)",
        "struct.pack('!3i',1)", "struct.unpack('c0','abc')", "struct.unpack('dc0',struct.pack('d',-1)..'abc')",
        "struct.unpack('s','abc')", "cjson.decode(string.rep('[',2000))", "cjson.decode('\"\\\\ud800\"')",
        "cjson.encode({[1]=1,[2^30]=1})", "cjson.decode('\"\\\\u12')", "cjson.decode('\"')",
    ])
    func sizes(_ call: String) {
        #expect(run("return \(call)").hasPrefix("-ERR"))
        #expect(run("return select('#', pcall(function() return \(call) end))") == ":2\r\n")
    }

    /// CVE-2024-31449: an argument whose opposite does not exist.
    @Test func hexadecimalDigits() {
        #expect(run("return bit.tohex(65535, -2147483648)") == "$8\r\n0000FFFF\r\n")
        #expect(run("return bit.tohex(-1, 2^53)") == "$0\r\n\r\n")
    }

    /// CVE-2021-32626: more values than a C function asked room for; deep replies in both directions.
    @Test func stack() {
        #expect(run("local a={} for i=1,7999 do a[i]=i end return redis.call('mset', unpack(a))").hasPrefix("-ERR"))
        #expect(run("local a={} a[1]=a return a").hasSuffix("-ERR reached lua stack limit\r\n"))
        #expect(run("local t={} for i=1,3000 do t={t} end return cmsgpack.pack(t)").hasPrefix("$"))
        #expect(run("local t={} for i=1,20000 do t={t} end return cjson.encode(t)").hasPrefix("-ERR"))
        #expect(
            run("cjson.encode_max_depth(2^31-1) local t={} for i=1,20000 do t={t} end return cjson.encode(t)")
                .hasPrefix("-ERR"))
        #expect(run("cjson.encode_max_depth(1000) return 1") == ":1\r\n")
        #expect(run("local function f() return 1+f() end f()").hasPrefix("-ERR user_script:1: stack overflow"))
        #expect(run("local function f(...) return select('#', ...) + f(1, ...) end f()").hasPrefix("-ERR"))
        #expect(run("local s='x' for i=1,300 do s='('..s..')' end return loadstring('return '..s)").hasPrefix("$-1"))
        #expect(
            run("local f=function() end for i=1,300 do local g=f f=function() return pcall(g) end end return type(f())")
                .hasPrefix("$"))
        #expect(
            run("string.gsub(string.rep('x',300),'x',function(s) return s:gsub('x',function() error() end) end)")
                .hasPrefix("-ERR"))
    }

    /// Matching recurses on the C stack once for each item of a pattern.
    @Test func patterns() {
        #expect(
            run("return string.find(string.rep('a',200000), string.rep('a?',200000))").hasPrefix(
                "-ERR user_script:1: pattern too complex"))
        #expect(run("return string.gsub('x', string.rep('(',100), '')").hasPrefix("-ERR"))
        #expect(run("return string.find(string.rep('a',200000), string.rep('a',100000), 1, true)") == ":1\r\n")
        #expect(run("return string.find(string.rep('a',4000), string.rep('a?',2000))") == ":1\r\n")
    }

    /// CVE-2024-46981, CVE-2025-49844: use after free, by steering the collector while something is parsed or run.
    @Test func collector() {
        #expect(run("return collectgarbage('collect')") == ":0\r\n")
        let script = """
            for i=1,200 do
              local name=string.rep('n',i)..i
              local n=0
              load(function() n=n+1 local t={} for j=1,500 do t[j]={} .. '' end return n<3 and 'return 1 ' or nil end, name)
            end
            """
        #expect(run(script) == "$-1\r\n")
        #expect(
            run(
                """
                for i=1,300 do
                  local n=0
                  load(function()
                    n=n+1
                    local t={} for j=1,300 do t[j]={tostring(j)} end
                    return n<4 and 'local a'..n..'="'..string.rep('s',n*50)..'" ' or nil
                  end, string.rep('n',i)..i)
                end
                return 1
                """) == ":1\r\n")
        #expect(run("return newproxy").hasPrefix("-ERR"))
        #expect(run("setmetatable({},{__gc=function() error('x') end}) return 1") == ":1\r\n")
    }

    /// CVE-2025-46817, CVE-2025-46819: ranges that overflow, long brackets without an end.
    @Test func ranges() {
        for range in ["-2,2147483647", "0,2147483647", "-2147483648,-2", "-2147483648,2147483647", "1,2^30"] {
            #expect(
                run("return {unpack({1,2,3},\(range))}").hasPrefix("-ERR user_script:1: too many results to unpack"))
        }
        #expect(run("return {unpack({1,2,3},-1,-2)}") == "*0\r\n")
        #expect(run("return loadstring('return ['..string.rep('=',1000000)..'[x')") == "$-1\r\n")
        #expect(run("return loadstring('return ['..string.rep('=',1000000))") == "$-1\r\n")
        #expect(run("table.insert({},-2147483648,1)").hasPrefix("-ERR"))
        #expect(run("return table.concat({},'x',1,2147483647)").hasPrefix("-ERR"))
        #expect(run("return string.byte('abc',-2147483648,2147483647)") == ":97\r\n")
        #expect(run("return string.sub('abc',-2147483648,2147483647)") == "$3\r\nabc\r\n")
    }

    /// CVE-2022-24736: an error that is no text and no error object.
    @Test(arguments: [
        "error({})", "error(nil)", "error(redis)", "error(function() end)",
        "error(setmetatable({},{__tostring=error}))",
    ])
    func errors(_ script: String) { #expect(run(script).hasPrefix("-ERR")) }

    /// Lua's memory has a limit, after which scripts go on.
    @Test(arguments: [
        "local t={} for i=1,1e9 do t[i]=tostring(i)..string.rep('x',100) end", "return string.rep('x',2^31-1)",
        "local s='x' while true do s=s..s end", "local t={} while true do t={t,t} t[#t+1]=string.rep('x',1000) end",
        "return string.rep('abc',2^30)", "return cjson.encode(string.rep('\\1',9000000))",
        "return load(function() return 'x=1 ' end)",
        "return string.format('%s%s',string.rep('x',20000000),string.rep('y',20000000))",
    ])
    func memory(_ script: String) {
        if run(script) == "$-1\r\n" { return }
        #expect(run("return 'still '..'here'") == "$10\r\nstill here\r\n")
        #expect(run(script).hasPrefix("-ERR"))
        #expect(run("return 'still '..'here'") == "$10\r\nstill here\r\n")
    }

    /// The limit changes under interpreters that are there already.
    @Test func memoryByAnotherLimit() {
        let script = "return #string.rep('x', 4000000)"
        #expect(run(script) == ":4000000\r\n")
        served.run("CONFIG SET script-memory-limit 2000000")
        #expect(run(script).hasPrefix("-ERR"))
        served.run("CONFIG SET script-memory-limit 0")
        #expect(run(script) == ":4000000\r\n")
    }

    /// CVE-2021-32672: there is no debugger.
    @Test func debugger() {
        #expect(served.run("SCRIPT DEBUG YES").hasPrefix("-ERR"))
        #expect(run("return debug").hasPrefix("-ERR"))
        #expect(run("return redis.breakpoint()") == "$-1\r\n")
    }

    /// Text from scripts does not become protocol.
    @Test func injection() {
        #expect(run("return {err='X\\r\\n+INJECTED'}") == "-X  +INJECTED\r\n")
        #expect(run("return {ok='X\\r\\n+INJECTED'}") == "+X  +INJECTED\r\n")
        #expect(run("error(redis.error_reply('X\\r\\n+INJECTED'))").hasPrefix("-ERR X  +INJECTED script: "))
        served.run("HELLO 3")
        #expect(run("return {big_number='1\\r\\n+2'}") == "(1  +2\r\n")
    }
}
