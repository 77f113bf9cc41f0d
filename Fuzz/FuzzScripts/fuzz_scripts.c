// Feeds the Lua sandbox scripts made of fragments: every byte of an input picks one. Built by tools/fuzz-scripts with
// the address sanitizer, and with malloc in place of jemalloc, so that it sees every block of Lua's.
//
// After each script the sandbox must be what it was: the globals, the libraries and the strings' methods.
#include "../../Sources/CLua/include/CLua.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *mallocx(size_t size, int flags) { (void)flags; return malloc(size); }
void *rallocx(void *old, size_t size, int flags) { (void)flags; return realloc(old, size); }
void sdallocx(void *old, size_t size, int flags) { (void)size; (void)flags; free(old); }

static const char *const fragments[] = {
    "local a ", "local b = a ", "a = ", "return ", "if a then ", "end ", "for i=1,9 do ", "while #tostring(a)<9 do ",
    "function(...) ", "(", ")", "{", "}", "[", "]", ",", ";", ".", "..", ":", "=", "==", "<", "+", "-", "*", "/", "%", "^",
    "#", "not ", "and ", "or ", "...", "nil ", "true ", "false ", "1 ", "0 ", "-1 ", "2^31 ", "2^53 ", "1e308 ", "0/0 ",
    "1/0 ", "'' ", "'x' ", "'\\0\\255' ", "'%a+(.)' ", "'%b()%f[%w]' ", "[[long]] ", "'\\27Lua' ", "a ", "b ", "i ", "_G ",
    "KEYS ", "ARGV ", "string.", "table.", "math.", "coroutine.", "cjson.", "cmsgpack.", "bit.", "struct.", "redis.",
    "rep", "sub", "gsub", "find", "match", "gmatch", "format", "byte", "char", "reverse", "upper", "len", "dump",
    "insert", "remove", "sort", "concat", "maxn", "foreach", "foreachi", "getn", "setn", "random", "randomseed", "fmod",
    "floor", "huge", "ldexp", "frexp", "wrap", "create", "resume", "yield", "status", "running", "encode", "decode", "new",
    "null", "encode_max_depth", "decode_max_depth", "encode_sparse_array", "encode_invalid_numbers",
    "encode_number_precision", "encode_keep_buffer", "decode_invalid_numbers", "pack", "unpack", "unpack_one",
    "unpack_limit", "size", "tobit", "bnot", "band", "bor", "bxor", "lshift", "rshift", "arshift", "rol", "ror", "bswap",
    "tohex", "call", "pcall", "error_reply", "status_reply", "sha1hex", "log", "setresp", "acl_check_cmd", "set_repl",
    "breakpoint", "pcall(", "xpcall(", "error(", "assert(", "tostring(", "tonumber(", "type(", "next(", "pairs(",
    "ipairs(", "select(", "unpack(", "rawget(", "rawset(", "rawequal(", "getmetatable(", "setmetatable(", "load(",
    "loadstring(", "collectgarbage(", "gcinfo(", "__index", "__newindex", "__gc", "__metatable", "__call", "__tostring",
    "__mode", "__len", "__eq", "__lt", "__concat", "'>i4!8sc0' ", "'bBhHlLTiIfdxs' ", "'c0' ", "'i32' ", "'i99999999999' ",
    "'!3' ", "'{\"a\":[1,2.5e3,null,\"\\\\u00e9\"]}' ", "'[[[[[[' ", "'\"\\\\ud800\"' ", "'nan' ", "'0x' ",
    "'\\221\\255\\255\\255\\255' ", "'\\223\\255\\255\\255\\255a' ", "'\\147\\1\\2' ", "'\\217\\5abc' ", "'%s%d%q%99.99f' ",
    "'%5.2f%i%x%c%e%g%%' ", "'count' ", "'collect' ", "'step' ", "string.rep('x',99999) ", "string.rep('a?',5000) ",
    "function() end ", "function(x) return x end ", "do ", "repeat ", "until a ", "break ", "in pairs(a) do ",
    "for k,v ", "\n", "--x\n", "'get','k' ", "'set','k',1 ", "'list' ", "'map' ", "'deep' ", "'error' ", "'push' ",
    "cmsgpack.pack(a) ", "cjson.encode(a) ", "struct.pack('i',1) ", "a[1]", "a.x", "a:b()", "{1,2,{3}} ", "{x={}} ",
    "setmetatable({},{__index=function() error() end}) ", "coroutine.wrap(function() coroutine.yield(a) end) ",
};
enum { FRAGMENTS = sizeof fragments / sizeof fragments[0] };

