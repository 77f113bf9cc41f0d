// Replies: RESP to Lua values, as redis.call gives them to scripts, and Lua values to RESP, as clients get them.
#include "interpreter.h"

#include <stdio.h>
#include <stdlib.h>

// ---- RESP to Lua --------------------------------------------------------------------------------------------------

/// The number at `at`, up to the line's end; `at` moves to the next line.
static int64_t read_number(const uint8_t **at, const uint8_t *end) {
    const uint8_t *p = *at;
    int negative = p < end && *p == '-';
    if (negative) p++;
    uint64_t value = 0;
    while (p < end && *p != '\r') value = value * 10 + (uint64_t)(*p++ - '0');
    *at = p + 2;
    return negative ? -(int64_t)value : (int64_t)value;
}

/// The line at `at`; `at` moves behind it.
static ml_view read_line(const uint8_t **at, const uint8_t *end) {
    const uint8_t *start = *at, *stop = memchr(start, '\r', (size_t)(end - start));
    if (!stop) stop = end;
    *at = stop + 2;
    return (ml_view){start, stop - start};
}

static void push_view(lua_State *L, ml_view view) {
    lua_pushlstring(L, (const char *)view.start, (size_t)view.count);
}

/// A table with one string field: {ok = ...}.
static void push_field(lua_State *L, const char *name, ml_view value) {
    lua_createtable(L, 0, 1);
    push_view(L, value);
    lua_setfield(L, -2, name);
}

static void push_value(lua_State *L, const uint8_t **at, const uint8_t *end);

static void push_array(lua_State *L, const uint8_t **at, const uint8_t *end) {
    int64_t count = read_number(at, end);
    if (count < 0) {
        lua_pushboolean(L, 0);
        return;
    }
    lua_createtable(L, (int)count, 0);
    for (int64_t i = 1; i <= count; i++) {
        push_value(L, at, end);
        lua_rawseti(L, -2, (int)i);
    }
}

/// {map = {...}}, or with `is_set` {set = {member = true}}.
static void push_keyed(lua_State *L, const uint8_t **at, const uint8_t *end, int is_set) {
    int64_t count = read_number(at, end);
    lua_createtable(L, 0, 1);
    lua_createtable(L, 0, (int)count);
    for (int64_t i = 0; i < count; i++) {
        push_value(L, at, end);
        if (is_set) lua_pushboolean(L, 1);
        else push_value(L, at, end);
        // A null cannot be a key.
        if (lua_isnil(L, -2)) lua_pop(L, 2);
        else lua_rawset(L, -3);
    }
    lua_setfield(L, -2, is_set ? "set" : "map");
}

static void push_verbatim(lua_State *L, ml_view text) {
    lua_createtable(L, 0, 1);
    lua_createtable(L, 0, 2);
    push_view(L, (ml_view){text.start + 4, text.count - 4});
    lua_setfield(L, -2, "string");
    push_view(L, (ml_view){text.start, 3});
    lua_setfield(L, -2, "format");
    lua_setfield(L, -2, "verbatim_string");
}

/// A string with its length in front.
static void push_counted(lua_State *L, const uint8_t **at, const uint8_t *end, int is_verbatim) {
    int64_t count = read_number(at, end);
    if (count < 0 || end - *at < count) {
        lua_pushboolean(L, 0);
        return;
    }
    ml_view text = {*at, (intptr_t)count};
    *at += count + 2;
    if (is_verbatim && count >= 4) push_verbatim(L, text);
    else push_view(L, text);
}

static void push_double(lua_State *L, ml_view digits) {
    char text[64];
    size_t count = digits.count < 63 ? (size_t)digits.count : 63;
    memcpy(text, digits.start, count);
    text[count] = 0;
    lua_createtable(L, 0, 1);
    lua_pushnumber(L, strtod(text, NULL));
    lua_setfield(L, -2, "double");
}

