// The globals that scripts see: Redis' choice of Lua's own, none of which can be changed.
//
// Stock Lua has no read-only tables. A table is protected by a view: an empty table whose metatable looks things up in
// the real one and refuses to store. Every function that goes around metatables (rawset, next, setmetatable,
// table.insert, ...) is replaced here by one that knows views.
#include "interpreter.h"

#include <stdlib.h>

/// In a view's metatable, this address is the key of the table behind it.
static const char behind_key = 0;

int ml_push_behind(lua_State *L, int index) {
    if (!lua_istable(L, index) || !lua_getmetatable(L, index)) return 0;
    lua_pushlightuserdata(L, (void *)(uintptr_t)&behind_key);
    lua_rawget(L, -2);
    lua_remove(L, -2);
    if (lua_istable(L, -1)) return 1;
    lua_pop(L, 1);
    return 0;
}

int ml_refuse_write(lua_State *L) { return luaL_error(L, "Attempt to modify a readonly table"); }

/// The same from a function that scripts call by name: Redis' text then says no line.
static int refuse_call(lua_State *L) {
    lua_pushliteral(L, "Attempt to modify a readonly table");
    return lua_error(L);
}

static int refuse_missing(lua_State *L) {
    lua_settop(L, 2);
    const char *name = lua_tostring(L, 2);
    return luaL_error(
        L, "Script attempted to access nonexistent global variable '%s'", name ? name : luaL_typename(L, 2));
}

void ml_forbid_missing(lua_State *L) {
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, refuse_missing);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
}

void ml_protect(lua_State *L) {
    int real = lua_gettop(L);
    lua_newtable(L);
    lua_createtable(L, 0, 4);
    lua_pushvalue(L, real);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, ml_refuse_write);
    lua_setfield(L, -2, "__newindex");
    lua_pushlightuserdata(L, (void *)(uintptr_t)&behind_key);
    lua_pushvalue(L, real);
    lua_rawset(L, -3);
    // What getmetatable shows of a view: the real table's own metatable, protected in its turn.
    if (lua_getmetatable(L, real)) {
        ml_protect(L);
        lua_setfield(L, -2, "__metatable");
    }
    lua_setmetatable(L, -2);
    lua_remove(L, real);
}

void ml_set_function(lua_State *L, const char *name, lua_CFunction function) {
    lua_pushcfunction(L, function);
    lua_setfield(L, -2, name);
}

// ---- Lua's functions that see through views -----------------------------------------------------------------------

static int table_next(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 2);
    if (ml_push_behind(L, 1)) lua_replace(L, 1);
    if (lua_next(L, 1)) return 2;
    lua_pushnil(L);
    return 1;
}

/// Upvalue 1: next.
static int table_pairs(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_pushvalue(L, 1);
    lua_pushnil(L);
    return 3;
}

static int raw_get(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_checkany(L, 2);
    lua_settop(L, 2);
    if (ml_push_behind(L, 1)) lua_replace(L, 1);
    lua_rawget(L, 1);
    return 1;
}

static int raw_set(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_checkany(L, 2);
    luaL_checkany(L, 3);
    lua_settop(L, 3);
    if (ml_push_behind(L, 1)) return refuse_call(L);
    lua_rawset(L, 1);
    return 1;
}

static int get_metatable(lua_State *L) {
    luaL_checkany(L, 1);
    int is_view = ml_push_behind(L, 1);
    if (!lua_getmetatable(L, 1)) {
        lua_pushnil(L);
        return 1;
    }
    lua_pushliteral(L, "__metatable");
    lua_rawget(L, -2);
    if (lua_isnil(L, -1) && !is_view) lua_pop(L, 1);
    return 1;
}

static int set_metatable(lua_State *L) {
    int type = lua_type(L, 2);
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_argcheck(L, type == LUA_TNIL || type == LUA_TTABLE, 2, "nil or table expected");
    if (ml_push_behind(L, 1)) return refuse_call(L);
    if (luaL_getmetafield(L, 1, "__metatable")) luaL_error(L, "cannot change a protected metatable");
    // A view may not lend its metatable's powers to another table.
    lua_settop(L, 2);
    lua_setmetatable(L, 1);
    return 1;
}

// ---- errors -------------------------------------------------------------------------------------------------------

/// pcall as Redis has it: of an error object, scripts get the text.
static int protected_call(lua_State *L) {
    luaL_checkany(L, 1);
    int status = lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0);
    if (status != 0) {
        // What ends a script cannot be caught.
        if (ml_of(L)->killed) return lua_error(L);
        if (lua_istable(L, -1)) {
            ML_RAW_FIELD(L, -1, "err");
            if (lua_isstring(L, -1)) lua_replace(L, -2);
            else lua_pop(L, 1);
        }
    }
    lua_pushboolean(L, status == 0);
    lua_insert(L, 1);
    return lua_gettop(L);
}

