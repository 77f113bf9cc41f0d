// cjson: JSON to Lua values and back, with the behaviour of lua-cjson 2.1.0 as Redis has it.
#include "interpreter.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

/// What cjson.encode_max_depth and its like set; one per cjson table (cjson.new makes more).
typedef struct settings {
    int sparse_convert, sparse_ratio, sparse_safe;
    int encode_depth, decode_depth;
    /// 0: refused, 1: as they are, 2: as null.
    int encode_invalid;
    int decode_invalid;
    int keep_buffer;
    int precision;
} settings;

static settings *settings_of(lua_State *L) { return lua_touserdata(L, lua_upvalueindex(1)); }

// ---- encoding -----------------------------------------------------------------------------------------------------

static void add_string(lua_State *L, ml_buffer *to, const char *bytes, size_t count) {
    static const char digits[] = "0123456789abcdef";
    if (count > (SIZE_MAX - 2) / 6) luaL_error(L, "string too long");
    if (to->capacity - to->used < 6 * count + 2) ml_grow(L, to, 6 * count + 2);
    char *at = to->bytes + to->used;
    *at++ = '"';
    for (size_t i = 0; i < count; i++) {
        unsigned char byte = (unsigned char)bytes[i];
        char letter = 0;
        switch (byte) {
        case '"': letter = '"'; break;
        case '\\': letter = '\\'; break;
        case '/': letter = '/'; break;
        case '\b': letter = 'b'; break;
        case '\t': letter = 't'; break;
        case '\n': letter = 'n'; break;
        case '\f': letter = 'f'; break;
        case '\r': letter = 'r'; break;
        }
        if (letter) {
            *at++ = '\\';
            *at++ = letter;
        } else if (byte < 32 || byte == 127) {
            memcpy(at, "\\u00", 4);
            at[4] = digits[byte >> 4];
            at[5] = digits[byte & 15];
            at += 6;
        } else {
            *at++ = (char)byte;
        }
    }
    *at++ = '"';
    to->used = (size_t)(at - to->bytes);
}

static void refuse_value(lua_State *L, int index, const char *reason) {
    luaL_error(L, "Cannot serialise %s: %s", luaL_typename(L, index), reason);
}

static void add_number(lua_State *L, const settings *rules, ml_buffer *to, int index) {
    double number = lua_tonumber(L, index);
    if (isnan(number) || isinf(number)) {
        if (rules->encode_invalid == 0) refuse_value(L, index, "must not be NaN or Inf");
        if (rules->encode_invalid == 2) {
            ml_add(L, to, "null", 4);
            return;
        }
        if (isnan(number)) {
            ml_add(L, to, "nan", 3);
            return;
        }
    }
    char digits[40];
    int count = snprintf(digits, sizeof digits, "%.*g", rules->precision, number);
    ml_add(L, to, digits, (size_t)count);
}

/// The length of the table on top if it is an array; -1 if not, or if it is to be an object for being sparse.
static int array_length(lua_State *L, const settings *rules) {
    double max = 0;
    int items = 0;
    lua_pushnil(L);
    while (lua_next(L, -2)) {
        double key = lua_type(L, -2) == LUA_TNUMBER ? lua_tonumber(L, -2) : 0;
        if (!(key >= 1 && floor(key) == key && key <= INT_MAX)) {
            lua_pop(L, 2);
            return -1;
        }
        if (key > max) max = key;
        items++;
        lua_pop(L, 1);
    }
    if (rules->sparse_ratio > 0 && max > (double)items * rules->sparse_ratio && max > rules->sparse_safe) {
        if (!rules->sparse_convert) refuse_value(L, -1, "excessively sparse array");
        return -1;
    }
    return (int)max;
}

static void add_value(lua_State *L, const settings *rules, ml_buffer *to, int depth);

static void add_array(lua_State *L, const settings *rules, ml_buffer *to, int depth, int length) {
    ml_add_byte(L, to, '[');
    for (int i = 1; i <= length; i++) {
        if (i > 1) ml_add_byte(L, to, ',');
        lua_rawgeti(L, -1, i);
        add_value(L, rules, to, depth);
        lua_pop(L, 1);
    }
    ml_add_byte(L, to, ']');
}

