// struct: binary records, with the behaviour of Lua's struct library as Redis has it, its size checks included.
#include "interpreter.h"

#include <ctype.h>
#include <limits.h>

/// Alignments beyond this are refused.
#define ALIGNMENT_MAX 8
#define INTEGER_MAX 32

typedef struct layout {
    int is_big;
    size_t alignment;
} layout;

static int native_is_big(void) {
    const uint16_t one = 1;
    return *(const uint8_t *)&one == 0;
}

static int is_power_of_2(int value) { return value > 0 && (value & (value - 1)) == 0; }

/// The number at `format`, or `usual` if there is none.
static int read_count(lua_State *L, const char **format, int usual) {
    if (!isdigit((unsigned char)**format)) return usual;
    int value = 0;
    do {
        int digit = *(*format)++ - '0';
        if (value > INT_MAX / 10 || value * 10 > INT_MAX - digit) luaL_error(L, "integral size overflow");
        value = value * 10 + digit;
    } while (isdigit((unsigned char)**format));
    return value;
}

/// The size of an option's value; the count that may follow it is read.
static size_t option_size(lua_State *L, char option, const char **format) {
    switch (option) {
    case 'B': case 'b': return 1;
    case 'H': case 'h': return sizeof(short);
    case 'L': case 'l': return sizeof(long);
    case 'T': return sizeof(size_t);
    case 'f': return sizeof(float);
    case 'd': return sizeof(double);
    case 'x': return 1;
    case 'c': return (size_t)read_count(L, format, 1);
    case 'i': case 'I': {
        int size = read_count(L, format, sizeof(int));
        if (size > INTEGER_MAX) luaL_error(L, "integral size %d is larger than limit of %d", size, INTEGER_MAX);
        return (size_t)size;
    }
    default: return 0;
    }
}

/// Bytes to be left out before a value so that it is aligned.
static size_t padding(size_t position, const layout *how, char option, size_t size) {
    if (size == 0 || option == 'c') return 0;
    if (size > how->alignment) size = how->alignment;
    return size > 1 ? (size - (position & (size - 1))) & (size - 1) : 0;
}

/// Options that are not values.
static void control(lua_State *L, char option, const char **format, layout *how) {
    switch (option) {
    case ' ': return;
    case '>': how->is_big = 1; return;
    case '<': how->is_big = 0; return;
    case '!': {
        int alignment = read_count(L, format, ALIGNMENT_MAX);
        if (!is_power_of_2(alignment)) luaL_error(L, "alignment %d is not a power of 2", alignment);
        how->alignment = (size_t)alignment;
        return;
    }
    default: luaL_argerror(L, 1, lua_pushfstring(L, "invalid format option '%c'", option));
    }
}

/// The double as an integer modulo 2^64, whatever its sign.
static uint64_t integer_of(lua_Number number) {
    if (number >= 0) return number < 18446744073709551616.0 ? (uint64_t)number : 0;
    return number >= -9223372036854775808.0 ? (uint64_t)(int64_t)number : (uint64_t)INT64_MIN;
}

static void put_integer(lua_State *L, luaL_Buffer *to, int argument, int is_big, size_t size) {
    uint64_t value = integer_of(luaL_checknumber(L, argument));
    char bytes[INTEGER_MAX];
    for (size_t i = 0; i < size; i++) {
        bytes[is_big ? size - 1 - i : i] = (char)(i < 8 ? value >> (8 * i) : 0);
    }
    luaL_addlstring(to, bytes, size);
}

static void reverse(char *bytes, size_t count, int is_big) {
    if (is_big == native_is_big()) return;
    for (size_t i = 0; i < count / 2; i++) {
        char byte = bytes[i];
        bytes[i] = bytes[count - 1 - i];
        bytes[count - 1 - i] = byte;
    }
}

static void put_float(lua_State *L, luaL_Buffer *to, int argument, int is_big, size_t size) {
    char bytes[sizeof(double)];
    double number = luaL_checknumber(L, argument);
    float single = (float)number;
    if (size == sizeof single) memcpy(bytes, &single, size);
    else memcpy(bytes, &number, size);
    reverse(bytes, size, is_big);
    luaL_addlstring(to, bytes, size);
}

