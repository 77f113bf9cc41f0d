#!/usr/bin/env python3
"""Records what redis-server 7.0.15 answers to scripts: conversions, errors, and random calls of Lua's libraries.

    redis-server --port 7777 --save '' --enable-debug-command yes &
    Tests/Golden/record_scripts.py 7777 > Tests/Golden/scripts.txt

The format is that of record.py. What this server does differently on purpose is not asked for: string.dump,
addresses, memory figures, the texts of HELP.
"""
import random
import struct
import sys

from record import Server, escape

R = random.Random(11)

API = r"""
return redis.call("nope")
return redis.call()
return redis.call("set")
return redis.call({})
return redis.pcall("nope")
return redis.pcall("set")
return redis.pcall()
return redis.call("multi")
return redis.pcall("eval","return 1",0)
return redis.call("CLIENT","nope")
return redis.call("CLIENT")
redis.call("set","a","b") return redis.call("incr","a")
return redis.pcall("incr","a")
local e=redis.pcall("incr","a") local r={} for k,v in pairs(e) do r[#r+1]=tostring(k).."="..tostring(v) end table.sort(r) return r
local ok,e=pcall(redis.call,"incr","a") return {tostring(ok),type(e),tostring(e)}
local ok,e=pcall(redis.call) return {tostring(ok),type(e),tostring(e)}
return {xpcall(function() redis.call("nope") end,function(e) return type(e)=="table" and "T:"..e.err or e end)}
error("foo")
error("x",0)
error()
error({err="MY thing"})
error({err="ERR x"})
error({err=5})
error(redis.error_reply("MY err"))
error(redis.error_reply("X\r\n+INJECTED"))
return {err="MY thing"}
return {err="MY\nthing"}
return {err=5}
return {err=""}
return {ok="a\r\nb"}
return {ok=5}
return {ok="a",err="b"}
return {ok="a",1,2}
return redis.error_reply("My thing")
return redis.error_reply("-My thing")
return redis.error_reply("-My")
return redis.error_reply("thing")
return redis.error_reply("")
return redis.error_reply()
return redis.error_reply(1)
return redis.error_reply("a","b")
return redis.status_reply("xx")
return redis.status_reply("")
return redis.status_reply()
return x x
return 'unfinished
return redis.sha1hex()
return redis.sha1hex(1)
return redis.sha1hex({})
return redis.sha1hex("a","b")
return redis.sha1hex(string.rep("x",200))
redis.log()
redis.log(1)
redis.log("a","b")
redis.log(9,"b")
redis.log(-1,"b")
redis.log(2,"a",{})
redis.setresp()
redis.setresp(4)
redis.setresp("a")
redis.setresp("3")
redis.setresp(3,1)
return redis.setresp(3)
redis.set_repl()
redis.set_repl(12345)
return redis.set_repl(3)
return redis.replicate_commands()
return redis.breakpoint()
return redis.debug("a",{},nil)
return redis.acl_check_cmd()
return redis.acl_check_cmd("nope")
return redis.acl_check_cmd("get","a")
return redis.acl_check_cmd({})
return redis.call("get",nil)
return redis.call("get",true)
redis.call("set","n",3.3) return redis.call("get","n")
redis.call("set","n",1e20) return redis.call("get","n")
redis.call("set","n",100) return redis.call("get","n")
redis.call("set","n",-0.0) return redis.call("get","n")
redis.call("set","n",1/0) return redis.call("get","n")
redis.call("set","n",2^53) return redis.call("get","n")
redis.call("set","n",123456789012345678) return redis.call("get","n")
redis.call("set","n",-1e15) return redis.call("get","n")
return {1,2,nil,3}
return {1,"a",{2,{ok="x"},{err="E y"},true,false}}
return 3.9
return -3.9
return 1e30
return 0/0
return -1/0
return "a\0b"
return nil
return
return true
return false
return {true,false,true}
return {double=3.5}
return {double=-1/0}
return {double=1e100}
return {double="3"}
return {map={a=1}}
return {map={}}
return {set={a=true}}
return {big_number="12"}
return {big_number="1\r\n2"}
return {verbatim_string={format="txt",string="hi"}}
return {verbatim_string={format="t",string=""}}
return {verbatim_string={string="hi"}}
return {verbatim_string=1}
return {map=1}
return function() end
return coroutine.create(function() end)
return {function() end,1}
return setmetatable({},{__index=function() return 1 end})
redis.setresp(3) return true
redis.setresp(3) return false
redis.setresp(3) return nil
redis.setresp(3) return {true,false}
redis.setresp(3) return redis.call("get","nx")
redis.setresp(3) local x=redis.call("get","nx") return type(x)
return redis.call("get","nx")
return type(redis.call("get","nx"))
return redis.call("mget","nx","a","nx")
return redis.call("set","a","b","nx")
return redis.call("set","q","1")
return redis.call("set","q","1")["ok"]
return redis.call("lcs","a","q","idx")
redis.setresp(3) local x=redis.call("lcs","a","q","idx") return {type(x.map),x.map.len}
return redis.call("select",99)
return redis.call("select",3)
redis.call("select",3) redis.call("set","i3",1) return redis.call("get","i3")
return redis.call("get","i3")
return redis.call("echo","x")
return redis.call("ping")
return redis.call("type","a")
return redis.call("append","a",KEYS[1] or "none")
return {KEYS[1],ARGV[1],#KEYS,#ARGV}
KEYS[1]="x" return KEYS[1]
KEYS.foo=1 ARGV=nil return 1
KEYS={} return 1
return KEYS.foo
math.randomseed(10) local r={} for i=1,5 do r[i]=tostring(math.random()) end for i=1,5 do r[5+i]=math.random(100) end for i=1,3 do r[10+i]=math.random(5,7) end return r
math.randomseed("10") return tostring(math.random())
math.randomseed(-5.7) return tostring(math.random())
math.randomseed(2^40+3) return tostring(math.random())
return math.random(0)
return math.random(5,1)
return math.random(1,2,3)
return math.randomseed()
return collectgarbage("foo")
return collectgarbage()
return collectgarbage("step")
return collectgarbage("stop")
return collectgarbage("setpause",100)
return loadstring("return 1","x")()
local f,e=loadstring("return x x","=foo") return e
local f,e=loadstring("return x x") return e
local f,e=loadstring("\27Lua") return e
local i=0 local f=load(function() i=i+1 if i==1 then return "return 7" end end) return f()
local i=0 local f,e=load(function() i=i+1 if i==1 then return "\27Lua" end end) return e
return load(5)
return loadstring()
return unpack()
return #{unpack({1,2,3})}
return {unpack({1,2,3},2)}
return {unpack({1,2,3},2,3)}
return {unpack({1,2,3},-2,2147483647)}
return {unpack({1,2,3},-2147483648,-2)}
return {unpack({1,2,3},1,-1)}
return select("#",unpack({},1,100))
return select("#",unpack({1},-5,5))
return next({})
return type(next(redis))
local n=0 for k in pairs(string) do n=n+1 end return n
local r={} for k in pairs(_G) do r[#r+1]=k end table.sort(r) return r
local r={} for k,v in pairs(redis) do r[#r+1]=k..type(v) end table.sort(r) return r
local r={} for _,t in ipairs({string,table,math,cjson,cmsgpack,bit,struct,coroutine}) do for k,v in pairs(t) do r[#r+1]=k..type(v) end end table.sort(r) return r
return {redis.REDIS_VERSION,redis.REDIS_VERSION_NUM,redis.LOG_DEBUG,redis.LOG_WARNING,redis.REPL_ALL}
return rawget(redis,"LOG_DEBUG")
return rawget(_G,"nope")
return rawget(_G,"redis")==redis
return _G._G==_G
return #redis
return table.getn(redis)
return table.maxn({1,2,[10]=3})
table.setn({},1)
return rawequal(string,getmetatable("").__index)
return ("x"):rep(3)
return ("x"):upper()
string.rep=1
string.foo=1
xx=1
xx=nil
return xx
return redis.x
redis.call=1
redis=1
_G={}
_G.x=1
rawset(_G,"a",1)
rawset(redis,"a",1)
table.insert(redis,1)
table.insert(string,1,2)
table.remove(string)
table.sort(string)
return table.concat(string)
setmetatable(_G,{})
setmetatable(redis,{})
setmetatable(string,{})
setmetatable("",{})
getmetatable("").__index=1
getmetatable("").__index.rep=1
getmetatable("").foo=1
getmetatable(_G).__index=nil
local g=getmetatable(_G) g.__index={}
return getmetatable(redis)
return getmetatable(1)
return getmetatable(setmetatable({},{__metatable="x"}))
return setmetatable(setmetatable({},{__metatable="x"}),{})
setmetatable({},1)
setmetatable({})
rawset({},1)
rawget({})
print(1)
loadfile("x")
dofile("x")
require("x")
return os.clock()
return io.open("x")
return debug.traceback()
return newproxy(true)
return setfenv(1,{})
return getfenv()
return package.path
return module("x")
coroutine.wrap(function() redis.call("nope") end)()
local c=coroutine.create(function() return redis.call("incr","a") end) local ok,e=coroutine.resume(c) return {tostring(ok),type(e),type(e)=="table" and e.err or e}
coroutine.yield(1)
local c=coroutine.wrap(function() coroutine.yield(redis.call("ping")) end) return c()
return pcall(1)
return {pcall(error)}
return {pcall(error,{err="X"})}
local ok,e=pcall(error,{a=1}) return type(e)
return {pcall(function(...) return ... end,1,2,3)}
return assert(false)
return assert(nil,"msg")
assert(false,{err="A b"})
local a = nil; a.b=1
local a={} a.b.c=1
return 1+{}
return #5
return {}<{}
return ("x"):bad()
local function f() return 1+f() end f()
string.rep()
return string.format("%d","x")
return string.format("%5.2f|%s|%q|%x|%c|%i",3.14159,"a","b\n",255,65,7)
return string.format("%99.99f",1)
return string.format("%100f",1)
return string.format("%y",1)
return {tostring(1e15),tostring(2^53),1e15 .. "",tostring(-0),10/3 .."",tostring(1e100)}
return string.find("abc","b",1,true)
return {string.find("hello world","o (w)")}
return string.gsub("hello","l",{l="L"})
return string.gsub("abc","%w","%0%0")
local r={} for w in string.gmatch("one two","%a+") do r[#r+1]=w end return r
return string.match("key=val","(%w+)=(%w+)")
return string.find("a","(",1)
return string.find("a","%")
return table.concat({1,2,3},", ")
return table.concat({1,{},3})
local t={3,1,2} table.sort(t) return t
local t={1,2,3} table.insert(t,2,9) return t
local t={1,2,3} table.insert(t,9,9) return #t
table.insert({},1,2,3)
table.insert({})
return table.remove({1,2,3},1)
return cjson.encode(cjson.null)
return cjson.encode({[1]=1,[3]=3})
return cjson.encode({[1]=1,[100]=3})
return cjson.encode({[1]=1,x=2})
return cjson.encode({[1.5]=1})
return cjson.encode({[true]=1})
return cjson.encode({function() end})
return cjson.encode(1,2)
return cjson.encode()
return cjson.encode(0/0)
return cjson.encode(1/0)
return cjson.encode({0/0})
return cjson.encode("a\"\\/\b\f\n\r\t\1\127\200")
return cjson.encode({})
return cjson.encode({{},{}})
local t={} for i=1,1001 do t={t} end return cjson.encode(t)
local t={} for i=1,999 do t={t} end return #cjson.encode(t)
return #cjson.decode(string.rep("[",1001)..string.rep("]",1001))
return #cjson.decode(string.rep("[",1000)..string.rep("]",1000))
return cjson.decode("[1,2,{\"a\":null}]")[3].a == cjson.null
return {pcall(cjson.encode_max_depth,0)}
return {pcall(cjson.encode_max_depth,1,2)}
return {cjson.encode_sparse_array()}
return cjson.encode_max_depth()
return cjson.decode_max_depth()
return cjson.encode_number_precision()
return cjson.encode_number_precision(15)
return cjson.encode_number_precision(0)
return cjson.encode_keep_buffer()
return cjson.encode_invalid_numbers()
return cjson.decode_invalid_numbers()
local j=cjson.new() j.encode_number_precision(3) return {j.encode(1/3),cjson.encode(1/3)}
local j=cjson.new() j.encode_invalid_numbers("null") return j.encode({0/0,1/0})
local j=cjson.new() j.encode_invalid_numbers(true) return j.encode({0/0,1/0})
local j=cjson.new() j.encode_sparse_array(true) return j.encode({[1]=1,[100]=3})
local j=cjson.new() j.decode_invalid_numbers(false) return {pcall(j.decode,"[0x10]")}
return {pcall(cjson.new().encode_invalid_numbers,"bad")}
return cjson.encode({"\226\130\172"})
return {bit.tobit(0xffffffff),bit.tobit(2^40+5),bit.tobit(-1),bit.tobit(1.5),bit.tobit(2.5),bit.tobit("7")}
return {bit.bnot(0),bit.band(255,15,7),bit.bor(1,2,4),bit.bxor(1,3,7),bit.lshift(1,31),bit.rshift(-1,28),bit.arshift(-256,4)}
return {bit.rol(0x12345678,12),bit.ror(0x12345678,12),bit.bswap(0x12345678),bit.tohex(-1),bit.tohex(255,4),bit.tohex(255,-4)}
return bit.tohex(65535,-2147483648)
return bit.tohex(255,0)
return bit.tohex(255,100)
return bit.band()
return bit.band("x")
return bit.band({})
return bit.lshift(1)
return {bit.lshift(1,32),bit.lshift(1,33),bit.lshift(1,-1),bit.rshift(1,-1),bit.arshift(-1,40)}
return cmsgpack.pack()
return cmsgpack.unpack()
return cmsgpack.unpack(1)
return {cmsgpack.unpack("")}
return cmsgpack.unpack("\193")
return {cmsgpack.unpack("\147\1\2")}
return {cmsgpack.unpack("\217\5abc")}
return {cmsgpack.unpack("\221\255\255\255\255")}
return {cmsgpack.unpack("\223\255\255\255\255")}
return {cmsgpack.unpack(cmsgpack.pack(1,"a",{1,2},true,false,nil,1.5))}
return {cmsgpack.unpack_one(cmsgpack.pack(1,"a"))}
return {cmsgpack.unpack_one(cmsgpack.pack(1,"a"),1)}
return {cmsgpack.unpack_limit(cmsgpack.pack(1,2,3),2)}
return {cmsgpack.unpack_limit(cmsgpack.pack(1,2,3),2,1)}
return {cmsgpack.unpack_limit(cmsgpack.pack(1,2,3),-1)}
return {cmsgpack.unpack_limit(cmsgpack.pack(1,2,3),1,-1)}
return {cmsgpack.unpack_limit(cmsgpack.pack(1,2,3),1,99)}
return {cmsgpack.unpack_one(cmsgpack.pack(1,2,3),99)}
return {cmsgpack.unpack_limit(cmsgpack.pack(1,2,3))}
return {cmsgpack.unpack(string.rep("\145",100).."\1")}
local ok,e=pcall(cmsgpack.unpack,string.rep("\145",100000)) return {tostring(ok),e}
local t={} for i=1,20 do t={t} end return cmsgpack.pack(t)
return cmsgpack.pack(function() end)
return struct.pack("c0","abc")
return struct.pack("z","abc")
return struct.pack("i33",1)
return struct.pack("i0",1)
return struct.pack("!3i",1)
return struct.pack("!16i",1)
return struct.pack("i99999999999",1)
return struct.pack("c5","abc")
return struct.pack("s","ab\0c")
return struct.pack("x")
return struct.pack("i")
return struct.pack("i","x")
return struct.pack()
return {struct.unpack("c0","abc")}
return {struct.unpack("bc0","\3abcd")}
return {struct.unpack("bc0","\9abcd")}
return {struct.unpack("s","abc")}
return {struct.unpack("s","abc\0def")}
return {struct.unpack("s","abc\0def\0",5)}
return {struct.unpack("i","abc")}
return {struct.unpack("i","abcd",0)}
return {struct.unpack("i","abcd",-1)}
return {struct.unpack("i","abcd",2)}
return {struct.unpack("i","abcd",100)}
return {struct.unpack("c2147483647","abc",2)}
return {struct.unpack(">I2<I2>i2","\1\2\1\2\255\254")}
return {struct.unpack("!4bi",string.rep("\1",8))}
return struct.size("!4bi")
return struct.size("s")
return struct.size("c0")
return struct.size("c10 x h H l L T f d b B i I i3")
return struct.size("q")
return struct.size("!q")
"""

