// What secrets depend on: digests by OpenSSL's libcrypto, random bytes by the kernel.
#include "CSystem.h"
#include <openssl/sha.h>
#include <sys/random.h>

void cs_sha256(const uint8_t *p, size_t n, uint8_t *digest) {
    if (!SHA256(p, n, digest)) abort();
}

void cs_hash_derive_secrets(uint64_t secret) {
    uint64_t words[2] = {0x6873616874726d21ull, secret};
    uint8_t digest[32];
    cs_sha256((const uint8_t *)words, sizeof words, digest);
    memcpy(cs_hash_secrets, digest, sizeof digest);
    cs_hash_secrets[1] |= 1;
}

void cs_secret_bytes(uint8_t *p, size_t n) {
    while (n > 0) {
        ssize_t got = getrandom(p, n, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) abort();
        p += got;
        n -= (size_t)got;
    }
}
