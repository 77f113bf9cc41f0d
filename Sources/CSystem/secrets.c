// What secrets depend on: digests by OpenSSL's libcrypto, random bytes by the kernel.
// SHA256_Init and its kin are deprecated in OpenSSL 3, which would have EVP look its algorithms up and allocate for each message.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "CSystem.h"
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <sys/random.h>

void cs_sha256(const uint8_t *p, size_t n, uint8_t *digest) {
    if (!SHA256(p, n, digest)) abort();
}

_Static_assert(sizeof(SHA256_CTX) <= sizeof(((cs_hmac_key *)0)->inner), "cs_hmac_key holds SHA256_CTX");

static void cs_hmac_begin(void *state, const uint8_t *block, uint8_t pad) {
    uint8_t padded[64];
    for (int i = 0; i < 64; i++) padded[i] = block[i] ^ pad;
    if (!SHA256_Init(state) || !SHA256_Update(state, padded, sizeof padded)) abort();
}

void cs_hmac_prepare(cs_hmac_key *key, const uint8_t *secret, size_t n) {
    uint8_t block[64] = {0};
    if (n > sizeof block) cs_sha256(secret, n, block);
    else if (n > 0) memcpy(block, secret, n);
    cs_hmac_begin(key->inner, block, 0x36);
    cs_hmac_begin(key->outer, block, 0x5c);
}

void cs_hmac_sha256(const cs_hmac_key *key, const uint8_t *p, size_t n, uint8_t *digest) {
    SHA256_CTX state;
    memcpy(&state, key->inner, sizeof state);
    if (!SHA256_Update(&state, p, n) || !SHA256_Final(digest, &state)) abort();
    memcpy(&state, key->outer, sizeof state);
    if (!SHA256_Update(&state, digest, 32) || !SHA256_Final(digest, &state)) abort();
}

cs_gmac *cs_gmac_make(const uint8_t *key) {
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    if (!context || !EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), NULL, key, NULL)) abort();
    return (cs_gmac *)context;
}

void cs_gmac_free(cs_gmac *gmac) { EVP_CIPHER_CTX_free((EVP_CIPHER_CTX *)gmac); }

void cs_gmac_code(cs_gmac *gmac, uint64_t number, const uint8_t *p, size_t n, uint8_t *code) {
    EVP_CIPHER_CTX *context = (EVP_CIPHER_CTX *)gmac;
    uint8_t nonce[12] = {0}, nothing[16];
    int length;
    for (int i = 0; i < 8; i++) nonce[4 + i] = (uint8_t)(number >> (8 * i));
    if (!EVP_EncryptInit_ex(context, NULL, NULL, NULL, nonce)) abort();
    for (size_t done = 0; done < n;) {
        size_t some = n - done < 1 << 30 ? n - done : 1 << 30;
        if (!EVP_EncryptUpdate(context, NULL, &length, p + done, (int)some)) abort();
        done += some;
    }
    if (!EVP_EncryptFinal_ex(context, nothing, &length)) abort();
    if (!EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, 16, code)) abort();
}

int cs_equal_secretly(const uint8_t *a, const uint8_t *b, size_t n) {
    volatile uint8_t different = 0;
    for (size_t i = 0; i < n; i++) different |= a[i] ^ b[i];
    return different == 0;
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
