// What the files of this directory share.
#pragma once
#include "include/CLua.h"

#include <lua5.1/lua.h>

#include <lua5.1/lauxlib.h>
#include <lua5.1/lualib.h>
#include <string.h>

// Patterns longer than this are refused: matching takes C stack for every item of a pattern.
#define ML_PATTERN_MAX 4096
// VM instructions between two looks at the clock.
#define ML_TICK_INSTRUCTIONS 20000

struct ml_interpreter {
    lua_State *lua;
    const ml_host *host;
    void *context;
    int kind;
    size_t used, limit;
    /// The protocol in which redis.call answers, set by redis.setresp.
    int version;
    /// The script was told to end; nothing may catch that.
    int killed;
    /// A library is being loaded: functions may be registered.
    int loading;
    uint64_t random;
    /// redis.call's arguments, and room for those that are numbers.
    ml_view *words;
    int word_capacity;
    /// The functions of Lua's own string library that are guarded.
    lua_CFunction find, match, gmatch, gsub;
    /// coroutine.resume.
    lua_CFunction resume;
};

ml_interpreter *ml_of(lua_State *L);

// sandbox.c
/// Fills the globals.
void ml_open_sandbox(lua_State *L);
/// Replaces the table on top of the stack by a read-only view of it.
void ml_protect(lua_State *L);
/// Has lookups of what is not in the table on top raise an error.
void ml_forbid_missing(lua_State *L);
/// If the value at `index` is a read-only view, pushes the table behind it and answers 1.
int ml_push_behind(lua_State *L, int index);
/// Raises "Attempt to modify a readonly table".
int ml_refuse_write(lua_State *L);
/// Sets the function `name` in the table on top.
void ml_set_function(lua_State *L, const char *name, lua_CFunction function);

// strings.c
void ml_open_strings(lua_State *L);
void ml_open_tables(lua_State *L);

// api.c
/// Pushes the global `redis` of scripts and functions; with `loading`, that of a library being loaded.
void ml_push_api(lua_State *L, int loading);
/// Pushes an error object of `text` ("-CODE text", or "text" for ERR).
void ml_push_error(lua_State *L, const char *text, size_t length);

// reply.c
/// Pushes the value of a RESP reply.
void ml_push_reply(lua_State *L, const uint8_t *start, const uint8_t *end);
/// Writes the value on top of the stack as a reply and pops it.
void ml_write_value(lua_State *L, ml_interpreter *interpreter, int version);
/// Writes an error reply from the error object on top of the stack.
void ml_write_failure(lua_State *L, ml_interpreter *interpreter, ml_view name);

// The libraries: each pushes its table.
void ml_push_json(lua_State *L);
void ml_push_msgpack(lua_State *L);
void ml_push_bit(lua_State *L);
void ml_push_struct(lua_State *L);

// buffer.c
/// Text that grows in a block of memory which Lua owns, at a stack index set aside for it: an error leaves nothing
/// behind. (luaL_Buffer keeps pieces on top of the stack, where values are when a table is walked.)
typedef struct ml_buffer {
    char *bytes;
    size_t used, capacity;
    int slot;
} ml_buffer;

/// Begins a buffer at stack index `slot`.
void ml_begin(lua_State *L, ml_buffer *buffer, int slot);
void ml_grow(lua_State *L, ml_buffer *buffer, size_t more);

static inline void ml_add(lua_State *L, ml_buffer *buffer, const void *bytes, size_t count) {
    if (buffer->capacity - buffer->used < count) ml_grow(L, buffer, count);
    memcpy(buffer->bytes + buffer->used, bytes, count);
    buffer->used += count;
}

static inline void ml_add_byte(lua_State *L, ml_buffer *buffer, uint8_t byte) { ml_add(L, buffer, &byte, 1); }

// random.c
void ml_seed(ml_interpreter *interpreter, int32_t seed);
void ml_open_random(lua_State *L);

/// The value of a registry or upvalue table's string field, pushed without metamethods.
static inline void ml_raw_field(lua_State *L, int table, const char *name, size_t length) {
    lua_pushlstring(L, name, length);
    lua_rawget(L, table < 0 && table > LUA_REGISTRYINDEX ? table - 1 : table);
}
#define ML_RAW_FIELD(L, table, literal) ml_raw_field(L, table, literal, sizeof literal - 1)
