// The table `redis` of scripts, of functions, and of libraries that are being loaded.
#include "interpreter.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

// ---- errors -------------------------------------------------------------------------------------------------------

/// "-CODE text" is taken apart at the first space; anything else is an ERR. The text keeps no line end.
void ml_push_error(lua_State *L, const char *text, size_t length) {
    while (length > 0 && (text[length - 1] == '\r' || text[length - 1] == '\n')) length--;
    lua_createtable(L, 0, 2);
    if (length > 0 && text[0] == '-' && memchr(text, ' ', length)) {
        lua_pushlstring(L, text + 1, length - 1);
    } else {
        size_t skip = length > 0 && text[0] == '-';
        lua_pushliteral(L, "ERR ");
        lua_pushlstring(L, text + skip, length - skip);
        lua_concat(L, 2);
    }
    lua_setfield(L, -2, "err");
}

static void push_error_text(lua_State *L, const char *text) { ml_push_error(L, text, strlen(text)); }

static int raise_error(lua_State *L, const char *text) {
    push_error_text(L, text);
    return lua_error(L);
}

/// Marks the error object on top as counted already in the statistics.
static void mark_counted(lua_State *L) {
    lua_pushboolean(L, 1);
    lua_setfield(L, -2, "ignore_error_stats_update");
}

// ---- redis.call ---------------------------------------------------------------------------------------------------

/// Room for a number's text: 17 digits, sign, point, exponent.
enum { NUMBER_LENGTH = 32 };

static int reserve_words(ml_interpreter *interpreter, int count) {
    if (count <= interpreter->word_capacity) return 1;
    int capacity = count < 64 ? 64 : count;
    // Behind the words lies the room for those that are numbers.
    void *grown = realloc(interpreter->words, (size_t)capacity * (sizeof(ml_view) + NUMBER_LENGTH));
    if (!grown) return 0;
    interpreter->words = grown;
    interpreter->word_capacity = capacity;
    return 1;
}

static int format_number(double value, char *text) {
    if (value > -1e15 && value < 1e15 && value == (double)(int64_t)value && !(value == 0 && signbit(value))) {
        int64_t left = (int64_t)value;
        uint64_t digits = left < 0 ? (uint64_t)-left : (uint64_t)left;
        char reversed[20];
        int count = 0, at = 0;
        do reversed[count++] = (char)('0' + digits % 10);
        while (digits /= 10);
        if (left < 0) text[at++] = '-';
        while (count > 0) text[at++] = reversed[--count];
        return at;
    }
    return snprintf(text, NUMBER_LENGTH, "%.17g", value);
}

/// The arguments on the stack as words. Answers their number, or 0 with an error object pushed.
static int collect_words(lua_State *L, ml_interpreter *interpreter) {
    int count = lua_gettop(L);
    if (count == 0) {
        push_error_text(L, "Please specify at least one argument for this redis lib call");
        return 0;
    }
    if (!reserve_words(interpreter, count)) {
        push_error_text(L, "not enough memory");
        return 0;
    }
    ml_view *words = interpreter->words;
    char *numbers = (char *)(words + interpreter->word_capacity);
    for (int i = 0; i < count; i++) {
        int type = lua_type(L, i + 1);
        if (type == LUA_TSTRING) {
            size_t length;
            words[i].start = (const uint8_t *)lua_tolstring(L, i + 1, &length);
            words[i].count = (intptr_t)length;
        } else if (type == LUA_TNUMBER) {
            char *text = numbers + (size_t)i * NUMBER_LENGTH;
            words[i].start = (const uint8_t *)text;
            words[i].count = format_number(lua_tonumber(L, i + 1), text);
        } else {
            push_error_text(L, "Lua redis lib command arguments must be strings or integers");
            return 0;
        }
    }
    return count;
}

/// Runs a command and pushes its result, or an error object. Answers 0 for an error.
static int run_command(lua_State *L, ml_interpreter *interpreter) {
    int count = collect_words(L, interpreter);
    if (count == 0) return 0;
    ml_view reply;
    int status =
        interpreter->host->call(interpreter->context, interpreter->words, count, interpreter->version, &reply);
    // Lua's stack may be full of arguments, of which nothing is needed any more.
    lua_settop(L, 0);
    const char *text = (const char *)reply.start;
    if (status == 0 && reply.count > 0 && text[0] != '-') {
        ml_push_reply(L, reply.start, reply.start + reply.count);
        return 1;
    }
    size_t length = (size_t)reply.count;
    if (status == 0) {
        const char *end = memchr(text, '\r', length);
        if (end) length = (size_t)(end - text);
    }
    ml_push_error(L, text, length);
    mark_counted(L);
    return 0;
}

static int redis_call(lua_State *L) {
    if (!run_command(L, ml_of(L))) return lua_error(L);
    return 1;
}

static int redis_pcall(lua_State *L) {
    run_command(L, ml_of(L));
    return 1;
}

