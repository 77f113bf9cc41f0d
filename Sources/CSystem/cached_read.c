// preadv2, which only GNU's headers declare; with them strerror_r would be another (files.c).
#define _GNU_SOURCE
#include "CSystem.h"

int64_t cs_file_read_cached(int fd, void *bytes, size_t count, int64_t at) {
    struct iovec piece = {bytes, count};
    int64_t result = preadv2(fd, &piece, 1, at, RWF_NOWAIT);
    if (result >= 0) return result;
    return errno == EOPNOTSUPP || errno == ENOSYS ? -EAGAIN : -(int64_t)errno;
}