static void skip_attributes(lua_State *L, const uint8_t **at, const uint8_t *end) {
    for (int64_t left = 2 * read_number(at, end); left > 0; left--) {
        push_value(L, at, end);
        lua_pop(L, 1);
    }
    push_value(L, at, end);
}

static void push_value(lua_State *L, const uint8_t **at, const uint8_t *end) {
    luaL_checkstack(L, 6, "reply nests too deep");
    if (*at >= end) {
        lua_pushnil(L);
        return;
    }
    switch (*(*at)++) {
    case '$': push_counted(L, at, end, 0); break;
    case '=': push_counted(L, at, end, 1); break;
    case ':': lua_pushnumber(L, (lua_Number)read_number(at, end)); break;
    case '+': push_field(L, "ok", read_line(at, end)); break;
    case '-': push_field(L, "err", read_line(at, end)); break;
    case '*': push_array(L, at, end); break;
    case '%': push_keyed(L, at, end, 0); break;
    case '~': push_keyed(L, at, end, 1); break;
    case '>': push_array(L, at, end); break;
    case '|': skip_attributes(L, at, end); break;
    case ',': push_double(L, read_line(at, end)); break;
    case '(': push_field(L, "big_number", read_line(at, end)); break;
    case '#': lua_pushboolean(L, *read_line(at, end).start == 't'); break;
    case '_':
        read_line(at, end);
        lua_pushnil(L);
        break;
    default: luaL_error(L, "a reply of an unknown kind");
    }
}

void ml_push_reply(lua_State *L, const uint8_t *start, const uint8_t *end) { push_value(L, &start, end); }

// ---- Lua to RESP --------------------------------------------------------------------------------------------------

/// Where a reply is written to: gathers small pieces.
typedef struct writer {
    ml_interpreter *interpreter;
    int version;
    size_t used;
    uint8_t bytes[512];
} writer;

static void flush(writer *to) {
    if (to->used) to->interpreter->host->write(to->interpreter->context, to->bytes, (intptr_t)to->used);
    to->used = 0;
}

static void put(writer *to, const void *bytes, size_t count) {
    if (count > sizeof to->bytes - to->used) {
        flush(to);
        if (count > sizeof to->bytes / 2) {
            to->interpreter->host->write(to->interpreter->context, bytes, (intptr_t)count);
            return;
        }
    }
    memcpy(to->bytes + to->used, bytes, count);
    to->used += count;
}

static void put_text(writer *to, const char *text) { put(to, text, strlen(text)); }

/// A type byte, a number, a line end.
static void put_number(writer *to, char kind, int64_t value) {
    char text[24];
    int at = sizeof text;
    text[--at] = '\n';
    text[--at] = '\r';
    uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do text[--at] = (char)('0' + left % 10);
    while (left /= 10);
    if (value < 0) text[--at] = '-';
    text[--at] = kind;
    put(to, text + at, sizeof text - (size_t)at);
}

static void put_bulk(writer *to, const char *bytes, size_t count) {
    put_number(to, '$', (int64_t)count);
    put(to, bytes, count);
    put(to, "\r\n", 2);
}

/// A line whose text came from a script: it may not end early.
static void put_line(writer *to, const char *kind, const char *text, size_t count) {
    put_text(to, kind);
    for (size_t i = 0; i < count; i++) {
        char byte = text[i] == '\r' || text[i] == '\n' ? ' ' : text[i];
        put(to, &byte, 1);
    }
    put(to, "\r\n", 2);
}

static void put_null(writer *to) { put_text(to, to->version == 3 ? "_\r\n" : "$-1\r\n"); }

static void put_double(writer *to, double value) {
    char text[40];
    int count = value != value ? snprintf(text, sizeof text, "nan") : snprintf(text, sizeof text, "%.17g", value);
    if (to->version == 3) put_line(to, ",", text, (size_t)count);
    else put_bulk(to, text, (size_t)count);
}

static void put_error(writer *to, const char *text, size_t count, int counted) {
    flush(to);
    to->interpreter->host->will_write_error(to->interpreter->context, counted);
    put_line(to, "-", text, count);
    flush(to);
}