static int redis_acl_check_cmd(lua_State *L) {
    ml_interpreter *interpreter = ml_of(L);
    int count = collect_words(L, interpreter);
    if (count == 0) return lua_error(L);
    int verdict = interpreter->host->permits(interpreter->context, interpreter->words, count);
    if (verdict < 0) return raise_error(L, "Invalid command passed to redis.acl_check_cmd()");
    lua_pushboolean(L, verdict);
    return 1;
}

// ---- replies made by hand -----------------------------------------------------------------------------------------

static int redis_error_reply(lua_State *L) {
    if (lua_gettop(L) != 1 || lua_type(L, 1) != LUA_TSTRING) {
        push_error_text(L, "wrong number or type of arguments");
        return 1;
    }
    size_t length;
    const char *text = lua_tolstring(L, 1, &length);
    if (length == 0 || text[0] != '-') {
        lua_pushliteral(L, "-");
        lua_insert(L, 1);
        lua_concat(L, 2);
        text = lua_tolstring(L, 1, &length);
    }
    ml_push_error(L, text, length);
    return 1;
}

static int redis_status_reply(lua_State *L) {
    if (lua_gettop(L) != 1 || lua_type(L, 1) != LUA_TSTRING) {
        push_error_text(L, "wrong number or type of arguments");
        return 1;
    }
    lua_createtable(L, 0, 1);
    lua_pushvalue(L, 1);
    lua_setfield(L, -2, "ok");
    return 1;
}

// ---- the rest -----------------------------------------------------------------------------------------------------

static int redis_log(lua_State *L) {
    int count = lua_gettop(L);
    if (count < 2) return raise_error(L, "redis.log() requires two arguments or more.");
    if (!lua_isnumber(L, 1)) return raise_error(L, "First argument must be a number (log level).");
    lua_Number level = lua_tonumber(L, 1);
    if (!(level >= 0 && level <= 3)) return raise_error(L, "Invalid debug level.");
    luaL_Buffer line;
    luaL_buffinit(L, &line);
    for (int i = 2; i <= count; i++) {
        size_t length;
        const char *text = lua_tolstring(L, i, &length);
        if (!text) continue;
        if (i > 2) luaL_addchar(&line, ' ');
        luaL_addlstring(&line, text, length);
    }
    luaL_pushresult(&line);
    size_t length;
    const char *text = lua_tolstring(L, -1, &length);
    ml_interpreter *interpreter = ml_of(L);
    interpreter->host->log(
        interpreter->context, (int)level, (ml_view){(const uint8_t *)text, (intptr_t)length});
    return 0;
}

static int redis_setresp(lua_State *L) {
    if (lua_gettop(L) != 1) return raise_error(L, "redis.setresp() requires one argument.");
    lua_Number version = lua_tonumber(L, 1);
    if (version != 2 && version != 3) return raise_error(L, "RESP version must be 2 or 3.");
    ml_of(L)->version = (int)version;
    return 0;
}

static int redis_sha1hex(lua_State *L) {
    if (lua_gettop(L) != 1) return raise_error(L, "wrong number of arguments");
    size_t length = 0;
    const char *text = lua_tolstring(L, 1, &length);
    ml_interpreter *interpreter = ml_of(L);
    char digits[40];
    interpreter->host->sha1hex((ml_view){(const uint8_t *)(text ? text : ""), (intptr_t)length}, digits);
    lua_pushlstring(L, digits, sizeof digits);
    return 1;
}

/// Effects are what replicas and logs will get, whatever a script says.
static int redis_set_repl(lua_State *L) {
    if (lua_gettop(L) != 1) return raise_error(L, "redis.set_repl() requires two arguments.");
    lua_Number flags = lua_tonumber(L, 1);
    if (!(flags >= 0 && flags <= 3)) {
        return raise_error(L, "Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.");
    }
    return 0;
}

static int redis_replicate_commands(lua_State *L) {
    lua_pushboolean(L, 1);
    return 1;
}

/// There is no debugger.
static int redis_breakpoint(lua_State *L) {
    lua_pushboolean(L, 0);
    return 1;
}

static int redis_debug(lua_State *L) {
    (void)L;
    return 0;
}

// ---- redis.register_function --------------------------------------------------------------------------------------

typedef struct registration {
    const char *name, *description;
    size_t name_length, description_length;
    int callback, flags;
} registration;

static int flag_of(lua_State *L, const char *text) {
    static const char *const words[] = {"no-writes", "allow-oom", "allow-stale", "no-cluster", "allow-cross-slot-keys"};
    for (int i = 0; i < 5; i++) {
        if (strcmp(text, words[i]) == 0) return 1 << i;
    }
    return raise_error(L, "unknown flag given");
}