WITH_FLAGS = [
    "#!lua\nreturn 1", "#!lua flags=no-writes\nreturn redis.call('set','a','b')", "#!lua flags=bad\nreturn 1",
    "#!luax\nreturn 1", "#!lua bad=x\nreturn 1", "#!lua", "#!\nreturn 1", "#!lua name=x\nreturn 1", "#!lua flags=\nreturn 1",
    "#!lua flags=no-writes,allow-oom flags=allow-stale\nreturn 1", "#!lua flags=no-writes,,allow-oom\nreturn 1",
    "\nreturn redis.call('incr','a')", "#!lua\n\nreturn xx",
]


def lua_string(data):
    return '"' + "".join("\\%03d" % b for b in data) + '"'


def text(most=12):
    return bytes(R.choice(b"abc\"\\/\n\x00\x7f\xc3\xa9 e1") for _ in range(R.randint(0, most)))


def number():
    return R.choice(["0", "1", "-1", "127", "128", "255", "256", "65535", "65536", "2^31", "2^32", "-2^31", "2^53", "0.1",
                     "-0.5", "1e300", "3.14", "-32", "-33", "-128", "-129", "-32768", "-32769", "1e15", "123456.789",
                     str(R.randint(-10**9, 10**9))])


def literal(depth=0):
    kind = R.random()
    if depth < 3 and kind < 0.2:
        return "{" + ",".join(literal(depth + 1) for _ in range(R.randint(0, 5))) + "}"
    if depth < 3 and kind < 0.4:
        return "{" + ",".join("[%s]=%s" % (R.choice([lua_string(text(4)), str(R.randint(1, 4)), '"k"']), literal(depth + 1))
                              for _ in range(R.randint(0, 4))) + "}"
    if kind < 0.6:
        return number()
    if kind < 0.7:
        return R.choice(["true", "false", "cjson.null" if depth else "nil"])
    return lua_string(text())