/// Whole calls: most inputs become lists of these.
static const char *const functions[] = {
    "string.rep", "string.sub", "string.gsub", "string.find", "string.match", "string.gmatch", "string.format",
    "string.byte", "string.char", "string.reverse", "string.upper", "string.len", "string.dump", "table.insert",
    "table.remove", "table.sort", "table.concat", "table.maxn", "table.foreach", "table.foreachi", "table.getn",
    "math.random", "math.randomseed", "math.fmod", "math.ldexp", "math.frexp", "math.max", "coroutine.wrap",
    "coroutine.create", "coroutine.resume", "coroutine.status", "cjson.encode", "cjson.decode", "cjson.new",
    "cjson.encode_max_depth", "cjson.decode_max_depth", "cjson.encode_sparse_array", "cjson.encode_invalid_numbers",
    "cjson.encode_number_precision", "cjson.decode_invalid_numbers", "cmsgpack.pack", "cmsgpack.unpack",
    "cmsgpack.unpack_one", "cmsgpack.unpack_limit", "struct.pack", "struct.unpack", "struct.size", "bit.tobit", "bit.band",
    "bit.lshift", "bit.arshift", "bit.rol", "bit.tohex", "bit.bswap", "redis.call", "redis.pcall", "redis.error_reply",
    "redis.status_reply", "redis.sha1hex", "redis.log", "redis.setresp", "redis.acl_check_cmd", "redis.set_repl", "next",
    "pairs", "ipairs", "select", "unpack", "rawget", "rawset", "rawequal", "getmetatable", "setmetatable", "load",
    "loadstring", "collectgarbage", "gcinfo", "tostring", "tonumber", "type", "pcall", "xpcall", "error", "assert",
};
static const char *const values[] = {
    "a", "a", "b", "b", "_G", "string", "redis", "KEYS", "nil", "true", "false", "0", "1", "-1", "2", "3", "16", "2^31",
    "-2^31", "2^31-1", "2^32", "2^53", "2^63", "1e308", "0/0", "1/0", "-1/0", "0.5", "''", "'x'", "'abc\\0\\255'",
    "'%a+(.)'", "'%b()%f[%w]'", "'(()'", "'%'", "'[a'", "'\\27LuaQ'", "'return 1'", "'return {...}'", "{}", "{1,2,3}",
    "{x=1,{2}}", "{[1]=1,[3]=3,[1000]=2}", "{a,b}", "{{},{{}}}", "function(...) return ... end",
    "function(x) a=x error(x) end", "function(x,y) return x end", "coroutine.create(function() coroutine.yield(a) end)",
    "setmetatable({},{__index=function() error('i') end,__tostring=function() return {} end})",
    "setmetatable({1},{__mode='k',__gc=function() a=1 end,__metatable=1})", "string.rep('x',5000)", "string.rep('a?',3000)",
    "string.rep('[',2000)", "string.rep('\\145',3000)", "'>i4!8sc0'", "'bBhHlLTiIfdxs'", "'c0'", "'i32'", "'i99999999999'",
    "'!3'", "'bc0'", "'<I7>i3!4d'", "'{\"a\":[1,2.5e3,null,\"\\\\u00e9\"]}'", "'\"\\\\ud800'", "'[nan,0x1,-inf]'",
    "'\\221\\255\\255\\255\\255'", "'\\223\\255\\255\\255\\255a'", "'\\147\\1\\2'", "'\\217\\5abc'",
    "'%s%d%q%99.99f'", "'%5.2f%i%x%c%e%g'", "'count'", "'collect'", "'null'", "'get'", "'list'", "'map'", "'deep'", "'push'",
    "cmsgpack.pack(a)", "cjson.null", "getmetatable('')", "getmetatable(_G)",
};
enum { FUNCTIONS = sizeof functions / sizeof functions[0], VALUES = sizeof values / sizeof values[0] };

/// Four bytes make a call whose results the next ones may use.
static size_t write_calls(char *script, size_t room, const uint8_t *bytes, size_t count) {
    size_t used = (size_t)snprintf(script, room, "local a,b,ok=1,{} ");
    for (size_t i = 0; i + 4 <= count && used + 600 < room; i += 4) {
        const char *form = bytes[i] & 128 ? "ok,%c=pcall(%s,%s,%s,%s) " : "ok,%c=xpcall(function() return %s(%s,%s,%s) end,tostring) ";
        used += (size_t)snprintf(
            script + used, room - used, form, bytes[i + 1] & 128 ? 'a' : 'b', functions[(bytes[i] & 127) % FUNCTIONS],
            values[bytes[i + 1] % VALUES], values[bytes[i + 2] % VALUES], values[bytes[i + 3] % VALUES]);
    }
    used += (size_t)snprintf(script + used, room - used, "return a");
    return used;
}

static int ticks;

static int call(void *context, const ml_view *words, int count, int version, ml_view *reply) {
    (void)context;
    static const struct {
        const char *word, *reply;
    } replies[] = {
        {"list", "*3\r\n:1\r\n$1\r\nx\r\n*-1\r\n"},
        {"map", "%2\r\n+a\r\n,1.5\r\n_\r\n#t\r\n"},
        {"deep", "*1\r\n*1\r\n*1\r\n~2\r\n:1\r\n=7\r\ntxt:abc\r\n"},
        {"error", "-WRONGTYPE no\r\n"},
        {"push", "|1\r\n+k\r\n+v\r\n(123\r\n"},
        {"get", "$1\r\nv\r\n"},
    };
    (void)version;
    for (int i = 0; i < count; i++) {
        volatile uint8_t sum = 0;
        for (intptr_t j = 0; j < words[i].count; j++) sum = (uint8_t)(sum + words[i].start[j]);
    }
    for (size_t i = 0; i < sizeof replies / sizeof replies[0]; i++) {
        if (words[0].count != (intptr_t)strlen(replies[i].word) ||
            memcmp(words[0].start, replies[i].word, (size_t)words[0].count) != 0)
            continue;
        *reply = (ml_view){(const uint8_t *)replies[i].reply, (intptr_t)strlen(replies[i].reply)};
        return 0;
    }
    static const char refusal[] = "Unknown Redis command called from script";
    *reply = (ml_view){(const uint8_t *)refusal, sizeof refusal - 1};
    return 1;
}

