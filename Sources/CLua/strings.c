// Guards around the functions of Lua's string and table libraries that take more than they are given.
#include "interpreter.h"

#include <limits.h>

/// Matching recurses once for every item of a pattern, on the C stack, without a limit.
static void check_pattern(lua_State *L) {
    if (lua_type(L, 2) == LUA_TSTRING && lua_objlen(L, 2) > ML_PATTERN_MAX) luaL_error(L, "pattern too complex");
}

// Lua's own functions are called directly, as part of these, so that errors speak of the name that the script used.
static int string_find(lua_State *L) {
    if (!lua_toboolean(L, 4)) check_pattern(L);
    return ml_of(L)->find(L);
}

static int string_match(lua_State *L) {
    check_pattern(L);
    return ml_of(L)->match(L);
}

static int string_gmatch(lua_State *L) {
    check_pattern(L);
    return ml_of(L)->gmatch(L);
}

static int string_gsub(lua_State *L) {
    check_pattern(L);
    return ml_of(L)->gsub(L);
}

static int string_rep(lua_State *L) {
    size_t length;
    const char *text = luaL_checklstring(L, 1, &length);
    int count = luaL_checkint(L, 2);
    luaL_Buffer buffer;
    luaL_buffinit(L, &buffer);
    if (length > 0 && count > 0) {
        if (length > INT_MAX || (size_t)count > INT_MAX / length) return luaL_error(L, "resulting string too large");
        size_t limit = ml_of(L)->limit;
        if (limit && length * (size_t)count > limit) return luaL_error(L, "not enough memory");
        // In runs of a few KB: a buffer takes long strings faster than short ones.
        size_t run = (size_t)count < 4096 / length + 1 ? (size_t)count : 4096 / length + 1;
        for (size_t i = 0; i < run; i++) luaL_addlstring(&buffer, text, length);
        luaL_pushresult(&buffer);
        if (run == (size_t)count) return 1;
        size_t run_length;
        const char *run_text = lua_tolstring(L, -1, &run_length);
        luaL_buffinit(L, &buffer);
        size_t left = (size_t)count;
        for (; left >= run; left -= run) luaL_addlstring(&buffer, run_text, run_length);
        luaL_addlstring(&buffer, run_text, left * length);
    }
    luaL_pushresult(&buffer);
    return 1;
}

/// Bytecode is of no use here, since none can be loaded.
static int string_dump(lua_State *L) {
    luaL_checktype(L, 1, LUA_TFUNCTION);
    if (lua_iscfunction(L, 1)) return luaL_error(L, "unable to dump given function");
    lua_pushliteral(L, LUA_SIGNATURE "Q");
    return 1;
}

static lua_CFunction replace(lua_State *L, const char *name, lua_CFunction guard) {
    lua_getfield(L, -1, name);
    lua_CFunction original = lua_tocfunction(L, -1);
    lua_pop(L, 1);
    ml_set_function(L, name, guard);
    return original;
}

void ml_open_strings(lua_State *L) {
    ml_interpreter *interpreter = ml_of(L);
    lua_getglobal(L, "string");
    interpreter->find = replace(L, "find", string_find);
    interpreter->match = replace(L, "match", string_match);
    interpreter->gmatch = replace(L, "gmatch", string_gmatch);
    interpreter->gsub = replace(L, "gsub", string_gsub);
    ml_set_function(L, "gfind", string_gmatch);
    ml_set_function(L, "rep", string_rep);
    ml_set_function(L, "dump", string_dump);
    lua_pop(L, 1);
}

static int table_insert(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    if (ml_push_behind(L, 1)) {
        lua_pushliteral(L, "Attempt to modify a readonly table");
        return lua_error(L);
    }
    int end = (int)lua_objlen(L, 1) + 1, position = end;
    if (lua_gettop(L) == 3) {
        position = luaL_checkint(L, 2);
        if (position > end) end = position;
        // Lua would move everything from here to the end, for hours.
        luaL_argcheck(L, position >= -1000000, 2, "position out of bounds");
        for (int i = end; i > position; i--) {
            lua_rawgeti(L, 1, i - 1);
            lua_rawseti(L, 1, i);
        }
    } else if (lua_gettop(L) != 2) {
        return luaL_error(L, "wrong number of arguments to 'insert'");
    }
    lua_rawseti(L, 1, position);
    return 0;
}

/// table.foreach over a view's contents; upvalue 1: Lua's own.
static int table_foreach(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_checktype(L, 2, LUA_TFUNCTION);
    if (ml_push_behind(L, 1)) lua_replace(L, 1);
    lua_pushnil(L);
    while (lua_next(L, 1)) {
        lua_pushvalue(L, 2);
        lua_pushvalue(L, -3);
        lua_pushvalue(L, -3);
        lua_call(L, 2, 1);
        if (!lua_isnil(L, -1)) return 1;
        lua_pop(L, 2);
    }
    return 0;
}

void ml_open_tables(lua_State *L) {
    lua_getglobal(L, "table");
    ml_set_function(L, "insert", table_insert);
    ml_set_function(L, "foreach", table_foreach);
    lua_pop(L, 1);
}