def json(depth=0):
    kind = R.random()
    if depth < 3 and kind < 0.25:
        return "[" + R.choice([",", ", "]).join(json(depth + 1) for _ in range(R.randint(0, 4))) + "]"
    if depth < 3 and kind < 0.5:
        return "{" + ",".join('"%s":%s' % (R.choice("abc"), json(depth + 1)) for _ in range(R.randint(0, 3))) + "}"
    return R.choice(["null", "true", "false", "0", "-1", "1.5e3", "1E-2", '"x"', '"\\u00e9\\n"', '"\\ud83d\\ude00"', '""',
                     "12345678901234567890", "nan", "inf", "-inf", "0x1F", "01", "+1", ".5", "-", "tru", '"\\x"', '"\\u12"',
                     '"\\ud800"', '"open', "\t1 ", "1 2"])


def mangle(data):
    if R.random() < 0.25 and data:
        i = R.randrange(len(data))
        data = data[:i] + bytes([R.choice(b"{}[],:\"1tfn\\\x00 ")]) + data[i + R.randint(0, 1):]
    return data


def libraries():
    for _ in range(70):
        yield "return {pcall(cjson.encode,%s)}" % literal(), []
    for _ in range(150):
        yield ("local r={pcall(cjson.decode,ARGV[1])} if r[1] then return cjson.encode(r[2]) end return r[2]",
               [mangle(json().encode())])
    for _ in range(70):
        yield "return {pcall(cmsgpack.pack,%s)}" % ",".join(literal() for _ in range(R.randint(1, 3))), []
    for _ in range(70):
        data = bytes(R.choice([R.randrange(256), R.choice([0x81, 0x92, 0xa1, 0xc0, 0xc2, 0xca, 0xcb, 0xd0, 0xd1, 0xd2, 0xd3,
                                                           0xd9, 0xda, 0xdc, 0xde, 0xc4, 0xcf])]) for _ in range(R.randint(0, 12)))
        yield ("local r={pcall(cmsgpack.unpack,ARGV[1])} if not r[1] then return r[2] end "
               "for i=2,#r do r[i]=type(r[i])..':'..tostring(type(r[i])=='table' and #r[i] or r[i]) end return r", [data])
    names = ["band", "bor", "bxor", "lshift", "rshift", "arshift", "rol", "ror", "tohex", "tobit", "bnot", "bswap"]
    for _ in range(50):
        yield "return {pcall(bit.%s,%s,%s)}" % (R.choice(names), number(), number()), []
    for _ in range(70):
        form = "".join(R.choice(["b", "B", "h", "H", "l", "L", "T", "i", "I", "i3", "I7", "f", "d", "x", "s", "c3", ">",
                                 "<", "!4", "!", " "]) for _ in range(R.randint(1, 5)))
        values = ",".join(R.choice([number(), lua_string(text(6))]) for _ in range(6))
        yield "return {pcall(struct.pack,'%s',%s)}" % (form, values), []
        data = bytes(R.randrange(256) for _ in range(R.randint(0, 30)))
        yield ("local r={pcall(struct.unpack,'%s',ARGV[1])} for i=1,#r do r[i]=tostring(r[i]) end return r" % form, [data])


