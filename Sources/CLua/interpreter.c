// Interpreters: made, fed, run and ended. Everything that can raise a Lua error happens inside a protected call.
#include "interpreter.h"

#include <stdlib.h>

// jemalloc; Lua tells sizes on release, which spares it a look-up.
void *mallocx(size_t, int);
void *rallocx(void *, size_t, int);
void sdallocx(void *, size_t, int);

// Positions in the registry and (but for VIEW, the globals as scripts see them) on the main stack, there for good.
enum { RUNNER = 1, LOADER, COMPILER, VIEW };
// Upvalues of the runner.
enum { HANDLER = 1, GLOBALS, KEYS_NAME, ARGV_NAME };

ml_interpreter *ml_of(lua_State *L) {
    void *interpreter;
    lua_getallocf(L, &interpreter);
    return interpreter;
}

static void *allocate(void *raw, void *old, size_t old_size, size_t size) {
    ml_interpreter *interpreter = raw;
    if (size == 0) {
        if (old) sdallocx(old, old_size, 0);
        interpreter->used -= old ? old_size : 0;
        return NULL;
    }
    if (!old) old_size = 0;
    // What shrinks must not fail: Lua relies on it.
    if (size > old_size && interpreter->limit && interpreter->used + (size - old_size) > interpreter->limit) return NULL;
    void *new = old ? rallocx(old, size, 0) : mallocx(size, 0);
    if (new) interpreter->used += size - old_size;
    return new;
}

static int panic(lua_State *L) {
    (void)L;
    abort();
}

// ---- while a script runs --------------------------------------------------------------------------------------

static void hook(lua_State *L, lua_Debug *activation) {
    (void)activation;
    ml_interpreter *interpreter = ml_of(L);
    int verdict = interpreter->killed ? interpreter->killed : interpreter->host->tick(interpreter->context);
    if (verdict == 0) return;
    // From now on every step ends here, so that a script that catches errors ends too.
    interpreter->killed = verdict;
    lua_sethook(L, hook, LUA_MASKLINE | LUA_MASKCOUNT, 1);
    if (L != interpreter->lua) lua_sethook(interpreter->lua, hook, LUA_MASKLINE | LUA_MASKCOUNT, 1);
    const char *text = verdict == 2 ? "FUNCTION LOAD timeout"
                       : interpreter->kind == ML_FUNCTIONS ? "Script killed by user with FUNCTION KILL."
                                                           : "Script killed by user with SCRIPT KILL.";
    ml_push_error(L, text, strlen(text));
    lua_error(L);
}

/// The handler of uncaught errors: makes an error object of whatever was raised and notes where.
static int note_place(lua_State *L) {
    lua_Debug place;
    int known = lua_getstack(L, 1, &place) && lua_getinfo(L, "Sl", &place);
    if (known && place.what[0] == 'C') known = lua_getstack(L, 2, &place) && lua_getinfo(L, "Sl", &place);
    lua_settop(L, 1);
    if (!lua_istable(L, 1)) {
        size_t length;
        const char *text = lua_tolstring(L, 1, &length);
        lua_createtable(L, 0, 3);
        lua_pushliteral(L, "ERR ");
        if (text) lua_pushlstring(L, text, length);
        else lua_pushstring(L, lua_isnil(L, 1) ? "nil" : luaL_typename(L, 1));
        lua_concat(L, 2);
        lua_setfield(L, 2, "err");
        lua_replace(L, 1);
    } else if (ml_push_behind(L, 1)) {
        // A library's table: nothing may be written there.
        lua_settop(L, 0);
        lua_newtable(L);
    }
    if (known) {
        lua_pushliteral(L, "source");
        lua_pushstring(L, place.source);
        lua_rawset(L, 1);
        lua_pushliteral(L, "line");
        lua_pushinteger(L, place.currentline);
        lua_rawset(L, 1);
    }
    return 1;
}

// ---- making ---------------------------------------------------------------------------------------------------

static void push_words(lua_State *L, const ml_view *words, intptr_t count) {
    lua_createtable(L, (int)count, 0);
    for (intptr_t i = 0; i < count; i++) {
        lua_pushlstring(L, (const char *)words[i].start, (size_t)words[i].count);
        lua_rawseti(L, -2, (int)(i + 1));
    }
}

