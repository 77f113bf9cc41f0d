#include "interpreter.h"

void ml_begin(lua_State *L, ml_buffer *buffer, int slot) {
    *buffer = (ml_buffer){.slot = slot};
    ml_grow(L, buffer, 1);
}

void ml_grow(lua_State *L, ml_buffer *buffer, size_t more) {
    size_t wanted = buffer->capacity ? buffer->capacity * 2 : 512;
    while (wanted - buffer->used < more) {
        if (wanted > SIZE_MAX / 4) luaL_error(L, "not enough memory");
        wanted *= 2;
    }
    char *bytes = lua_newuserdata(L, wanted);
    if (buffer->used) memcpy(bytes, buffer->bytes, buffer->used);
    buffer->bytes = bytes;
    buffer->capacity = wanted;
    lua_replace(L, buffer->slot);
}