static int struct_pack(lua_State *L) {
    const char *format = luaL_checkstring(L, 1);
    layout how = {native_is_big(), 1};
    int argument = 2;
    size_t total = 0;
    luaL_Buffer to;
    // Between the arguments and the buffer's own pieces.
    lua_pushnil(L);
    luaL_buffinit(L, &to);
    while (*format) {
        char option = *format++;
        size_t size = option_size(L, option, &format);
        size_t gap = padding(total, &how, option, size);
        total += gap;
        while (gap-- > 0) luaL_addchar(&to, '\0');
        switch (option) {
        case 'b': case 'B': case 'h': case 'H': case 'l': case 'L': case 'T': case 'i': case 'I':
            put_integer(L, &to, argument++, how.is_big, size);
            break;
        case 'x': luaL_addchar(&to, '\0'); break;
        case 'f': case 'd': put_float(L, &to, argument++, how.is_big, size); break;
        case 'c': case 's': {
            size_t length;
            const char *text = luaL_checklstring(L, argument++, &length);
            if (size == 0) size = length;
            luaL_argcheck(L, length >= size, argument, "string too short");
            luaL_addlstring(&to, text, size);
            if (option == 's') {
                luaL_addchar(&to, '\0');
                size++;
            }
            break;
        }
        default: control(L, option, &format, &how);
        }
        total += size;
    }
    luaL_pushresult(&to);
    return 1;
}

static lua_Number get_integer(const char *bytes, int is_big, int is_signed, size_t size) {
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++) {
        unsigned char byte = (unsigned char)bytes[is_big ? i : size - 1 - i];
        value = value << 8 | byte;
    }
    if (!is_signed) return (lua_Number)value;
    if (size > 0 && size < 8 && value >> (8 * size - 1) & 1) value |= UINT64_MAX << (8 * size);
    return (lua_Number)(int64_t)value;
}

static lua_Number get_float(const char *source, int is_big, size_t size) {
    char bytes[sizeof(double)];
    memcpy(bytes, source, size);
    reverse(bytes, size, is_big);
    float single;
    double number;
    memcpy(&number, bytes, sizeof number);
    memcpy(&single, bytes, sizeof single);
    return size == sizeof single ? (lua_Number)single : number;
}

/// Pushes one value. Answers its size.
static size_t unpack_value(lua_State *L, char option, size_t size, const char *at, size_t left, layout *how, int count) {
    switch (option) {
    case 'b': case 'B': case 'h': case 'H': case 'l': case 'L': case 'T': case 'i': case 'I':
        lua_pushnumber(L, get_integer(at, how->is_big, islower((unsigned char)option), size));
        return size;
    case 'f': case 'd': lua_pushnumber(L, get_float(at, how->is_big, size)); return size;
    case 'c':
        if (size == 0) {
            if (count == 0 || !lua_isnumber(L, -1)) luaL_error(L, "format 'c0' needs a previous size");
            lua_Number wanted = lua_tonumber(L, -1);
            lua_pop(L, 1);
            luaL_argcheck(L, wanted >= 0 && wanted <= (lua_Number)left, 2, "data string too short");
            size = (size_t)wanted;
        }
        lua_pushlstring(L, at, size);
        return size;
    default: {
        const char *end = memchr(at, '\0', left);
        if (!end) luaL_error(L, "unfinished string in data");
        lua_pushlstring(L, at, (size_t)(end - at));
        return (size_t)(end - at) + 1;
    }
    }
}

static int struct_unpack(lua_State *L) {
    layout how = {native_is_big(), 1};
    const char *format = luaL_checkstring(L, 1);
    size_t length;
    const char *data = luaL_checklstring(L, 2, &length);
    lua_Integer first = luaL_optinteger(L, 3, 1);
    luaL_argcheck(L, first != 0, 3, "offset must be 1 or greater");
    luaL_argcheck(L, first > 0, 2, "data string too short");
    size_t position = (size_t)first - 1;
    lua_settop(L, 2);
    int base = lua_gettop(L);
    while (*format) {
        char option = *format++;
        size_t size = option_size(L, option, &format);
        position += padding(position, &how, option, size);
        luaL_argcheck(L, position <= length && size <= length - position, 2, "data string too short");
        luaL_checkstack(L, 2, "too many results");
        if (option == 'x' || !strchr("bBhHlLTiIfdcs", option)) {
            if (option != 'x') control(L, option, &format, &how);
            position += size;
            continue;
        }
        int count = lua_gettop(L) - base;
        position += unpack_value(L, option, size, data + position, length - position, &how, count);
    }
    lua_pushinteger(L, (lua_Integer)position + 1);
    return lua_gettop(L) - base;
}

static int struct_size(lua_State *L) {
    layout how = {native_is_big(), 1};
    const char *format = luaL_checkstring(L, 1);
    size_t position = 0;
    while (*format) {
        char option = *format++;
        size_t size = option_size(L, option, &format);
        position += padding(position, &how, option, size);
        if (option == 's') luaL_argerror(L, 1, "option 's' has no fixed size");
        if (option == 'c' && size == 0) luaL_argerror(L, 1, "option 'c0' has no fixed size");
        if (!isalnum((unsigned char)option)) control(L, option, &format, &how);
        position += size;
    }
    lua_pushinteger(L, (lua_Integer)position);
    return 1;
}

void ml_push_struct(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"pack", struct_pack}, {"unpack", struct_unpack}, {"size", struct_size}, {NULL, NULL}};
    lua_newtable(L);
    luaL_register(L, NULL, functions);
}