/// Runs a job: its only argument. Upvalues as above.
static int run_job(lua_State *L) {
    const ml_job *job = lua_touserdata(L, 1);
    ml_interpreter *interpreter = ml_of(L);
    lua_pushvalue(L, lua_upvalueindex(HANDLER));
    lua_rawgeti(L, LUA_REGISTRYINDEX, job->function);
    int arguments = 0;
    if (interpreter->kind == ML_FUNCTIONS) {
        push_words(L, job->keys, job->key_count);
        push_words(L, job->arguments, job->argument_count);
        arguments = 2;
    } else {
        lua_pushvalue(L, lua_upvalueindex(KEYS_NAME));
        push_words(L, job->keys, job->key_count);
        lua_rawset(L, lua_upvalueindex(GLOBALS));
        lua_pushvalue(L, lua_upvalueindex(ARGV_NAME));
        push_words(L, job->arguments, job->argument_count);
        lua_rawset(L, lua_upvalueindex(GLOBALS));
    }
    if (lua_pcall(L, arguments, 1, 2) == 0) ml_write_value(L, interpreter, job->version);
    else ml_write_failure(L, interpreter, job->name);
    return 0;
}

typedef struct compilation {
    ml_view source;
    int at, function, failed;
    ml_text *error;
} compilation;

static const char *next_piece(lua_State *L, void *raw, size_t *size) {
    (void)L;
    compilation *job = raw;
    // A space in front of what looks like bytecode: text it is, and text that makes no sense.
    if (job->at == 0 && job->source.count > 0 && job->source.start[0] == LUA_SIGNATURE[0]) {
        job->at = 1;
        *size = 1;
        return " ";
    }
    if (job->at == 2) return NULL;
    job->at = 2;
    *size = (size_t)job->source.count;
    return (const char *)job->source.start;
}

static void copy_text(ml_text *text, const char *bytes, size_t count) {
    if (count > sizeof text->bytes) count = sizeof text->bytes;
    memcpy(text->bytes, bytes, count);
    text->count = (int)count;
}

static void copy_error(lua_State *L, ml_text *error) {
    size_t length = 0;
    if (lua_istable(L, -1)) ML_RAW_FIELD(L, -1, "err");
    const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &length) : "unknown error";
    copy_text(error, text, length ? length : strlen(text));
}

/// Compiles the source of a compilation, with the collector at rest. The name of the source lies on the stack: the
/// parser itself holds no reference to it (CVE-2025-49844).
static int load_source(lua_State *L, compilation *job) {
    const char *name = ml_of(L)->kind == ML_FUNCTIONS ? "@user_function" : "@user_script";
    lua_pushstring(L, name);
    lua_gc(L, LUA_GCSTOP, 0);
    int status = lua_load(L, next_piece, job, name);
    lua_gc(L, LUA_GCRESTART, 0);
    lua_remove(L, -2);
    return status;
}

static int compile(lua_State *L) {
    compilation *job = lua_touserdata(L, 1);
    job->failed = load_source(L, job) != 0;
    if (job->failed) copy_error(L, job->error);
    else job->function = luaL_ref(L, LUA_REGISTRYINDEX);
    return 0;
}

/// Loads a library. Upvalues: 1 the error handler, 2 the metatable of the globals, 3 what they are while a library
/// loads, 4 what they are otherwise.
static int run_library(lua_State *L) {
    compilation *job = lua_touserdata(L, 1);
    lua_pushvalue(L, lua_upvalueindex(1));
    if (load_source(L, job) != 0) {
        lua_pushliteral(L, "Error compiling function: ");
    } else {
        lua_pushvalue(L, lua_upvalueindex(3));
        lua_setfield(L, lua_upvalueindex(2), "__index");
        int status = lua_pcall(L, 0, 0, 2);
        lua_pushvalue(L, lua_upvalueindex(4));
        lua_setfield(L, lua_upvalueindex(2), "__index");
        if (status == 0) return 0;
        if (lua_istable(L, -1)) ML_RAW_FIELD(L, -1, "err");
        if (lua_type(L, -1) != LUA_TSTRING) lua_pushliteral(L, "unknown error");
        lua_pushliteral(L, "Error registering functions: ");
    }
    lua_insert(L, -2);
    lua_concat(L, 2);
    job->failed = 1;
    copy_error(L, job->error);
    return 0;
}

/// Builds everything that an interpreter has, and leaves the functions for its main stack in the registry.
static int open_interpreter(lua_State *L) {
    ml_interpreter *interpreter = ml_of(L);
    ml_open_sandbox(L);
    lua_pushvalue(L, LUA_GLOBALSINDEX);
    int real = lua_gettop(L);
    ml_forbid_missing(L);
    lua_pushvalue(L, real);
    ml_protect(L);
    int view = lua_gettop(L);
    lua_pushliteral(L, "_G");
    lua_pushvalue(L, view);
    lua_rawset(L, real);
    lua_pushcfunction(L, note_place);
    int handler = lua_gettop(L);
    if (interpreter->kind == ML_SCRIPTS) {
        // A global in Redis, too.
        lua_pushliteral(L, "__redis__err__handler");
        lua_pushvalue(L, handler);
        lua_rawset(L, real);
    }

    lua_pushvalue(L, handler);
    lua_pushvalue(L, real);
    lua_pushliteral(L, "KEYS");
    lua_pushliteral(L, "ARGV");
    lua_pushcclosure(L, run_job, 4);
    lua_rawseti(L, LUA_REGISTRYINDEX, RUNNER);

    lua_pushvalue(L, handler);
    lua_getmetatable(L, view);
    lua_newtable(L);
    if (interpreter->kind == ML_FUNCTIONS) {
        ml_push_api(L, 1);
        lua_setfield(L, -2, "redis");
    }
    ml_forbid_missing(L);
    lua_pushvalue(L, real);
    lua_pushcclosure(L, run_library, 4);
    lua_rawseti(L, LUA_REGISTRYINDEX, LOADER);

    lua_pushcfunction(L, compile);
    lua_rawseti(L, LUA_REGISTRYINDEX, COMPILER);
    lua_pushvalue(L, view);
    lua_rawseti(L, LUA_REGISTRYINDEX, VIEW);
    return 0;
}

