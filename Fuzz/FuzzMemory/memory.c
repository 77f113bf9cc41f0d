// malloc in place of jemalloc's own functions: the address sanitizer then sees every block of the key space's. Blocks
// are as large as jemalloc would make them, since that much of them may be used.
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

size_t nallocx(size_t, int);

void *mallocx(size_t size, int flags) {
    size = nallocx(size, 0);
    if (!(flags & 0x3f)) return malloc(size);
    void *block = aligned_alloc((size_t)1 << (flags & 0x3f), (size + 63) & ~(size_t)63);
    if (block && flags & 0x40) memset(block, 0, size);
    return block;
}
void *rallocx(void *old, size_t size, int flags) { (void)flags; return realloc(old, nallocx(size, 0)); }
void sdallocx(void *old, size_t size, int flags) { (void)size; (void)flags; free(old); }
size_t sallocx(const void *block, int flags) { (void)flags; return malloc_usable_size((void *)block); }
int mallctl(const char *name, void *old, size_t *old_size, void *new, size_t new_size) {
    (void)name; (void)old; (void)old_size; (void)new; (void)new_size;
    return 2;
}
