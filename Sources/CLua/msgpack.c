// cmsgpack: MessagePack to Lua values and back, with the behaviour of lua-cmsgpack 0.4.0.
#include "interpreter.h"

#include <limits.h>
#include <math.h>

/// Tables nested deeper are packed as nil.
#define NESTING_MAX 16

// ---- packing ------------------------------------------------------------------------------------------------------

/// A type byte and a number of `size` bytes, the most significant first.
static void add_sized(lua_State *L, ml_buffer *to, uint8_t type, uint64_t value, int size) {
    uint8_t bytes[9] = {type};
    for (int i = 0; i < size; i++) bytes[size - i] = (uint8_t)(value >> (8 * i));
    ml_add(L, to, bytes, (size_t)size + 1);
}

static void pack_string(lua_State *L, ml_buffer *to) {
    size_t length;
    const char *text = lua_tolstring(L, -1, &length);
    if (length > UINT32_MAX) luaL_error(L, "string too long");
    if (length < 32) ml_add_byte(L, to, (uint8_t)(0xa0 | length));
    else if (length <= 0xff) add_sized(L, to, 0xd9, length, 1);
    else if (length <= 0xffff) add_sized(L, to, 0xda, length, 2);
    else add_sized(L, to, 0xdb, length, 4);
    ml_add(L, to, text, length);
}

static void pack_integer(lua_State *L, ml_buffer *to, int64_t value) {
    uint64_t bits = (uint64_t)value;
    if (value >= 0) {
        if (value <= 127) ml_add_byte(L, to, (uint8_t)value);
        else if (value <= 0xff) add_sized(L, to, 0xcc, bits, 1);
        else if (value <= 0xffff) add_sized(L, to, 0xcd, bits, 2);
        else if (value <= 0xffffffff) add_sized(L, to, 0xce, bits, 4);
        else add_sized(L, to, 0xcf, bits, 8);
    } else {
        if (value >= -32) ml_add_byte(L, to, (uint8_t)bits);
        else if (value >= -128) add_sized(L, to, 0xd0, bits, 1);
        else if (value >= -32768) add_sized(L, to, 0xd1, bits, 2);
        else if (value >= INT32_MIN) add_sized(L, to, 0xd2, bits, 4);
        else add_sized(L, to, 0xd3, bits, 8);
    }
}

static void pack_number(lua_State *L, ml_buffer *to) {
    double number = lua_tonumber(L, -1);
    if (number >= -9223372036854775808.0 && number < 9223372036854775808.0 && (double)(int64_t)number == number) {
        pack_integer(L, to, (int64_t)number);
        return;
    }
    float single = (float)number;
    if ((double)single == number) {
        uint32_t bits;
        memcpy(&bits, &single, sizeof bits);
        add_sized(L, to, 0xca, bits, 4);
    } else {
        uint64_t bits;
        memcpy(&bits, &number, sizeof bits);
        add_sized(L, to, 0xcb, bits, 8);
    }
}

/// Whether the keys of the table on top are exactly 1 to `*count`. In any case `*count` is how many there are.
static int is_array(lua_State *L, size_t *count) {
    double max = 0;
    int array = 1;
    *count = 0;
    lua_pushnil(L);
    while (lua_next(L, -2)) {
        lua_pop(L, 1);
        double key = lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : 0;
        if (!(key > 0 && key == floor(key))) array = 0;
        else if (key > max) max = key;
        ++*count;
    }
    return array && max == (double)*count;
}

static void pack_value(lua_State *L, ml_buffer *to, int level);

static void pack_table(lua_State *L, ml_buffer *to, int level) {
    size_t count;
    if (is_array(L, &count)) {
        if (count <= 15) ml_add_byte(L, to, (uint8_t)(0x90 | count));
        else if (count <= 0xffff) add_sized(L, to, 0xdc, count, 2);
        else add_sized(L, to, 0xdd, count, 4);
        for (size_t i = 1; i <= count; i++) {
            lua_rawgeti(L, -1, (int)i);
            pack_value(L, to, level + 1);
            lua_pop(L, 1);
        }
        return;
    }
    if (count <= 15) ml_add_byte(L, to, (uint8_t)(0x80 | count));
    else if (count <= 0xffff) add_sized(L, to, 0xde, count, 2);
    else add_sized(L, to, 0xdf, count, 4);
    lua_pushnil(L);
    while (lua_next(L, -2)) {
        lua_pushvalue(L, -2);
        pack_value(L, to, level + 1);
        lua_pop(L, 1);
        pack_value(L, to, level + 1);
        lua_pop(L, 1);
    }
}