ml_interpreter *ml_make(int kind, const ml_host *host, void *context, size_t limit, uint32_t seed) {
    ml_interpreter *interpreter = calloc(1, sizeof *interpreter);
    if (!interpreter) return NULL;
    interpreter->host = host;
    interpreter->context = context;
    interpreter->kind = kind;
    interpreter->version = 2;
    ml_seed(interpreter, (int32_t)seed);
    lua_State *L = interpreter->lua = lua_newstate(allocate, interpreter);
    if (!L) {
        free(interpreter);
        return NULL;
    }
    lua_atpanic(L, panic);
    // The limit counts from here on: what is opened now is always the same.
    if (lua_cpcall(L, open_interpreter, NULL) != 0) {
        ml_free(interpreter);
        return NULL;
    }
    interpreter->limit = limit;
    // luaL_ref takes the next free number, so these stay what they are.
    lua_rawgeti(L, LUA_REGISTRYINDEX, VIEW);
    lua_replace(L, LUA_GLOBALSINDEX);
    for (int i = RUNNER; i <= COMPILER; i++) lua_rawgeti(L, LUA_REGISTRYINDEX, i);
    lua_gc(L, LUA_GCCOLLECT, 0);
    lua_sethook(L, hook, LUA_MASKCOUNT, ML_TICK_INSTRUCTIONS);
    return interpreter;
}

void ml_free(ml_interpreter *interpreter) {
    // Nothing may be half way through a collection when finalizers run (CVE-2024-46981); scripts can make none.
    lua_gc(interpreter->lua, LUA_GCCOLLECT, 0);
    lua_close(interpreter->lua);
    free(interpreter->words);
    free(interpreter);
}

void ml_set_limit(ml_interpreter *interpreter, size_t limit) { interpreter->limit = limit; }

size_t ml_memory(const ml_interpreter *interpreter) { return interpreter->used; }

void ml_collect(ml_interpreter *interpreter) { lua_gc(interpreter->lua, LUA_GCCOLLECT, 0); }

// ---- running --------------------------------------------------------------------------------------------------

/// Calls one of the functions on the main stack with `argument`. Answers 0, or 1 with `error`.
static int call_protected(ml_interpreter *interpreter, int function, void *argument, ml_text *error) {
    lua_State *L = interpreter->lua;
    if (interpreter->killed) {
        interpreter->killed = 0;
        lua_sethook(L, hook, LUA_MASKCOUNT, ML_TICK_INSTRUCTIONS);
    }
    lua_pushvalue(L, function);
    lua_pushlightuserdata(L, argument);
    if (lua_pcall(L, 1, 0, 0) == 0) return 0;
    copy_error(L, error);
    lua_settop(L, COMPILER);
    return 1;
}

int ml_compile(ml_interpreter *interpreter, ml_view source, ml_text *error) {
    compilation job = {source, 0, 0, 0, error};
    if (call_protected(interpreter, COMPILER, &job, error) || job.failed) return 0;
    return job.function;
}

void ml_release(ml_interpreter *interpreter, int function) {
    luaL_unref(interpreter->lua, LUA_REGISTRYINDEX, function);
}

int ml_run(ml_interpreter *interpreter, const ml_job *job, ml_text *error) {
    interpreter->version = 2;
    int failed = call_protected(interpreter, RUNNER, (void *)(uintptr_t)job, error);
    // Lua does not collect when it runs into the limit; what this script leaves must not be in the next one's way.
    if (interpreter->limit && interpreter->used > interpreter->limit / 2) lua_gc(interpreter->lua, LUA_GCCOLLECT, 0);
    return failed;
}

int ml_load_library(ml_interpreter *interpreter, ml_view source, ml_text *error) {
    compilation job = {source, 0, 0, 0, error};
    interpreter->loading = 1;
    int failed = call_protected(interpreter, LOADER, &job, error) || job.failed;
    interpreter->loading = 0;
    return failed;
}