/// The flags in the table on top of the stack.
static int read_flags(lua_State *L) {
    int flags = 0;
    for (int i = 1;; i++) {
        lua_rawgeti(L, -1, i);
        int type = lua_type(L, -1);
        if (type == LUA_TNIL) break;
        if (type != LUA_TSTRING) raise_error(L, "unknown flag given");
        flags |= flag_of(L, lua_tostring(L, -1));
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    return flags;
}

/// One field of register_function's table, its value on top of the stack. A callback's position is noted.
static void read_field(lua_State *L, const char *key, registration *found) {
    if (strcmp(key, "function_name") == 0) {
        found->name = lua_tolstring(L, -1, &found->name_length);
        if (!found->name) raise_error(L, "function_name argument given to redis.register_function must be a string");
    } else if (strcmp(key, "description") == 0) {
        found->description = lua_tolstring(L, -1, &found->description_length);
        if (!found->description) {
            raise_error(L, "description argument given to redis.register_function must be a string");
        }
    } else if (strcmp(key, "callback") == 0) {
        if (!lua_isfunction(L, -1)) {
            raise_error(L, "callback argument given to redis.register_function must be a function");
        }
        found->callback = 1;
    } else if (strcmp(key, "flags") == 0) {
        if (!lua_istable(L, -1)) {
            raise_error(L, "flags argument to redis.register_function must be a table representing function flags");
        }
        found->flags = read_flags(L);
    } else {
        raise_error(L, "unknown argument given to redis.register_function");
    }
}

/// The form with named arguments. Leaves the callback on top of the stack.
static void read_named(lua_State *L, registration *found) {
    if (!lua_istable(L, 1)) {
        raise_error(
            L, "calling redis.register_function with a single argument is only applicable to Lua table (representing "
               "named arguments).");
    }
    lua_pushnil(L);
    while (lua_next(L, 1)) {
        int type = lua_type(L, -2);
        if (type != LUA_TSTRING && type != LUA_TNUMBER) {
            raise_error(L, "named argument key given to redis.register_function is not a string");
        }
        read_field(L, type == LUA_TSTRING ? lua_tostring(L, -2) : "", found);
        lua_pop(L, 1);
    }
    if (!found->name) raise_error(L, "redis.register_function must get a function name argument");
    if (!found->callback) raise_error(L, "redis.register_function must get a callback argument");
    ML_RAW_FIELD(L, 1, "callback");
}

static void read_positional(lua_State *L, registration *found) {
    found->name = lua_tolstring(L, 1, &found->name_length);
    if (!found->name) raise_error(L, "first argument to redis.register_function must be a string");
    if (!lua_isfunction(L, 2)) raise_error(L, "second argument to redis.register_function must be a function");
}

static int redis_register_function(lua_State *L) {
    ml_interpreter *interpreter = ml_of(L);
    if (!interpreter->loading) {
        return raise_error(L, "redis.register_function can only be called on FUNCTION LOAD command");
    }
    registration found = {0};
    int count = lua_gettop(L);
    if (count < 1 || count > 2) return raise_error(L, "wrong number of arguments to redis.register_function");
    if (count == 1) read_named(L, &found);
    else read_positional(L, &found);
    int function = luaL_ref(L, LUA_REGISTRYINDEX);
    const char *wrong = interpreter->host->registered(
        interpreter->context, (ml_view){(const uint8_t *)found.name, (intptr_t)found.name_length},
        (ml_view){(const uint8_t *)(found.description ? found.description : ""), (intptr_t)found.description_length},
        found.description != NULL, found.flags, function);
    if (wrong) {
        luaL_unref(L, LUA_REGISTRYINDEX, function);
        return raise_error(L, wrong);
    }
    return 0;
}

// ---- the table ----------------------------------------------------------------------------------------------------

static void set_number(lua_State *L, const char *name, int value) {
    lua_pushinteger(L, value);
    lua_setfield(L, -2, name);
}

static void set_common(lua_State *L) {
    ml_set_function(L, "log", redis_log);
    set_number(L, "LOG_DEBUG", 0);
    set_number(L, "LOG_VERBOSE", 1);
    set_number(L, "LOG_NOTICE", 2);
    set_number(L, "LOG_WARNING", 3);
    lua_pushliteral(L, "7.0.15");
    lua_setfield(L, -2, "REDIS_VERSION");
    set_number(L, "REDIS_VERSION_NUM", 7 << 16 | 15);
}

void ml_push_api(lua_State *L, int loading) {
    lua_newtable(L);
    set_common(L);
    if (loading) {
        ml_set_function(L, "register_function", redis_register_function);
        ml_forbid_missing(L);
        ml_protect(L);
        return;
    }
    ml_set_function(L, "call", redis_call);
    ml_set_function(L, "pcall", redis_pcall);
    ml_set_function(L, "acl_check_cmd", redis_acl_check_cmd);
    ml_set_function(L, "error_reply", redis_error_reply);
    ml_set_function(L, "status_reply", redis_status_reply);
    ml_set_function(L, "setresp", redis_setresp);
    ml_set_function(L, "sha1hex", redis_sha1hex);
    ml_set_function(L, "set_repl", redis_set_repl);
    set_number(L, "REPL_NONE", 0);
    set_number(L, "REPL_AOF", 1);
    set_number(L, "REPL_SLAVE", 2);
    set_number(L, "REPL_REPLICA", 2);
    set_number(L, "REPL_ALL", 3);
    if (ml_of(L)->kind == ML_FUNCTIONS) return;
    ml_set_function(L, "replicate_commands", redis_replicate_commands);
    ml_set_function(L, "breakpoint", redis_breakpoint);
    ml_set_function(L, "debug", redis_debug);
}