FUNCTIONS = [
    "redis.register_function('f1', function(keys, args) return {keys[1], args[1], #keys, #args} end)",
    "redis.register_function{function_name='f2', callback=function() return redis.call('get','a') end, "
    "flags={'no-writes','allow-oom'}, description='reads'}",
    "redis.register_function('f1', function() end)\nredis.register_function('f1', function() end)",
    "redis.register_function('f4', function() return redis.call('incr','a') end)",
    "redis.register_function()", "redis.register_function(1,2,3)", "redis.register_function('a b',function() end)",
    "redis.register_function('a',1)", "redis.register_function('x')", "redis.register_function{function_name='f'}",
    "redis.register_function{callback=function() end}", "redis.register_function{function_name='f',callback=1}",
    "redis.register_function{function_name={},callback=function() end}",
    "redis.register_function{function_name='f',callback=function() end,flags='x'}",
    "redis.register_function{function_name='f',callback=function() end,flags={'x'}}",
    "redis.register_function{function_name='f',callback=function() end,flags={5}}",
    "redis.register_function{function_name='f',callback=function() end,description={}}",
    "redis.register_function{function_name='f',callback=function() end,foo=1}",
    "redis.register_function{function_name='f',callback=function() end,[1]=1}",
    "redis.call('get','a')", "foo=1", "local a = foo", "local a = foo foo", "return 1", "local a=math", "local a=redis.sha1hex",
    "redis.log('a')", "local lib=redis\nlib.register_function('f9', function() lib.x=1 end)",
    "local lib=redis\nlib.register_function('f10', function() lib.register_function('g',function() end) end)",
    "redis.register_function('f11', function() x=1 end)", "redis.register_function('f12', function() return KEYS end)",
    "redis.register_function('f13', function() local mt=getmetatable(_G) mt.__index['redis']=1 end)",
    "redis.register_function('f14', function() local r={} for k in pairs(redis) do r[#r+1]=k end table.sort(r) return r end)",
]

