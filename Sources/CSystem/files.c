// Files: system calls that answer minus errno, as Base's FileSystem wants them.
#include "CSystem.h"
#include <dirent.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/statvfs.h>

static int64_t answer(int64_t result) { return result < 0 ? -(int64_t)errno : result; }

int64_t cs_file_open(const char *path, int flags) { return answer(open(path, flags | O_CLOEXEC, 0644)); }

int64_t cs_file_read(int fd, void *bytes, size_t count, int64_t at) { return answer(pread(fd, bytes, count, at)); }

int64_t cs_file_write(int fd, const void *bytes, size_t count, int64_t at) {
    return answer(pwrite(fd, bytes, count, at));
}

int64_t cs_file_sync(int fd) { return answer(fdatasync(fd)); }

int64_t cs_file_truncate(int fd, int64_t size) { return answer(ftruncate(fd, size)); }

int64_t cs_file_size(int fd) {
    struct stat status;
    return fstat(fd, &status) ? -(int64_t)errno : (int64_t)status.st_size;
}

int64_t cs_file_lock(int fd) { return answer(flock(fd, LOCK_EX | LOCK_NB)); }

int64_t cs_path_rename(const char *from, const char *to) { return answer(rename(from, to)); }

int64_t cs_path_link(const char *from, const char *to) { return answer(link(from, to)); }

int64_t cs_path_remove(const char *path) { return answer(unlink(path)); }

int64_t cs_path_make_directory(const char *path) { return answer(mkdir(path, 0755)); }

int64_t cs_path_sync_directory(const char *path) {
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return -(int64_t)errno;
    int64_t synced = answer(fsync(fd));
    close(fd);
    return synced;
}

int64_t cs_path_free_bytes(const char *path) {
    struct statvfs status;
    return statvfs(path, &status) ? -(int64_t)errno : (int64_t)status.f_bavail * (int64_t)status.f_frsize;
}

int64_t cs_path_list(const char *path, void *context, void (*found)(void *context, const char *name)) {
    DIR *directory = opendir(path);
    if (!directory) return -(int64_t)errno;
    struct dirent *entry;
    errno = 0;
    while ((entry = readdir(directory))) {
        if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..")) found(context, entry->d_name);
        errno = 0;
    }
    int failure = errno;
    closedir(directory);
    return -(int64_t)failure;
}

void cs_error_text(int code, char *text, size_t capacity) {
    if (strerror_r(code, text, capacity)) snprintf(text, capacity, "error %d", code);
}
