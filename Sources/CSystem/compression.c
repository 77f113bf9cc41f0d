// LZ4 and Zstandard, as tables on disk use them. Zstandard's working memory is kept per thread.
#include "CSystem.h"
#include <limits.h>
#include <lz4.h>
#include <pthread.h>
#include <zstd.h>

size_t cs_lz4_compress(const void *from, size_t count, void *to, size_t room) {
    if (count > LZ4_MAX_INPUT_SIZE) return 0;
    int written = LZ4_compress_default(from, to, (int)count, room > INT_MAX ? INT_MAX : (int)room);
    return written > 0 ? (size_t)written : 0;
}

int cs_lz4_decompress(const void *from, size_t count, void *to, size_t wanted) {
    if (count > INT_MAX || wanted > INT_MAX) return 0;
    return LZ4_decompress_safe(from, to, (int)count, (int)wanted) == (int)wanted;
}

struct contexts {
    ZSTD_CCtx *compression;
    ZSTD_DCtx *decompression;
};
static __thread struct contexts *mine;
static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void free_contexts(void *value) {
    struct contexts *contexts = value;
    ZSTD_freeCCtx(contexts->compression);
    ZSTD_freeDCtx(contexts->decompression);
    free(contexts);
}

static void make_key(void) { pthread_key_create(&key, free_contexts); }

static struct contexts *contexts(void) {
    if (mine) return mine;
    pthread_once(&once, make_key);
    mine = calloc(1, sizeof *mine);
    if (mine) pthread_setspecific(key, mine);
    return mine;
}

size_t cs_zstd_compress(const void *from, size_t count, void *to, size_t room, int level) {
    struct contexts *own = contexts();
    if (!own) return 0;
    if (!own->compression) own->compression = ZSTD_createCCtx();
    if (!own->compression) return 0;
    size_t written = ZSTD_compressCCtx(own->compression, to, room, from, count, level);
    return ZSTD_isError(written) ? 0 : written;
}

int cs_zstd_decompress(const void *from, size_t count, void *to, size_t wanted) {
    struct contexts *own = contexts();
    if (!own) return 0;
    if (!own->decompression) own->decompression = ZSTD_createDCtx();
    if (!own->decompression) return 0;
    size_t written = ZSTD_decompressDCtx(own->decompression, to, wanted, from, count);
    return !ZSTD_isError(written) && written == wanted;
}