HEADERS = ["return 1", "#!lua", "#!lua\nreturn 1", "#!luax name=x\nreturn 1", "#! name=x\nreturn 1", "#!lua name=x-y\nreturn 1",
           "#!lua name=x name=y\nreturn 1", "#!lua foo=x name=y\nreturn 1", "#!LUA name=\"q\"\nreturn 1"]


def commands():
    for line in API.strip("\n").split("\n"):
        yield ["eval", line, 1, "k", "v"]
    for script in WITH_FLAGS:
        yield ["eval", script, 0]
        yield ["eval_ro", script, 0]
    for line in ["return redis.call('set','a','b')", "return redis.call('get','a')", "return redis.call('publish','a','b')",
                 "return redis.call('pfcount','none')", "return redis.pcall('del','a')"]:
        yield ["eval_ro", line, 0]
    for keys in ["-1", "5", "a", "0", "1", "2"]:
        yield ["eval", "return {KEYS,ARGV}", keys, "x", "y"]
        yield ["evalsha", "f" * 40, keys, "x", "y"]
        yield ["fcall", "none", keys]
    yield ["evalsha", "abc", "-1"]
    yield ["script", "load", "return {1,KEYS[1]}"]
    sha = "7c3b4dcd8b2e0c0d6fd9d7f4c0ac2dd0cd1b0b4e"
    yield ["script", "exists", sha, "abc", "E0E1F9FABFC9D4800C877A703B823AC0578FF8DB"]
    yield ["eval", "return 1", 0]
    yield ["script", "exists", "E0E1F9FABFC9D4800C877A703B823AC0578FF8DB"]
    yield ["evalsha", "E0E1F9FABFC9D4800C877A703B823AC0578FF8DB", 0]
    yield ["evalsha_ro", "e0e1f9fabfc9d4800c877a703b823ac0578ff8db", 0]
    for words in [["load", "x x"], ["debug", "no"], ["debug", "x"], ["exists"], ["kill"], ["flush", "x"], ["flush", "sync"],
                  ["flush", "async", "x"], ["nope"]]:
        yield ["script"] + words
    yield ["evalsha", "e0e1f9fabfc9d4800c877a703b823ac0578ff8db", 0]
    for script, arguments in libraries():
        yield ["eval", script, 0] + arguments