/// The value on top of the stack, which stays there.
static void pack_value(lua_State *L, ml_buffer *to, int level) {
    luaL_checkstack(L, 6, "in function mp_encode_lua_type");
    int type = lua_type(L, -1);
    if (type == LUA_TTABLE && level == NESTING_MAX) type = LUA_TNIL;
    switch (type) {
    case LUA_TSTRING: pack_string(L, to); break;
    case LUA_TBOOLEAN: ml_add_byte(L, to, lua_toboolean(L, -1) ? 0xc3 : 0xc2); break;
    case LUA_TNUMBER: pack_number(L, to); break;
    case LUA_TTABLE: pack_table(L, to, level); break;
    default: ml_add_byte(L, to, 0xc0);
    }
}

/// All arguments, packed one after another.
static int msgpack_pack(lua_State *L) {
    int count = lua_gettop(L);
    if (count == 0) return luaL_argerror(L, 0, "MessagePack pack needs input.");
    luaL_checkstack(L, 4, "Too many arguments for MessagePack pack.");
    ml_buffer to;
    lua_pushnil(L);
    ml_begin(L, &to, count + 1);
    for (int i = 1; i <= count; i++) {
        lua_pushvalue(L, i);
        pack_value(L, &to, 0);
        lua_pop(L, 1);
    }
    lua_pushlstring(L, to.bytes, to.used);
    return 1;
}

// ---- unpacking ----------------------------------------------------------------------------------------------------

typedef struct reader {
    const uint8_t *at, *end;
} reader;

static void refuse_short(lua_State *L) { luaL_error(L, "Missing bytes in input."); }

/// The next `count` bytes.
static const uint8_t *take(lua_State *L, reader *from, uint64_t count) {
    if ((uint64_t)(from->end - from->at) < count) refuse_short(L);
    const uint8_t *bytes = from->at;
    from->at += count;
    return bytes;
}

static uint64_t take_number(lua_State *L, reader *from, int size) {
    const uint8_t *bytes = take(L, from, (uint64_t)size);
    uint64_t value = 0;
    for (int i = 0; i < size; i++) value = value << 8 | bytes[i];
    return value;
}

static void unpack_value(lua_State *L, reader *from);

static void unpack_string(lua_State *L, reader *from, uint64_t length) {
    lua_pushlstring(L, (const char *)take(L, from, length), (size_t)length);
}

/// Elements take at least a byte each: a count that the input cannot hold fails early enough.
static void unpack_array(lua_State *L, reader *from, uint64_t count) {
    lua_newtable(L);
    luaL_checkstack(L, 2, "in function mp_decode_to_lua_array");
    for (uint64_t i = 1; i <= count; i++) {
        unpack_value(L, from);
        lua_rawseti(L, -2, (int)i);
    }
}

static void unpack_map(lua_State *L, reader *from, uint64_t count) {
    lua_newtable(L);
    for (uint64_t i = 0; i < count; i++) {
        luaL_checkstack(L, 3, "in function mp_decode_to_lua_hash");
        unpack_value(L, from);
        unpack_value(L, from);
        lua_settable(L, -3);
    }
}

static void unpack_float(lua_State *L, reader *from, int size) {
    uint64_t bits = take_number(L, from, size);
    if (size == 4) {
        uint32_t low = (uint32_t)bits;
        float number;
        memcpy(&number, &low, sizeof number);
        lua_pushnumber(L, number);
    } else {
        double number;
        memcpy(&number, &bits, sizeof number);
        lua_pushnumber(L, number);
    }
}