static int64_t integer_of(lua_Number number) {
    // What does not fit is what the processor's own conversion makes of it.
    return number >= -9223372036854775808.0 && number < 9223372036854775808.0 ? (int64_t)number : INT64_MIN;
}

static void put_value(lua_State *L, writer *to);

/// The table on top as an error object, if it is one. Whatever it was stays on the stack.
static int put_error_object(lua_State *L, writer *to) {
    ML_RAW_FIELD(L, -1, "err");
    if (lua_type(L, -1) != LUA_TSTRING) {
        lua_pop(L, 1);
        return 0;
    }
    ML_RAW_FIELD(L, -2, "ignore_error_stats_update");
    int counted = lua_toboolean(L, -1);
    lua_pop(L, 1);
    size_t count;
    const char *text = lua_tolstring(L, -1, &count);
    put_error(to, text, count, counted);
    lua_pop(L, 1);
    return 1;
}

/// The table on top of the stack: its keys and values, or with `is_set` its keys.
static void put_keyed(lua_State *L, writer *to, int is_set) {
    int64_t count = 0;
    lua_pushnil(L);
    while (lua_next(L, -2)) {
        count++;
        lua_pop(L, 1);
    }
    if (is_set) put_number(to, to->version == 3 ? '~' : '*', count);
    else put_number(to, to->version == 3 ? '%' : '*', to->version == 3 ? count : 2 * count);
    lua_pushnil(L);
    while (lua_next(L, -2)) {
        lua_pushvalue(L, -2);
        put_value(L, to);
        if (is_set) lua_pop(L, 1);
        else put_value(L, to);
    }
}

/// Fields that make a table a reply of a special type. The table is on top of the stack; answers 0 if it is plain.
static int put_special(lua_State *L, writer *to) {
    size_t count;
    const char *text;
    ML_RAW_FIELD(L, -1, "ok");
    if (lua_type(L, -1) == LUA_TSTRING) {
        text = lua_tolstring(L, -1, &count);
        put_line(to, "+", text, count);
        return 1;
    }
    lua_pop(L, 1);
    ML_RAW_FIELD(L, -1, "double");
    if (lua_type(L, -1) == LUA_TNUMBER) {
        put_double(to, lua_tonumber(L, -1));
        return 1;
    }
    lua_pop(L, 1);
    ML_RAW_FIELD(L, -1, "map");
    if (lua_istable(L, -1)) {
        put_keyed(L, to, 0);
        return 1;
    }
    lua_pop(L, 1);
    ML_RAW_FIELD(L, -1, "set");
    if (lua_istable(L, -1)) {
        put_keyed(L, to, 1);
        return 1;
    }
    lua_pop(L, 1);
    ML_RAW_FIELD(L, -1, "big_number");
    if (lua_type(L, -1) == LUA_TSTRING) {
        text = lua_tolstring(L, -1, &count);
        if (to->version == 3) {
            put_line(to, "(", text, count);
        } else {
            put_number(to, '$', (int64_t)count);
            put_line(to, "", text, count);
        }
        return 1;
    }
    lua_pop(L, 1);
    return 0;
}

/// {verbatim_string = {format = , string = }} on top of the stack.
static int put_verbatim(lua_State *L, writer *to) {
    ML_RAW_FIELD(L, -1, "verbatim_string");
    if (!lua_istable(L, -1)) {
        lua_pop(L, 1);
        return 0;
    }
    ML_RAW_FIELD(L, -1, "format");
    ML_RAW_FIELD(L, -2, "string");
    int whole = lua_type(L, -2) == LUA_TSTRING && lua_type(L, -1) == LUA_TSTRING;
    if (whole) {
        size_t format_count, count;
        const char *format = lua_tolstring(L, -2, &format_count), *text = lua_tolstring(L, -1, &count);
        if (to->version == 3) {
            // Three letters, whatever the script says.
            char letters[3] = {' ', ' ', ' '};
            memcpy(letters, format, format_count < 3 ? format_count : 3);
            put_number(to, '=', (int64_t)count + 4);
            put(to, letters, 3);
            put(to, ":", 1);
            put(to, text, count);
            put(to, "\r\n", 2);
        } else {
            put_bulk(to, text, count);
        }
    }
    lua_pop(L, 3);
    return whole;
}