def functions():
    yield ["function", "flush"]
    for code in HEADERS:
        yield ["function", "load", code]
    for i, code in enumerate(FUNCTIONS):
        yield ["function", "load", "#!lua name=lib%d\n%s" % (i, code)]
    for i in list(range(1, 15)) + ["F1", "nope"]:
        name = i if isinstance(i, str) else "f%d" % i
        yield ["fcall", name, 1, "k", "v"]
        yield ["fcall_ro", name, 0]
    for keys in ["-1", "5", "zz"]:
        yield ["fcall", "f1", keys]
    for words in [["stats"], ["kill"], ["delete", "nope"], ["delete"], ["load"], ["load", "foo", "bar"], ["load", "replace"],
                  ["list", "x"], ["list", "libraryname"], ["list", "withcode", "withcode"], ["list", "libraryname", "lib0"],
                  ["list", "libraryname", "LIB0", "withcode"], ["flush", "x"], ["flush", "sync", "x"], ["restore", "x"],
                  ["restore", "x", "y"], ["restore", "x", "flush", "z"], ["nope"],
                  ["load", "#!lua name=lib0\n" + FUNCTIONS[0]], ["load", "replace", "#!lua name=lib0\n" + FUNCTIONS[0]],
                  ["load", "replace", "#!lua name=new\n" + FUNCTIONS[0]], ["delete", "lib0"], ["stats"]]:
        yield ["function"] + words
    for name in ["lib%d" % i for i in range(40)]:
        yield ["function", "delete", name]
    yield ["function", "load", "#!lua name=only\n" + FUNCTIONS[1] + "--" + "x" * 200]
    yield ["function", "list", "withcode"]
    yield ["function", "flush", "async"]
    yield ["function", "dump"]


def main():
    server = Server(int(sys.argv[1]))
    for setup in (["flushall"], ["script", "flush"], ["function", "flush"]):
        server.call(setup)
    for version in (2, 3):
        server.call(["hello", version])
        print("> @resp %d" % version)
        for words in list(commands()) + list(functions()):
            sent, reply = server.call(words)
            print("> " + " ".join(escape(w) for w in sent))
            print("< " + escape(reply))


if __name__ == "__main__":
    main()
