// bit: operations on 32-bit integers, with the behaviour of Lua BitOp 1.0.
#include "interpreter.h"

/// The argument as 32 bits: rounded to the nearest integer, modulo 2^32.
static uint32_t bits_at(lua_State *L, int index) {
    // Adding 1.5 * 2^52 moves the integer part into the low bits of the number's own bits.
    union {
        double number;
        uint64_t bits;
    } shifted;
    shifted.number = luaL_checknumber(L, index) + 6755399441055744.0;
    return (uint32_t)shifted.bits;
}

static int push_bits(lua_State *L, uint32_t bits) {
    lua_pushnumber(L, (int32_t)bits);
    return 1;
}

static int bit_tobit(lua_State *L) { return push_bits(L, bits_at(L, 1)); }

static int bit_bnot(lua_State *L) { return push_bits(L, ~bits_at(L, 1)); }

static int bit_band(lua_State *L) {
    uint32_t bits = bits_at(L, 1);
    for (int i = lua_gettop(L); i > 1; i--) bits &= bits_at(L, i);
    return push_bits(L, bits);
}

static int bit_bor(lua_State *L) {
    uint32_t bits = bits_at(L, 1);
    for (int i = lua_gettop(L); i > 1; i--) bits |= bits_at(L, i);
    return push_bits(L, bits);
}

static int bit_bxor(lua_State *L) {
    uint32_t bits = bits_at(L, 1);
    for (int i = lua_gettop(L); i > 1; i--) bits ^= bits_at(L, i);
    return push_bits(L, bits);
}

static int bit_lshift(lua_State *L) {
    uint32_t bits = bits_at(L, 1);
    return push_bits(L, bits << (bits_at(L, 2) & 31));
}

static int bit_rshift(lua_State *L) {
    uint32_t bits = bits_at(L, 1);
    return push_bits(L, bits >> (bits_at(L, 2) & 31));
}

static int bit_arshift(lua_State *L) {
    uint32_t bits = bits_at(L, 1), count = bits_at(L, 2) & 31;
    uint32_t sign = bits >> 31 && count ? ~(UINT32_MAX >> count) : 0;
    return push_bits(L, bits >> count | sign);
}

static uint32_t rotate(uint32_t bits, uint32_t count) { return bits << (count & 31) | bits >> (-count & 31); }

static int bit_rol(lua_State *L) {
    uint32_t bits = bits_at(L, 1);
    return push_bits(L, rotate(bits, bits_at(L, 2)));
}

static int bit_ror(lua_State *L) {
    uint32_t bits = bits_at(L, 1);
    return push_bits(L, rotate(bits, 0 - bits_at(L, 2)));
}

static int bit_bswap(lua_State *L) { return push_bits(L, __builtin_bswap32(bits_at(L, 1))); }

/// Hexadecimal digits, eight or as many as the second argument says; negative: in capitals.
static int bit_tohex(lua_State *L) {
    uint32_t bits = bits_at(L, 1);
    int32_t count = lua_isnone(L, 2) ? 8 : (int32_t)bits_at(L, 2);
    const char *digits = count < 0 ? "0123456789ABCDEF" : "0123456789abcdef";
    // The smallest integer has no opposite (CVE-2024-31449).
    uint32_t length = count < 0 ? 0 - (uint32_t)count : (uint32_t)count;
    if (length > 8) length = 8;
    char text[8];
    for (uint32_t i = length; i > 0; bits >>= 4) text[--i] = digits[bits & 15];
    lua_pushlstring(L, text, length);
    return 1;
}

void ml_push_bit(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"tobit", bit_tobit},     {"bnot", bit_bnot},       {"band", bit_band}, {"bor", bit_bor},
        {"bxor", bit_bxor},       {"lshift", bit_lshift},   {"rshift", bit_rshift},
        {"arshift", bit_arshift}, {"rol", bit_rol},         {"ror", bit_ror},   {"bswap", bit_bswap},
        {"tohex", bit_tohex},     {NULL, NULL},
    };
    lua_newtable(L);
    luaL_register(L, NULL, functions);
}