static void unpack_value(lua_State *L, reader *from) {
    luaL_checkstack(L, 2, "too many return values at once; use unpack_one or unpack_limit instead.");
    uint8_t type = *take(L, from, 1);
    if (type <= 0x7f || type >= 0xe0) return lua_pushnumber(L, (int8_t)type);
    if (type <= 0x8f) return unpack_map(L, from, type & 15);
    if (type <= 0x9f) return unpack_array(L, from, type & 15);
    if (type <= 0xbf) return unpack_string(L, from, type & 31);
    switch (type) {
    case 0xc0: lua_pushnil(L); break;
    case 0xc2: lua_pushboolean(L, 0); break;
    case 0xc3: lua_pushboolean(L, 1); break;
    case 0xca: unpack_float(L, from, 4); break;
    case 0xcb: unpack_float(L, from, 8); break;
    case 0xcc: lua_pushnumber(L, (lua_Number)take_number(L, from, 1)); break;
    case 0xcd: lua_pushnumber(L, (lua_Number)take_number(L, from, 2)); break;
    case 0xce: lua_pushnumber(L, (lua_Number)take_number(L, from, 4)); break;
    case 0xcf: lua_pushnumber(L, (lua_Number)(int64_t)take_number(L, from, 8)); break;
    case 0xd0: lua_pushnumber(L, (int8_t)take_number(L, from, 1)); break;
    case 0xd1: lua_pushnumber(L, (int16_t)take_number(L, from, 2)); break;
    case 0xd2: lua_pushnumber(L, (int32_t)take_number(L, from, 4)); break;
    case 0xd3: lua_pushnumber(L, (lua_Number)(int64_t)take_number(L, from, 8)); break;
    case 0xd9: unpack_string(L, from, take_number(L, from, 1)); break;
    case 0xda: unpack_string(L, from, take_number(L, from, 2)); break;
    case 0xdb: unpack_string(L, from, take_number(L, from, 4)); break;
    case 0xdc: unpack_array(L, from, take_number(L, from, 2)); break;
    case 0xdd: unpack_array(L, from, take_number(L, from, 4)); break;
    case 0xde: unpack_map(L, from, take_number(L, from, 2)); break;
    case 0xdf: unpack_map(L, from, take_number(L, from, 4)); break;
    default: luaL_error(L, "Bad data format in input.");
    }
}

/// At most `limit` values from `offset` on; 0: all. With a limit, first where to go on, -1 at the end.
static int unpack_some(lua_State *L, int limit, int offset) {
    size_t length;
    const uint8_t *bytes = (const uint8_t *)luaL_checklstring(L, 1, &length);
    if (offset < 0 || limit < 0) {
        return luaL_error(L, "Invalid request to unpack with offset of %d and limit of %d.", offset, (int)length);
    }
    if ((size_t)offset > length) {
        return luaL_error(L, "Start offset %d greater than input length %d.", offset, (int)length);
    }
    reader from = {bytes + offset, bytes + length};
    int count = 0;
    for (; from.at < from.end && (limit == 0 || count < limit); count++) unpack_value(L, &from);
    if (limit == 0) return count;
    luaL_checkstack(L, 1, "in function mp_unpack_full");
    lua_pushinteger(L, from.at == from.end ? -1 : (lua_Integer)(from.at - bytes));
    lua_insert(L, -count - 1);
    return count + 1;
}

static int msgpack_unpack(lua_State *L) {
    lua_settop(L, lua_gettop(L) < 1 ? 0 : 1);
    return unpack_some(L, 0, 0);
}

static int msgpack_unpack_one(lua_State *L) {
    int offset = (int)luaL_optinteger(L, 2, 0);
    lua_settop(L, 1);
    return unpack_some(L, 1, offset);
}

static int msgpack_unpack_limit(lua_State *L) {
    int limit = (int)luaL_checkinteger(L, 2);
    int offset = (int)luaL_optinteger(L, 3, 0);
    lua_settop(L, 1);
    return unpack_some(L, limit, offset);
}

void ml_push_msgpack(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"pack", msgpack_pack},
        {"unpack", msgpack_unpack},
        {"unpack_one", msgpack_unpack_one},
        {"unpack_limit", msgpack_unpack_limit},
        {NULL, NULL},
    };
    static const char *const texts[][2] = {
        {"_NAME", "cmsgpack"},
        {"_VERSION", "lua-cmsgpack 0.4.0"},
        {"_COPYRIGHT", "Copyright (C) 2012, Salvatore Sanfilippo"},
        {"_DESCRIPTION", "MessagePack C implementation for Lua"},
    };
    lua_newtable(L);
    luaL_register(L, NULL, functions);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        lua_pushstring(L, texts[i][1]);
        lua_setfield(L, -2, texts[i][0]);
    }
}
