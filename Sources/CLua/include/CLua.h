// Lua 5.1 for scripts: interpreters in a sandbox, with Redis' API, behind an interface that Swift can call.
//
// A Lua error is a longjmp. It must never cross a Swift frame: every function declared here catches what happens
// inside it, and the functions of ml_host, which Swift supplies, answer a status and never call Lua.
#pragma once
#include <stddef.h>
#include <stdint.h>

/// A borrowed run of bytes; the same layout as Base's ByteView.
typedef struct ml_view {
    const uint8_t *_Nonnull start;
    intptr_t count;
} ml_view;

typedef struct ml_interpreter ml_interpreter;

/// What an interpreter asks of the server. Called on the thread that runs the script; none may raise Lua errors.
typedef struct ml_host {
    /// redis.call and redis.pcall: runs a command. 0: `reply` is its reply, in RESP `version`. 1: it was refused, and
    /// `reply` says why ("-CODE text", or "text" for ERR). What `reply` borrows stays valid until the next call.
    int (*_Nonnull call)(
        void *_Nonnull context, const ml_view *_Nonnull words, int count, int version, ml_view *_Nonnull reply);
    /// redis.acl_check_cmd: 1 allowed, 0 not, -1 no such command.
    int (*_Nonnull permits)(void *_Nonnull context, const ml_view *_Nonnull words, int count);
    /// redis.sha1hex: writes 40 digits.
    void (*_Nonnull sha1hex)(ml_view text, char *_Nonnull digits);
    /// redis.log, level 0 (debug) to 3 (warning).
    void (*_Nonnull log)(void *_Nonnull context, int level, ml_view text);
    /// Called now and then while Lua runs. 0: go on, 1: the script is to end (killed), 2: it took too long to load.
    int (*_Nonnull tick)(void *_Nonnull context);
    /// Bytes of the script's reply.
    void (*_Nonnull write)(void *_Nonnull context, const uint8_t *_Nonnull bytes, intptr_t count);
    /// An error reply is about to be written; with `counted`, the command that failed has been counted as such.
    void (*_Nonnull will_write_error)(void *_Nonnull context, int counted);
    /// redis.register_function. `flags` as ML_NO_WRITES and so on. Answers NULL, or what is wrong.
    const char *_Nullable (*_Nonnull registered)(
        void *_Nonnull context, ml_view name, ml_view description, int has_description, int flags, int function);
} ml_host;

/// What a function says of itself (its flags, in the order of Redis' words).
enum { ML_NO_WRITES = 1, ML_ALLOW_OOM = 2, ML_ALLOW_STALE = 4, ML_NO_CLUSTER = 8, ML_ALLOW_CROSS_SLOT = 16 };

/// What an interpreter is for: EVAL's scripts see KEYS and ARGV as globals; functions get them as arguments, and
/// while a library loads, its global `redis` can only register functions.
enum { ML_SCRIPTS = 0, ML_FUNCTIONS = 1 };

/// Text of an error, cut where it does not fit.
typedef struct ml_text {
    char bytes[512];
    int count;
} ml_text;

/// What `ml_run` runs.
typedef struct ml_job {
    int function;
    const ml_view *_Nullable keys;
    intptr_t key_count;
    const ml_view *_Nullable arguments;
    intptr_t argument_count;
    /// The protocol in which the reply is written.
    int version;
    /// For error texts: the script's SHA1 or the function's name.
    ml_view name;
} ml_job;

/// An interpreter, or NULL without memory. `limit` bytes is all that Lua may use, 0: any. `seed` is of math.random.
ml_interpreter *_Nullable ml_make(
    int kind, const ml_host *_Nonnull host, void *_Nonnull context, size_t limit, uint32_t seed);
void ml_free(ml_interpreter *_Nonnull interpreter);
void ml_set_limit(ml_interpreter *_Nonnull interpreter, size_t limit);
/// Bytes that Lua uses.
size_t ml_memory(const ml_interpreter *_Nonnull interpreter);
/// Collects all garbage.
void ml_collect(ml_interpreter *_Nonnull interpreter);

/// Compiles a script's source. Answers its function (greater than 0), or 0 with `error`.
int ml_compile(ml_interpreter *_Nonnull interpreter, ml_view source, ml_text *_Nonnull error);
/// Forgets a function.
void ml_release(ml_interpreter *_Nonnull interpreter, int function);
/// Runs a function and writes its reply. 0: done (an error that the script raised has been written as the reply).
/// Otherwise writing the reply failed half way, and `error` is to be the reply instead.
int ml_run(ml_interpreter *_Nonnull interpreter, const ml_job *_Nonnull job, ml_text *_Nonnull error);
/// Compiles and runs a library's source, which registers its functions. Answers 0, or 1 with `error`.
int ml_load_library(ml_interpreter *_Nonnull interpreter, ml_view source, ml_text *_Nonnull error);