/// An error handler, upvalue 1, which the end of a script does not call.
static int guarded_handler(lua_State *L) {
    if (ml_of(L)->killed) return 1;
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, 1);
    return 1;
}

static int protected_call_with_handler(lua_State *L) {
    luaL_checkany(L, 2);
    lua_settop(L, 2);
    lua_pushcclosure(L, guarded_handler, 1);
    lua_insert(L, 1);
    int status = lua_pcall(L, 0, LUA_MULTRET, 1);
    if (status != 0 && ml_of(L)->killed) return lua_error(L);
    lua_pushboolean(L, status == 0);
    lua_replace(L, 1);
    return lua_gettop(L);
}

static int resume_coroutine(lua_State *L) {
    ml_interpreter *interpreter = ml_of(L);
    int count = interpreter->resume(L);
    if (interpreter->killed && !lua_toboolean(L, -count)) return lua_error(L);
    return count;
}

// ---- loading code -------------------------------------------------------------------------------------------------

typedef struct chunk {
    const char *text;
    size_t length;
    int at;
} chunk;

/// Text only: what looks like bytecode gets a space in front, and is text without sense.
static const char *read_chunk(lua_State *L, void *raw, size_t *size) {
    (void)L;
    chunk *source = raw;
    if (source->at == 0 && source->length > 0 && source->text[0] == LUA_SIGNATURE[0]) {
        source->at = 1;
        *size = 1;
        return " ";
    }
    if (source->at == 2 || source->length == 0) return NULL;
    source->at = 2;
    *size = source->length;
    return source->text;
}

static int finish_load(lua_State *L, int status) {
    if (status == 0) return 1;
    lua_pushnil(L);
    lua_insert(L, -2);
    return 2;
}

/// The name of a chunk has to lie on the stack while it is parsed: the parser holds no reference (CVE-2025-49844).
static int load_string(lua_State *L) {
    chunk source = {0};
    source.text = luaL_checklstring(L, 1, &source.length);
    const char *name = luaL_optstring(L, 2, source.text);
    lua_settop(L, 2);
    lua_pushstring(L, name);
    return finish_load(L, lua_load(L, read_chunk, &source, name));
}

/// Calls the function at index 1 for the next piece, which is kept at index 4.
static const char *read_pieces(lua_State *L, void *raw, size_t *size) {
    chunk *source = raw;
    if (source->at == 1) {
        source->at = 2;
        *size = source->length;
        return source->text;
    }
    luaL_checkstack(L, 2, "too many nested functions");
    lua_pushvalue(L, 1);
    lua_call(L, 0, 1);
    if (lua_isnil(L, -1)) {
        *size = 0;
        return NULL;
    }
    if (!lua_isstring(L, -1)) luaL_error(L, "reader function must return a string");
    lua_replace(L, 4);
    const char *text = lua_tolstring(L, 4, size);
    if (source->at == 0 && *size > 0 && text[0] == LUA_SIGNATURE[0]) {
        source->at = 1;
        source->text = text;
        source->length = *size;
        *size = 1;
        return " ";
    }
    source->at = 2;
    return text;
}

static int load_function(lua_State *L) {
    luaL_checktype(L, 1, LUA_TFUNCTION);
    const char *name = luaL_optstring(L, 2, "=(load)");
    lua_settop(L, 2);
    lua_pushstring(L, name);
    lua_pushnil(L);
    chunk source = {0};
    return finish_load(L, lua_load(L, read_pieces, &source, name));
}

/// Scripts may ask how much memory there is, but not steer the collector: use-after-free bugs of Lua 5.1 need it.
static int collect_garbage(lua_State *L) {
    static const char *const options[] = {"stop", "restart", "collect", "count", "step", "setpause", "setstepmul", NULL};
    int option = luaL_checkoption(L, 1, "collect", options);
    luaL_optinteger(L, 2, 0);
    if (option == 3) lua_pushnumber(L, (lua_Number)ml_of(L)->used / 1024);
    else if (option == 4) lua_pushboolean(L, 0);
    else lua_pushinteger(L, option >= 5 ? 200 : 0);
    return 1;
}

static int garbage_count(lua_State *L) {
    lua_pushinteger(L, (lua_Integer)(ml_of(L)->used >> 10));
    return 1;
}

