#define _GNU_SOURCE
#include "CSystem.h"

#include <sys/random.h>

uint16_t cs_crc16_rows[16][256];
uint64_t cs_hash_secrets[4];

static void fill_crc16(void) {
    for (int byte = 0; byte < 256; byte++) {
        uint16_t crc = (uint16_t)(byte << 8);
        for (int bit = 0; bit < 8; bit++) crc = (uint16_t)(crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1);
        cs_crc16_rows[0][byte] = crc;
    }
    for (int row = 1; row < 16; row++)
        for (int byte = 0; byte < 256; byte++) {
            uint16_t crc = cs_crc16_rows[row - 1][byte];
            cs_crc16_rows[row][byte] = (uint16_t)((crc << 8) ^ cs_crc16_rows[0][crc >> 8]);
        }
}

__attribute__((constructor)) static void prepare(void) {
    fill_crc16();
    if (getrandom(cs_hash_secrets, sizeof cs_hash_secrets, 0) != sizeof cs_hash_secrets) abort();
    cs_hash_secrets[1] |= 1;
}

void cs_hash_fix_secrets(uint64_t seed) {
    for (int i = 0; i < 4; i++) {
        // splitmix64
        uint64_t z = (seed += 0x9e3779b97f4a7c15ull);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
        cs_hash_secrets[i] = z ^ (z >> 31);
    }
    cs_hash_secrets[1] |= 1;
}

uint16_t cs_tagged_slot(const uint8_t *p, size_t n, size_t brace) {
    const uint8_t *tag = p + brace + 1;
    const uint8_t *end = memchr(tag, '}', n - brace - 1);
    if (!end || end == tag) return cs_crc16(p, n) & 16383;
    return cs_crc16(tag, (size_t)(end - tag)) & 16383;
}