static void put_array(lua_State *L, writer *to) {
    int count = 0;
    for (;; count++) {
        lua_rawgeti(L, -1, count + 1);
        int ends = lua_isnil(L, -1);
        lua_pop(L, 1);
        if (ends) break;
    }
    put_number(to, '*', count);
    for (int i = 1; i <= count; i++) {
        lua_rawgeti(L, -1, i);
        put_value(L, to);
    }
}

static void put_table(lua_State *L, writer *to) {
    int table = lua_gettop(L);
    if (!put_error_object(L, to) && !put_special(L, to)) {
        lua_settop(L, table);
        if (!put_verbatim(L, to)) put_array(L, to);
    }
    lua_settop(L, table - 1);
}

static void put_boolean(writer *to, int value) {
    if (to->interpreter->version < 3) {
        if (value) put_text(to, ":1\r\n");
        else put_null(to);
    } else if (to->version == 3) {
        put_text(to, value ? "#t\r\n" : "#f\r\n");
    } else {
        put_text(to, value ? ":1\r\n" : ":0\r\n");
    }
}

/// Writes the value on top of the stack and pops it.
static void put_value(lua_State *L, writer *to) {
    if (!lua_checkstack(L, 6)) {
        static const char text[] = "ERR reached lua stack limit";
        put_error(to, text, sizeof text - 1, 0);
        lua_pop(L, 1);
        return;
    }
    switch (lua_type(L, -1)) {
    case LUA_TSTRING: {
        size_t count;
        const char *text = lua_tolstring(L, -1, &count);
        put_bulk(to, text, count);
        break;
    }
    case LUA_TBOOLEAN: put_boolean(to, lua_toboolean(L, -1)); break;
    case LUA_TNUMBER: put_number(to, ':', integer_of(lua_tonumber(L, -1))); break;
    case LUA_TTABLE: put_table(L, to); return;
    default: put_null(to);
    }
    lua_pop(L, 1);
}

void ml_write_value(lua_State *L, ml_interpreter *interpreter, int version) {
    writer to = {.interpreter = interpreter, .version = version};
    put_value(L, &to);
    flush(&to);
}

void ml_write_failure(lua_State *L, ml_interpreter *interpreter, ml_view name) {
    writer to = {.interpreter = interpreter, .version = 2};
    int table = lua_gettop(L);
    if (!lua_istable(L, table)) {
        const char *text = lua_isstring(L, table) ? lua_tostring(L, table) : "execution failure";
        lua_pushliteral(L, "ERR Error running script ");
        push_view(L, name);
        lua_pushfstring(L, ", %s", text);
        lua_concat(L, 3);
    } else {
        ML_RAW_FIELD(L, table, "err");
        if (!lua_isstring(L, -1)) lua_pushliteral(L, "ERR unknown error");
        ML_RAW_FIELD(L, table, "source");
        ML_RAW_FIELD(L, table, "line");
        if (lua_isstring(L, -1) && lua_isstring(L, -2)) {
            const char *line = lua_tostring(L, -1), *source = lua_tostring(L, -2);
            lua_pushvalue(L, -3);
            lua_pushliteral(L, " script: ");
            push_view(L, name);
            lua_pushfstring(L, ", on %s:%s.", source, line);
            lua_concat(L, 4);
        } else {
            lua_pop(L, 2);
        }
    }
    int counted = 0;
    if (lua_istable(L, table)) {
        ML_RAW_FIELD(L, table, "ignore_error_stats_update");
        counted = lua_toboolean(L, -1);
        lua_pop(L, 1);
    }
    size_t count;
    const char *text = lua_tolstring(L, -1, &count);
    put_error(&to, text, count, counted);
    lua_settop(L, table - 1);
}