static int permits(void *context, const ml_view *words, int count) {
    (void)context;
    (void)words;
    return count - 2;
}

static void sha1hex(ml_view text, char *digits) {
    (void)text;
    memset(digits, 'f', 40);
}

static void log_line(void *context, int level, ml_view text) {
    (void)context;
    (void)level;
    (void)text;
}

static int tick(void *context) {
    (void)context;
    return ++ticks > 20;
}

static char reply_text[256];
static size_t reply_used;

static void write_reply(void *context, const uint8_t *bytes, intptr_t count) {
    (void)context;
    for (intptr_t i = 0; i < count && reply_used < sizeof reply_text - 1; i++) reply_text[reply_used++] = (char)bytes[i];
}

static void will_write_error(void *context, int counted) {
    (void)context;
    (void)counted;
}

static const char *registered(void *context, ml_view name, ml_view description, int described, int flags, int function) {
    (void)context;
    (void)name;
    (void)description;
    (void)described;
    (void)flags;
    (void)function;
    return NULL;
}

static const ml_host host = {call, permits, sha1hex, log_line, tick, write_reply, will_write_error, registered};

/// What must hold before and after every script.
static const char check[] =
    "local n=0 for k,v in pairs(_G) do n=n+1 end\n"
    "for _,t in ipairs({string,table,math,coroutine,cjson,cmsgpack,bit,struct,redis}) do\n"
    "  for k,v in pairs(t) do n=n+1 end\n"
    "  if rawget(t,1)~=nil or #t~=0 then return 'elements' end\n"
    "end\n"
    "if getmetatable('').__index~=string then return 'string metatable' end\n"
    "if getmetatable(1) or getmetatable(print_) or getmetatable(true) then return 'metatable' end\n"
    "if ('x'):rep(3)~='xxx' or redis.call('get','k')~='v' then return 'functions' end\n"
    "return n";

static void fail(const char *what) {
    fprintf(stderr, "the sandbox is no longer whole: %s\n", what);
    abort();
}

static void run(ml_interpreter *interpreter, const char *text, size_t length) {
    ml_text error;
    ticks = 0;
    reply_used = 0;
    ml_view source = {(const uint8_t *)text, (intptr_t)length}, words[2] = {{(const uint8_t *)"k", 1}, {(const uint8_t *)"v", 1}};
    int function = ml_compile(interpreter, source, &error);
    if (!function) return;
    ml_job job = {function, words, 1, words + 1, 1, 2 + (int)(length & 1), {(const uint8_t *)"f", 1}};
    ml_run(interpreter, &job, &error);
    ml_release(interpreter, function);
    reply_text[reply_used] = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
    static ml_interpreter *interpreter;
    static char whole[64];
    static int runs;
    if (!interpreter || runs++ % 500 == 0) {
        if (interpreter) ml_free(interpreter);
        interpreter = ml_make(runs & 512 ? ML_FUNCTIONS : ML_SCRIPTS, &host, &host, 8 << 20, 1);
        static const char plain[] = "local print_ = nil ";
        char text[sizeof plain + sizeof check];
        snprintf(text, sizeof text, "%s%s", plain, check);
        // The first script leaves KEYS and ARGV behind.
        run(interpreter, text, strlen(text));
        run(interpreter, text, strlen(text));
        snprintf(whole, sizeof whole, "%.60s", reply_text);
        if (whole[0] != ':') fail(whole);
    }
    static char script[1 << 16];
    size_t used = 0;
    int calls = count > 0 && bytes[0] < 192;
    if (calls) used = write_calls(script, sizeof script, bytes + 1, count - 1);
    for (size_t i = 0; !calls && i < count; i++) {
        const char *fragment = fragments[bytes[i] % FRAGMENTS];
        size_t length = strlen(fragment);
        if (used + length > sizeof script) break;
        memcpy(script + used, fragment, length);
        used += length;
    }
    run(interpreter, script, used);
    ml_text error;
    if (count % 7 == 0) ml_load_library(interpreter, (ml_view){(const uint8_t *)script, (intptr_t)used}, &error);
    static const char after[] = "local print_ = nil ";
    char text[sizeof after + sizeof check];
    snprintf(text, sizeof text, "%s%s", after, check);
    run(interpreter, text, strlen(text));
    if (strcmp(reply_text, whole) != 0) fail(reply_text);
    return 0;
}