/// unpack without overflows in its range (CVE-2025-46817).
static int unpack_table(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    int64_t first = luaL_optint(L, 2, 1);
    int64_t last = lua_isnoneornil(L, 3) ? (int64_t)lua_objlen(L, 1) : (int64_t)luaL_checkint(L, 3);
    if (first > last) return 0;
    int64_t count = last - first + 1;
    if (count >= INT32_MAX || !lua_checkstack(L, (int)count)) return luaL_error(L, "too many results to unpack");
    for (int64_t i = first; i <= last; i++) lua_rawgeti(L, 1, (int)i);
    return (int)count;
}

// ---- the whole ----------------------------------------------------------------------------------------------------

static void open_library(lua_State *L, const char *name, lua_CFunction open) {
    lua_pushcfunction(L, open);
    lua_pushstring(L, name);
    lua_call(L, 1, 0);
}

/// Takes out every global that is not listed, so that a library that brings more than expected brings nothing
/// (CVE-2022-0543).
static void keep_only(lua_State *L, const char *const *names) {
    lua_newtable(L);
    for (; *names; names++) {
        lua_getglobal(L, *names);
        lua_setfield(L, -2, *names);
    }
    lua_pushnil(L);
    while (lua_next(L, LUA_GLOBALSINDEX)) {
        lua_pop(L, 1);
        lua_pushvalue(L, -1);
        lua_pushnil(L);
        lua_rawset(L, LUA_GLOBALSINDEX);
    }
    lua_pushnil(L);
    while (lua_next(L, -2)) {
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        lua_rawset(L, LUA_GLOBALSINDEX);
    }
    lua_pop(L, 1);
}

static void replace_functions(lua_State *L) {
    lua_pushvalue(L, LUA_GLOBALSINDEX);
    ml_set_function(L, "next", table_next);
    lua_getfield(L, -1, "next");
    lua_pushcclosure(L, table_pairs, 1);
    lua_setfield(L, -2, "pairs");
    ml_set_function(L, "rawget", raw_get);
    ml_set_function(L, "rawset", raw_set);
    ml_set_function(L, "getmetatable", get_metatable);
    ml_set_function(L, "setmetatable", set_metatable);
    ml_set_function(L, "pcall", protected_call);
    ml_set_function(L, "xpcall", protected_call_with_handler);
    ml_set_function(L, "loadstring", load_string);
    ml_set_function(L, "load", load_function);
    ml_set_function(L, "collectgarbage", collect_garbage);
    ml_set_function(L, "gcinfo", garbage_count);
    ml_set_function(L, "unpack", unpack_table);
    lua_getfield(L, -1, "coroutine");
    lua_getfield(L, -1, "resume");
    ml_of(L)->resume = lua_tocfunction(L, -1);
    lua_pop(L, 1);
    ml_set_function(L, "resume", resume_coroutine);
    lua_pop(L, 2);
}

static void protect_global(lua_State *L, const char *name) {
    lua_getglobal(L, name);
    ml_protect(L);
    lua_setglobal(L, name);
}

void ml_open_sandbox(lua_State *L) {
    static const char *const kept[] = {
        "assert", "coroutine", "error", "ipairs", "math", "rawequal", "select", "string", "table", "tonumber",
        "tostring", "type", "_VERSION", NULL,
    };
    open_library(L, "", luaopen_base);
    open_library(L, LUA_TABLIBNAME, luaopen_table);
    open_library(L, LUA_STRLIBNAME, luaopen_string);
    open_library(L, LUA_MATHLIBNAME, luaopen_math);
    keep_only(L, kept);
    replace_functions(L);
    ml_open_strings(L);
    ml_open_tables(L);
    ml_open_random(L);
    ml_push_json(L);
    lua_setglobal(L, "cjson");
    ml_push_msgpack(L);
    lua_setglobal(L, "cmsgpack");
    ml_push_bit(L);
    lua_setglobal(L, "bit");
    ml_push_struct(L);
    lua_setglobal(L, "struct");
    ml_push_api(L, 0);
    lua_setglobal(L, "redis");
    static const char *const tables[] = {
        "coroutine", "math", "string", "table", "cjson", "cmsgpack", "bit", "struct", "redis", NULL};
    for (int i = 0; tables[i]; i++) protect_global(L, tables[i]);
    // Methods of strings are looked up in the real table; scripts that ask for the metatable see views.
    lua_pushliteral(L, "");
    lua_getmetatable(L, -1);
    lua_newtable(L);
    lua_getglobal(L, "string");
    lua_setfield(L, -2, "__index");
    ml_protect(L);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 2);
    // The loaded-modules table and whatever else the libraries left behind.
    lua_pushnil(L);
    lua_setfield(L, LUA_REGISTRYINDEX, "_LOADED");
}
