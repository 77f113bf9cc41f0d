// math.random and math.randomseed as Redis has them: the 48-bit generator of POSIX' lrand48, the same everywhere.
#include "interpreter.h"

#include <math.h>

static int32_t next_random(ml_interpreter *interpreter) {
    interpreter->random = (interpreter->random * 0x5deece66dull + 0xb) & 0xffffffffffffull;
    return (int32_t)(interpreter->random >> 17);
}

void ml_seed(ml_interpreter *interpreter, int32_t seed) {
    interpreter->random = ((uint64_t)(uint32_t)seed << 16) | 0x330e;
}

static int math_random(lua_State *L) {
    lua_Number fraction = (lua_Number)(next_random(ml_of(L)) % INT32_MAX) / (lua_Number)INT32_MAX;
    switch (lua_gettop(L)) {
    case 0: lua_pushnumber(L, fraction); break;
    case 1: {
        int high = luaL_checkint(L, 1);
        luaL_argcheck(L, 1 <= high, 1, "interval is empty");
        lua_pushnumber(L, floor(fraction * high) + 1);
        break;
    }
    case 2: {
        int low = luaL_checkint(L, 1), high = luaL_checkint(L, 2);
        luaL_argcheck(L, low <= high, 2, "interval is empty");
        lua_pushnumber(L, floor(fraction * ((lua_Number)high - low + 1)) + low);
        break;
    }
    default: return luaL_error(L, "wrong number of arguments");
    }
    return 1;
}

static int math_randomseed(lua_State *L) {
    ml_seed(ml_of(L), (int32_t)luaL_checkint(L, 1));
    return 0;
}

void ml_open_random(lua_State *L) {
    lua_getglobal(L, "math");
    ml_set_function(L, "random", math_random);
    ml_set_function(L, "randomseed", math_randomseed);
    lua_pop(L, 1);
}