static void add_object(lua_State *L, const settings *rules, ml_buffer *to, int depth) {
    ml_add_byte(L, to, '{');
    int more = 0;
    lua_pushnil(L);
    while (lua_next(L, -2)) {
        if (more) ml_add_byte(L, to, ',');
        more = 1;
        if (lua_type(L, -2) == LUA_TNUMBER) {
            ml_add_byte(L, to, '"');
            add_number(L, rules, to, -2);
            ml_add_byte(L, to, '"');
        } else if (lua_type(L, -2) == LUA_TSTRING) {
            size_t count;
            const char *bytes = lua_tolstring(L, -2, &count);
            add_string(L, to, bytes, count);
        } else {
            refuse_value(L, -2, "table key must be a number or string");
        }
        ml_add_byte(L, to, ':');
        add_value(L, rules, to, depth);
        lua_pop(L, 1);
    }
    ml_add_byte(L, to, '}');
}

/// The value on top of the stack, which stays there.
static void add_value(lua_State *L, const settings *rules, ml_buffer *to, int depth) {
    switch (lua_type(L, -1)) {
    case LUA_TSTRING: {
        size_t count;
        const char *bytes = lua_tolstring(L, -1, &count);
        add_string(L, to, bytes, count);
        return;
    }
    case LUA_TNUMBER: add_number(L, rules, to, -1); return;
    case LUA_TBOOLEAN:
        if (lua_toboolean(L, -1)) ml_add(L, to, "true", 4);
        else ml_add(L, to, "false", 5);
        return;
    case LUA_TTABLE: {
        depth++;
        if (depth > rules->encode_depth || !lua_checkstack(L, 6)) {
            luaL_error(L, "Cannot serialise, excessive nesting (%d)", depth);
        }
        int viewed = ml_push_behind(L, -1);
        int length = array_length(L, rules);
        if (length > 0) add_array(L, rules, to, depth, length);
        else add_object(L, rules, to, depth);
        if (viewed) lua_pop(L, 1);
        return;
    }
    case LUA_TNIL: ml_add(L, to, "null", 4); return;
    case LUA_TLIGHTUSERDATA:
        if (lua_touserdata(L, -1) == NULL) {
            ml_add(L, to, "null", 4);
            return;
        }
        break;
    }
    refuse_value(L, -1, "type not supported");
}

static int json_encode(lua_State *L) {
    luaL_argcheck(L, lua_gettop(L) == 1, 1, "expected 1 argument");
    ml_buffer to;
    lua_pushnil(L);
    lua_pushvalue(L, 1);
    ml_begin(L, &to, 2);
    add_value(L, settings_of(L), &to, 0);
    lua_pushlstring(L, to.bytes, to.used);
    return 1;
}

// ---- decoding -----------------------------------------------------------------------------------------------------

typedef enum token {
    T_OBJECT_BEGIN, T_OBJECT_END, T_ARRAY_BEGIN, T_ARRAY_END, T_STRING, T_NUMBER, T_BOOLEAN, T_NULL, T_COLON, T_COMMA,
    T_END, T_WRONG,
} token;

static const char *const token_names[] = {
    "T_OBJ_BEGIN", "T_OBJ_END", "T_ARR_BEGIN", "T_ARR_END", "T_STRING", "T_NUMBER", "T_BOOLEAN", "T_NULL", "T_COLON",
    "T_COMMA", "T_END", "T_ERROR",
};

/// Where decoding is. The text ends with a NUL (Lua's strings do).
typedef struct decoder {
    lua_State *L;
    const settings *rules;
    const char *start, *at;
    int depth;
    /// The latest token, where it begins, and what is wrong with it (T_WRONG).
    token found;
    size_t place;
    const char *wrong;
    double number;
    int boolean;
    /// Room for strings, as long as the whole text.
    char *scratch;
    size_t length;
} decoder;

static void set_wrong(decoder *from, const char *what) {
    from->found = T_WRONG;
    from->place = (size_t)(from->at - from->start);
    from->wrong = what;
}

