// CRC-32C (Castagnoli's polynomial, RFC 3720 appendix B.4): by the processor's instruction where it has one.
#include "CSystem.h"

#if defined(__x86_64__)
#include <nmmintrin.h>
#include <wmmintrin.h>
#elif defined(__aarch64__)
#include <arm_acle.h>
#include <sys/auxv.h>
#ifndef HWCAP_CRC32
#define HWCAP_CRC32 (1 << 7)
#endif
#endif

#define POLYNOMIAL 0x82f63b78u

static uint32_t table[256];

// Three pieces are summed side by side, since the instruction takes three cycles and could start in each. A sum is then
// moved ahead of the bytes behind it by a multiplication (Gopal et al., "Fast CRC computation for iSCSI polynomial using
// CRC32 instruction", Intel 2011): by x to the power of 8 times their number less 33, of which the reduction makes 33.
enum { LONG_PIECE = 512, SHORT_PIECE = 128 };
static uint32_t past_long[2], past_short[2];

static uint32_t power_of_x(size_t n) {
    uint32_t power = 0x80000000u;
    while (n--) power = power >> 1 ^ (power & 1 ? POLYNOMIAL : 0);
    return power;
}

__attribute__((constructor)) static void fill_table(void) {
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc = i;
        for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? POLYNOMIAL : 0);
        table[i] = crc;
    }
    for (size_t i = 0; i < 2; i++) {
        past_long[i] = power_of_x(8 * LONG_PIECE * (i + 1) - 33);
        past_short[i] = power_of_x(8 * SHORT_PIECE * (i + 1) - 33);
    }
}

static uint32_t by_table(uint32_t crc, const uint8_t *bytes, size_t count) {
    while (count--) crc = crc >> 8 ^ table[(crc ^ *bytes++) & 255];
    return crc;
}

#if defined(__x86_64__)
static int has_instruction(void) { return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul"); }

__attribute__((target("sse4.2,pclmul"))) static uint64_t move_past(uint64_t crc, uint32_t power) {
    __m128i product = _mm_clmulepi64_si128(_mm_cvtsi64_si128((int64_t)crc), _mm_cvtsi64_si128((int64_t)power), 0);
    return _mm_crc32_u64(0, (uint64_t)_mm_cvtsi128_si64(product));
}

__attribute__((target("sse4.2,pclmul"))) static uint64_t
three_pieces(uint64_t crc, const uint8_t *bytes, size_t piece, const uint32_t *past) {
    uint64_t second = 0, third = 0, word;
    for (const uint8_t *end = bytes + piece; bytes < end; bytes += 8) {
        memcpy(&word, bytes, 8);
        crc = _mm_crc32_u64(crc, word);
        memcpy(&word, bytes + piece, 8);
        second = _mm_crc32_u64(second, word);
        memcpy(&word, bytes + 2 * piece, 8);
        third = _mm_crc32_u64(third, word);
    }
    return move_past(crc, past[1]) ^ move_past(second, past[0]) ^ third;
}

__attribute__((target("sse4.2,pclmul"))) static uint32_t
by_instruction(uint32_t crc, const uint8_t *bytes, size_t count) {
    uint64_t wide = crc;
    for (; count >= 3 * LONG_PIECE; bytes += 3 * LONG_PIECE, count -= 3 * LONG_PIECE)
        wide = three_pieces(wide, bytes, LONG_PIECE, past_long);
    for (; count >= 3 * SHORT_PIECE; bytes += 3 * SHORT_PIECE, count -= 3 * SHORT_PIECE)
        wide = three_pieces(wide, bytes, SHORT_PIECE, past_short);
    for (; count >= 8; bytes += 8, count -= 8) {
        uint64_t word;
        memcpy(&word, bytes, 8);
        wide = _mm_crc32_u64(wide, word);
    }
    crc = (uint32_t)wide;
    while (count--) crc = _mm_crc32_u8(crc, *bytes++);
    return crc;
}
#elif defined(__aarch64__)
static int has_instruction(void) { return (getauxval(AT_HWCAP) & HWCAP_CRC32) != 0; }

__attribute__((target("+crc"))) static uint32_t by_instruction(uint32_t crc, const uint8_t *bytes, size_t count) {
    for (; count >= 8; bytes += 8, count -= 8) {
        uint64_t word;
        memcpy(&word, bytes, 8);
        crc = __crc32cd(crc, word);
    }
    while (count--) crc = __crc32cb(crc, *bytes++);
    return crc;
}
#else
static int has_instruction(void) { return 0; }
static uint32_t by_instruction(uint32_t crc, const uint8_t *bytes, size_t count) { return by_table(crc, bytes, count); }
#endif

uint32_t cs_crc32c(uint32_t crc, const void *bytes, size_t count) {
    crc = ~crc;
    return ~(has_instruction() ? by_instruction(crc, bytes, count) : by_table(crc, bytes, count));
}

uint32_t cs_crc32c_by_table(uint32_t crc, const void *bytes, size_t count) { return ~by_table(~crc, bytes, count); }