static int hex_value(char digit) {
    if (digit >= '0' && digit <= '9') return digit - '0';
    digit |= 0x20;
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/// Four hexadecimal digits, -1 if they are none.
static int read_unit(const char *digits) {
    int value = 0;
    for (int i = 0; i < 4; i++) {
        int digit = hex_value(digits[i]);
        if (digit < 0) return -1;
        value = value << 4 | digit;
    }
    return value;
}

/// A \u escape at `at`, with the second one of a surrogate pair. Answers 0 if it is wrong.
static int add_escaped(decoder *from, char **to) {
    int unit = read_unit(from->at + 2);
    if (unit < 0) return 0;
    int used = 6;
    if ((unit & 0xf800) == 0xd800) {
        if (unit & 0x400) return 0;
        if (from->at[6] != '\\' || from->at[7] != 'u') return 0;
        int low = read_unit(from->at + 8);
        if (low < 0 || (low & 0xfc00) != 0xdc00) return 0;
        unit = 0x10000 + ((unit & 0x3ff) << 10 | (low & 0x3ff));
        used = 12;
    }
    char *p = *to;
    if (unit < 0x80) {
        *p++ = (char)unit;
    } else if (unit < 0x800) {
        *p++ = (char)(0xc0 | unit >> 6);
        *p++ = (char)(0x80 | (unit & 0x3f));
    } else if (unit < 0x10000) {
        *p++ = (char)(0xe0 | unit >> 12);
        *p++ = (char)(0x80 | (unit >> 6 & 0x3f));
        *p++ = (char)(0x80 | (unit & 0x3f));
    } else {
        *p++ = (char)(0xf0 | unit >> 18);
        *p++ = (char)(0x80 | (unit >> 12 & 0x3f));
        *p++ = (char)(0x80 | (unit >> 6 & 0x3f));
        *p++ = (char)(0x80 | (unit & 0x3f));
    }
    *to = p;
    from->at += used;
    return 1;
}

static char unescape(char letter) {
    switch (letter) {
    case '"': case '\\': case '/': return letter;
    case 'b': return '\b';
    case 't': return '\t';
    case 'n': return '\n';
    case 'f': return '\f';
    case 'r': return '\r';
    default: return 0;
    }
}

static void read_string(decoder *from) {
    char *to = from->scratch;
    from->at++;
    while (*from->at != '"') {
        char byte = *from->at;
        if (byte == 0) return set_wrong(from, "unexpected end of string");
        if (byte != '\\') {
            *to++ = byte;
            from->at++;
        } else if (from->at[1] == 'u') {
            if (!add_escaped(from, &to)) return set_wrong(from, "invalid unicode escape code");
        } else {
            char letter = unescape(from->at[1]);
            if (!letter) return set_wrong(from, "invalid escape code");
            *to++ = letter;
            from->at += 2;
        }
    }
    from->at++;
    from->found = T_STRING;
    from->length = (size_t)(to - from->scratch);
}

/// What strtod takes but JSON does not: hexadecimal, leading zeros, infinities and NaNs.
static int is_invalid_number(const char *p) {
    if (*p == '+') return 1;
    if (*p == '-') p++;
    if (*p == '0') return (p[1] | 0x20) == 'x' || (p[1] >= '0' && p[1] <= '9');
    if (*p <= '9') return 0;
    return strncasecmp(p, "inf", 3) == 0 || strncasecmp(p, "nan", 3) == 0;
}

static void read_number_token(decoder *from) {
    char *end;
    from->number = strtod(from->at, &end);
    if (end == from->at) return set_wrong(from, "invalid number");
    from->found = T_NUMBER;
    from->at = end;
}

static void read_word(decoder *from) {
    if (strncmp(from->at, "true", 4) == 0 || strncmp(from->at, "false", 5) == 0) {
        from->found = T_BOOLEAN;
        from->boolean = *from->at == 't';
        from->at += from->boolean ? 4 : 5;
    } else if (strncmp(from->at, "null", 4) == 0) {
        from->found = T_NULL;
        from->at += 4;
    } else if (from->rules->decode_invalid && is_invalid_number(from->at)) {
        read_number_token(from);
    } else {
        set_wrong(from, "invalid token");
    }
}

static void next_token(decoder *from) {
    while (*from->at == ' ' || *from->at == '\t' || *from->at == '\n' || *from->at == '\r') from->at++;
    from->place = (size_t)(from->at - from->start);
    char byte = *from->at;
    token single = T_WRONG;
    switch (byte) {
    case '{': single = T_OBJECT_BEGIN; break;
    case '}': single = T_OBJECT_END; break;
    case '[': single = T_ARRAY_BEGIN; break;
    case ']': single = T_ARRAY_END; break;
    case ',': single = T_COMMA; break;
    case ':': single = T_COLON; break;
    case 0:
        from->found = T_END;
        return;
    case '"': read_string(from); return;
    }
    if (single != T_WRONG) {
        from->found = single;
        from->at++;
    } else if (byte == '-' || (byte >= '0' && byte <= '9')) {
        if (!from->rules->decode_invalid && is_invalid_number(from->at)) return set_wrong(from, "invalid number");
        read_number_token(from);
    } else if (byte && strchr("tfn+iIN", byte)) {
        read_word(from);
    } else {
        set_wrong(from, "invalid token");
    }
}

static void refuse_token(decoder *from, const char *expected) {
    const char *found = from->found == T_WRONG ? from->wrong : token_names[from->found];
    luaL_error(from->L, "Expected %s but found %s at character %d", expected, found, (int)from->place + 1);
}

static void descend(decoder *from) {
    from->depth++;
    if (from->depth > from->rules->decode_depth || !lua_checkstack(from->L, 3)) {
        luaL_error(
            from->L, "Found too many nested data structures (%d) at character %d", from->depth,
            (int)(from->at - from->start));
    }
}

static void push_token(decoder *from);

static void push_object(decoder *from) {
    lua_State *L = from->L;
    descend(from);
    lua_newtable(L);
    next_token(from);
    while (from->found != T_OBJECT_END) {
        if (from->found != T_STRING) refuse_token(from, "object key string");
        lua_pushlstring(L, from->scratch, from->length);
        next_token(from);
        if (from->found != T_COLON) refuse_token(from, "colon");
        next_token(from);
        push_token(from);
        lua_rawset(L, -3);
        next_token(from);
        if (from->found == T_OBJECT_END) break;
        if (from->found != T_COMMA) refuse_token(from, "comma or object end");
        next_token(from);
        if (from->found == T_OBJECT_END) refuse_token(from, "object key string");
    }
    from->depth--;
}

static void push_list(decoder *from) {
    lua_State *L = from->L;
    descend(from);
    lua_newtable(L);
    next_token(from);
    for (int i = 1; from->found != T_ARRAY_END; i++) {
        push_token(from);
        lua_rawseti(L, -2, i);
        next_token(from);
        if (from->found == T_ARRAY_END) break;
        if (from->found != T_COMMA) refuse_token(from, "comma or array end");
        next_token(from);
        if (from->found == T_ARRAY_END) refuse_token(from, "value");
    }
    from->depth--;
}

/// Pushes the value that the latest token begins.
static void push_token(decoder *from) {
    lua_State *L = from->L;
    switch (from->found) {
    case T_STRING: lua_pushlstring(L, from->scratch, from->length); break;
    case T_NUMBER: lua_pushnumber(L, from->number); break;
    case T_BOOLEAN: lua_pushboolean(L, from->boolean); break;
    case T_OBJECT_BEGIN: push_object(from); break;
    case T_ARRAY_BEGIN: push_list(from); break;
    case T_NULL: lua_pushlightuserdata(L, NULL); break;
    default: refuse_token(from, "value");
    }
}

static int json_decode(lua_State *L) {
    luaL_argcheck(L, lua_gettop(L) == 1, 1, "expected 1 argument");
    decoder from = {.L = L, .rules = settings_of(L)};
    size_t length;
    from.start = from.at = luaL_checklstring(L, 1, &length);
    if (length >= 2 && (!from.start[0] || !from.start[1])) {
        return luaL_error(L, "JSON parser does not support UTF-16 or UTF-32");
    }
    from.scratch = lua_newuserdata(L, length + 1);
    next_token(&from);
    push_token(&from);
    next_token(&from);
    if (from.found != T_END) refuse_token(&from, "the end");
    return 1;
}

// ---- settings -----------------------------------------------------------------------------------------------------

/// At most `most` arguments, those that are not there nil.
static settings *begin_setting(lua_State *L, int most) {
    luaL_argcheck(L, lua_gettop(L) <= most, most + 1, "found too many arguments");
    lua_settop(L, most);
    return settings_of(L);
}

static int set_integer(lua_State *L, int index, int *setting, int low, int high) {
    if (!lua_isnil(L, index)) {
        lua_Integer value = luaL_checkinteger(L, index);
        const char *range = lua_pushfstring(L, "expected integer between %d and %d", low, high);
        luaL_argcheck(L, low <= value && value <= high, 1, range);
        lua_pop(L, 1);
        *setting = (int)value;
    }
    lua_pushinteger(L, *setting);
    return 1;
}

static const char *const switch_words[] = {"off", "on", NULL};
static const char *const invalid_words[] = {"off", "on", "null", NULL};

static int set_word(lua_State *L, int index, int *setting, const char *const *words) {
    if (lua_isboolean(L, index)) *setting = lua_toboolean(L, index);
    else if (!lua_isnil(L, index)) *setting = luaL_checkoption(L, index, NULL, words);
    if (*setting <= 1) lua_pushboolean(L, *setting);
    else lua_pushstring(L, words[*setting]);
    return 1;
}

static int json_encode_sparse_array(lua_State *L) {
    settings *rules = begin_setting(L, 3);
    set_word(L, 1, &rules->sparse_convert, switch_words);
    set_integer(L, 2, &rules->sparse_ratio, 0, INT_MAX);
    set_integer(L, 3, &rules->sparse_safe, 0, INT_MAX);
    return 3;
}

static int json_encode_max_depth(lua_State *L) {
    settings *rules = begin_setting(L, 1);
    return set_integer(L, 1, &rules->encode_depth, 1, INT_MAX);
}

static int json_decode_max_depth(lua_State *L) {
    settings *rules = begin_setting(L, 1);
    return set_integer(L, 1, &rules->decode_depth, 1, INT_MAX);
}

static int json_encode_number_precision(lua_State *L) {
    settings *rules = begin_setting(L, 1);
    return set_integer(L, 1, &rules->precision, 1, 14);
}

/// There is no buffer to keep.
static int json_encode_keep_buffer(lua_State *L) {
    settings *rules = begin_setting(L, 1);
    return set_word(L, 1, &rules->keep_buffer, switch_words);
}

static int json_encode_invalid_numbers(lua_State *L) {
    settings *rules = begin_setting(L, 1);
    return set_word(L, 1, &rules->encode_invalid, invalid_words);
}

static int json_decode_invalid_numbers(lua_State *L) {
    settings *rules = begin_setting(L, 1);
    return set_word(L, 1, &rules->decode_invalid, switch_words);
}

static int json_new(lua_State *L) {
    ml_push_json(L);
    return 1;
}

void ml_push_json(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"encode", json_encode},
        {"decode", json_decode},
        {"encode_sparse_array", json_encode_sparse_array},
        {"encode_max_depth", json_encode_max_depth},
        {"decode_max_depth", json_decode_max_depth},
        {"encode_number_precision", json_encode_number_precision},
        {"encode_keep_buffer", json_encode_keep_buffer},
        {"encode_invalid_numbers", json_encode_invalid_numbers},
        {"decode_invalid_numbers", json_decode_invalid_numbers},
        {"new", json_new},
        {NULL, NULL},
    };
    lua_newtable(L);
    settings *rules = lua_newuserdata(L, sizeof *rules);
    *rules = (settings){0, 2, 10, 1000, 1000, 0, 1, 1, 14};
    for (const luaL_Reg *function = functions; function->name; function++) {
        lua_pushvalue(L, -1);
        lua_pushcclosure(L, function->func, 1);
        lua_setfield(L, -3, function->name);
    }
    lua_pop(L, 1);
    lua_pushlightuserdata(L, NULL);
    lua_setfield(L, -2, "null");
    lua_pushliteral(L, "cjson");
    lua_setfield(L, -2, "_NAME");
    lua_pushliteral(L, "2.1.0");
    lua_setfield(L, -2, "_VERSION");
}
