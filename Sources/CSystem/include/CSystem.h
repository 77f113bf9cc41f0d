// What Swift cannot say by itself on Linux: single instructions, atomics on raw memory, epoll and
// sockets. Everything small is static inline, so that the importer hands its body to Swift's optimizer.
// Uses no GNU extension: with _GNU_SOURCE its idea of the system's headers would differ from Swift's.
#pragma once
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#define CS_INLINE static inline __attribute__((always_inline))

// ---- memory --------------------------------------------------------------------------------

CS_INLINE void cs_prefetch(const void *p) { __builtin_prefetch(p, 0, 3); }

CS_INLINE uint32_t cs_load_u32(const void *p) { return __atomic_load_n((const uint32_t *)p, __ATOMIC_RELAXED); }
CS_INLINE void cs_store_u32(void *p, uint32_t v) { __atomic_store_n((uint32_t *)p, v, __ATOMIC_RELAXED); }
CS_INLINE uint64_t cs_load_u64(const void *p) { return __atomic_load_n((const uint64_t *)p, __ATOMIC_RELAXED); }
CS_INLINE void cs_store_u64(void *p, uint64_t v) { __atomic_store_n((uint64_t *)p, v, __ATOMIC_RELAXED); }
CS_INLINE uint32_t cs_load_acquire_u32(const void *p) { return __atomic_load_n((const uint32_t *)p, __ATOMIC_ACQUIRE); }
CS_INLINE void cs_store_release_u32(void *p, uint32_t v) { __atomic_store_n((uint32_t *)p, v, __ATOMIC_RELEASE); }
CS_INLINE uint64_t cs_load_acquire_u64(const void *p) { return __atomic_load_n((const uint64_t *)p, __ATOMIC_ACQUIRE); }
CS_INLINE void cs_store_release_u64(void *p, uint64_t v) { __atomic_store_n((uint64_t *)p, v, __ATOMIC_RELEASE); }
CS_INLINE uint64_t cs_load_ordered_u64(const void *p) { return __atomic_load_n((const uint64_t *)p, __ATOMIC_SEQ_CST); }
CS_INLINE void cs_store_ordered_u64(void *p, uint64_t v) { __atomic_store_n((uint64_t *)p, v, __ATOMIC_SEQ_CST); }
/// One more holder of a shared object; one fewer: answers how many are left, all their writes seen.
CS_INLINE void cs_retain(void *p) { __atomic_fetch_add((uint32_t *)p, 1, __ATOMIC_RELAXED); }
CS_INLINE uint32_t cs_let_go(void *p) { return __atomic_sub_fetch((uint32_t *)p, 1, __ATOMIC_ACQ_REL); }
/// Puts `wanted` in the place of `expected`; answers what was there.
CS_INLINE uint32_t cs_swap_u32(void *p, uint32_t expected, uint32_t wanted) {
    __atomic_compare_exchange_n((uint32_t *)p, &expected, wanted, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    return expected;
}
CS_INLINE uint64_t cs_add_u64(void *p, uint64_t v) { return __atomic_fetch_add((uint64_t *)p, v, __ATOMIC_SEQ_CST); }

/// A pointer that every thread has for itself, null at first.
void *cs_thread_value(void);
void cs_set_thread_value(void *value);

// ---- the lock of a partition: 0 free, 1 held, 2 held and somebody sleeps on it ---------------

void cs_lock_slow(uint32_t *word);
void cs_unlock_wake(uint32_t *word);
CS_INLINE void cs_lock(uint32_t *word) {
    uint32_t expected = 0;
    if (__builtin_expect(!__atomic_compare_exchange_n(word, &expected, 1, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED), 0))
        cs_lock_slow(word);
}
CS_INLINE int cs_try_lock(uint32_t *word) {
    uint32_t expected = 0;
    return __atomic_compare_exchange_n(word, &expected, 1, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}
/// Waits for a lock at most so many microseconds. Answers 1 if it is held now.
int cs_lock_for(uint32_t *word, unsigned microseconds);
CS_INLINE void cs_unlock(uint32_t *word) {
    if (__builtin_expect(__atomic_exchange_n(word, 0, __ATOMIC_RELEASE) == 2, 0)) cs_unlock_wake(word);
}

// ---- hash table buckets ----------------------------------------------------------------------

// A bucket's first word: byte 0 = which of the 7 slots are taken (bit 7: slot 6 is a link to a child
// bucket), bytes 1-7 = a tag of each slot's hash. Answers the slots whose tag matches, as bits 0-6.
CS_INLINE uint32_t cs_match7(uint64_t head, uint8_t tag) {
    typedef char bytes16 __attribute__((vector_size(16)));
    typedef uint64_t words2 __attribute__((vector_size(16)));
    bytes16 tags = (bytes16)(words2){head, 0};
    bytes16 wanted = (bytes16)(words2){0x0101010101010101ull * tag, 0};
#if defined(__x86_64__)
    return ((uint32_t)__builtin_ia32_pmovmskb128((bytes16)(tags == wanted)) >> 1) & 0x7f;
#else
    bytes16 equal = (bytes16)(tags == wanted);
    uint32_t bits = 0;
    for (int i = 0; i < 7; i++) bits |= (uint32_t)(equal[i + 1] & 1) << i;
    return bits;
#endif
}

/// Which of 16 bytes equal `tag`, as bits 0-15. All 16 are read.
CS_INLINE uint32_t cs_match16(const uint8_t *tags, uint8_t tag) {
    typedef char bytes16 __attribute__((vector_size(16)));
    typedef uint64_t words2 __attribute__((vector_size(16)));
    bytes16 group, wanted = (bytes16)(words2){0x0101010101010101ull * tag, 0x0101010101010101ull * tag};
    memcpy(&group, tags, 16);
#if defined(__x86_64__)
    return (uint32_t)__builtin_ia32_pmovmskb128((bytes16)(group == wanted));
#else
    bytes16 equal = (bytes16)(group == wanted);
    uint32_t bits = 0;
    for (int i = 0; i < 16; i++) bits |= (uint32_t)(equal[i] & 1) << i;
    return bits;
#endif
}

/// The sum of n bytes.
CS_INLINE size_t cs_sum_bytes(const uint8_t *p, size_t n) {
    const uint64_t pairs = 0x00ff00ff00ff00ffull;
    size_t sum = 0, i = 0;
    // Four sums of 16 bits side by side: 64 rounds of twice 255 fit.
    while (i + 8 <= n) {
        uint64_t lanes = 0;
        size_t end = n - i > 512 ? i + 512 : i + ((n - i) & ~(size_t)7);
        for (; i < end; i += 8) {
            uint64_t word;
            memcpy(&word, p + i, 8);
            lanes += (word & pairs) + ((word >> 8) & pairs);
        }
        sum += (size_t)((lanes & 0xffff) + ((lanes >> 16) & 0xffff) + ((lanes >> 32) & 0xffff) + (lanes >> 48));
    }
    for (; i < n; i++) sum += p[i];
    return sum;
}

/// Up to 8 bytes as a number, the first lowest. Reads nothing else.
CS_INLINE uint64_t cs_read_short(const uint8_t *p, size_t n) {
    uint32_t low = 0, high = 0;
    uint16_t two = 0;
    if (n == 8) {
        uint64_t all;
        memcpy(&all, p, 8);
        return all;
    }
    if (n >= 4) {
        memcpy(&low, p, 4);
        memcpy(&high, p + n - 4, 4);
        return low | (uint64_t)high << (8 * (n - 4));
    }
    if (n >= 2) {
        memcpy(&two, p, 2);
        return two | (uint64_t)p[n - 1] << (8 * (n - 1));
    }
    return n ? p[0] : 0;
}

// ---- jemalloc: sizes are passed back on release, which spares it a lookup -----------------------

void *mallocx(size_t, int);
void sdallocx(void *, size_t, int);
size_t nallocx(size_t, int);
size_t sallocx(const void *, int);
int mallctl(const char *, void *, size_t *, void *, size_t);
CS_INLINE void *cs_allocate(size_t size) { return mallocx(size, 0); }
CS_INLINE void *cs_allocate_zeroed_lines(size_t size) { return mallocx(size, 6 | 0x40); }
/// Whole cache lines.
CS_INLINE void *cs_allocate_lines(size_t size) { return mallocx(size, 6); }
CS_INLINE void cs_release(void *p, size_t size) { sdallocx(p, size, 0); }
CS_INLINE void cs_release_lines(void *p, size_t size) { sdallocx(p, size, 6); }
CS_INLINE size_t cs_usable_size(const void *p) { return sallocx(p, 0); }
/// A figure of jemalloc's by name ("stats.allocated"), 0 if it has none of that name.
size_t cs_allocator_figure(const char *name);
/// Makes jemalloc's figures current.
void cs_allocator_refresh(void);
/// Bytes that the calling thread has allocated in its life; less what it has freed. 0 if nobody counts.
uint64_t cs_thread_allocated(void);
int64_t cs_thread_balance(void);
/// Has what the calling thread allocates and frees from now on counted by `cs_counted_memory`. May be called again.
void cs_count_thread_memory(void);
/// Bytes that counted threads have allocated while they were counted, less what they have freed. Takes none of the
/// allocator's locks, as its own figures do, all of them.
int64_t cs_counted_memory(void);
/// Gives the calling thread an arena (a heap with locks) of the allocator that no other thread allocates from.
void cs_use_own_arena(void);
/// Gives unused pages of every arena back to the system.
void cs_allocator_purge(void);
/// The same of the arena that the calling thread allocates from, and of what the thread keeps for itself.
void cs_allocator_purge_own(void);
/// Zeroed pages straight from the system, for what is large and mostly stays untouched: only pages that were written take
/// memory, and none counts as allocated. NULL: there is no memory.
void *cs_map_pages(size_t size);
void cs_unmap_pages(void *pages, size_t size);
/// Gives the whole pages in a block of memory back to the system: they read as zeros afterwards.
void cs_empty_pages(void *block, size_t size);

/// Bytes of a large page.
static const size_t CS_LARGE_PAGE = (size_t)2 << 20;
/// Makes one large page of the small ones at this address (aligned to CS_LARGE_PAGE), if nearly all of them are
/// in use. Answers 1 if it is one now, 0 if it was left alone, -errno if the system would not (before Linux 6.1).
int cs_join_pages(void *address);

// ---- time ------------------------------------------------------------------------------------

CS_INLINE uint64_t cs_monotonic_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}
CS_INLINE int64_t cs_wall_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}
#if defined(__x86_64__)
CS_INLINE uint64_t cs_ticks(void) { return __builtin_ia32_rdtsc(); }
#else
CS_INLINE uint64_t cs_ticks(void) { return cs_monotonic_ns(); }
#endif
/// Nanoseconds per tick of cs_ticks(), measured once against the monotonic clock (takes about a millisecond).
double cs_nanoseconds_per_tick(void);

// ---- descriptors -----------------------------------------------------------------------------

CS_INLINE int cs_errno(void) { return errno; }
CS_INLINE int cs_epoll_create(void) { return epoll_create1(EPOLL_CLOEXEC); }
CS_INLINE int cs_epoll_control(int epoll, int operation, int fd, uint32_t events, uint64_t data) {
    struct epoll_event e;
    e.events = events;
    e.data.u64 = data;
    return epoll_ctl(epoll, operation, fd, &e);
}
CS_INLINE uint64_t cs_event_data(const struct epoll_event *e, int i) { return e[i].data.u64; }
CS_INLINE uint32_t cs_event_mask(const struct epoll_event *e, int i) { return e[i].events; }
CS_INLINE int cs_eventfd(void) { return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC); }
CS_INLINE void cs_eventfd_signal(int fd) {
    uint64_t one = 1;
    ssize_t ignored = write(fd, &one, 8);
    (void)ignored;
}
CS_INLINE void cs_eventfd_drain(int fd) {
    uint64_t count;
    ssize_t ignored = read(fd, &count, 8);
    (void)ignored;
}
static const uint32_t CS_EPOLLIN = (uint32_t)EPOLLIN;
static const uint32_t CS_EPOLLOUT = (uint32_t)EPOLLOUT;
static const uint32_t CS_EPOLLERR = (uint32_t)EPOLLERR;
static const uint32_t CS_EPOLLHUP = (uint32_t)EPOLLHUP;
static const uint32_t CS_EPOLLRDHUP = (uint32_t)EPOLLRDHUP;
#define CS_EDGE_TRIGGERED (1u << 31)

/// Raises the process' limit of open descriptors to `wanted`, as far as the system lets it. Answers the limit.
long cs_raise_open_files(long wanted);
/// Listens on a TCP address (IPv4 or IPv6 text, "*" and "::*" for any). With reuse, several sockets
/// share the port (SO_REUSEPORT). Answers the descriptor, or -errno.
int cs_listen_tcp(const char *address, int port, int backlog, int reuse);
/// Sets up a connection between nodes: no delays, and it ends after so many milliseconds in which the other end does not
/// say that it is there.
void cs_configure_peer(int fd, int timeout_ms);
/// Begins to connect to an IP address, without waiting. Answers the descriptor, or -errno.
int cs_connect_start(const char *address, int port);
/// What has come of it: 0, or an errno.
int cs_connect_result(int fd);
/// A socket for datagrams at a TCP listener's kind of address. Answers the descriptor, or -errno.
int cs_bind_udp(const char *address, int port);
/// Sends a datagram to an IP address, if that is possible at once. Answers 0, or -errno.
int cs_send_datagram(int fd, const uint8_t *bytes, size_t count, const char *address, int port);
/// Takes a datagram, and who sent it (text of at most 46 bytes). Answers its length, or -errno.
long cs_receive_datagram(int fd, uint8_t *bytes, size_t capacity, char *address, int *port);
/// The first IP address of a name (text of at most 46 bytes); an IP address is its own. Answers 0, or -1. May block.
int cs_resolve(const char *name, char *address);
/// Whether text is an IP address: 4, 6, or 0.
int cs_address_family(const char *address);
/// Connects to a host (name or address); answers the descriptor, or -1. May block for the name, and for so long.
int cs_connect_tcp(const char *host, int port, int timeout_ms);
/// Sends everything; answers 0, or -1 if it fails or nothing could be sent for so long.
int cs_send_all(int fd, const uint8_t *bytes, size_t count, int timeout_ms);
/// Receives some bytes; answers how many, 0 or -1 when there will be none.
long cs_receive(int fd, uint8_t *bytes, size_t capacity, int timeout_ms);
int cs_listen_unix(const char *path, int backlog, unsigned permissions);
int cs_local_port(int fd);
int cs_accept(int listener);
void cs_configure_tcp(int fd, int keepalive_seconds);
/// "ip:port" or "path:0" of one end of a connection; peer selects which. Answers the length written.
int cs_address_text(int fd, int peer, char *text, size_t capacity);
/// Whether the peer's address is a loopback one (or a unix socket).
int cs_peer_is_local(int fd);
void cs_pin_thread(int cpu);
int cs_available_cpus(void);
int cs_nth_available_cpu(int n);
/// Makes this thread's short sleeps end on time (by default the kernel adds 50 us).
void cs_sleep_precisely(void);
/// Names the calling thread, and has its memory counted (`cs_count_thread_memory`).
void cs_begin_thread(const char *name);

/// Has the calling thread run soon once it is woken: it takes shorter slices of the processor than others (from Linux
/// 6.12 on), so it need not wait for the end of theirs.
void cs_make_thread_prompt(void);
/// Gives the calling thread a thirtieth of the share that others have when they want the processor too.
void cs_make_thread_low(void);
/// Lets the calling thread run only when no other wants the processor.
void cs_make_thread_idle(void);
/// Lets others run that wait for the processor, if the calling thread is low or idle. Such threads call it after some tens
/// of microseconds of work, holding nothing: a kernel that looks every 4 ms only would have a loop wait that long.
void cs_give_way(void);
/// Blocks SIGTERM, SIGINT, SIGHUP in all threads started later, ignores SIGPIPE; answers a signalfd.
int cs_signal_descriptor(void);
int cs_read_signal(int fd);
/// Double-forks into the background; the parent exits. Answers 0 in the survivor.
int cs_daemonize(void);
/// Copies the process. The copy has the calling thread only, and ends with it; of the descriptors it keeps the
/// standard ones and this one. Answers its id, 0 in the copy, minus errno.
int cs_fork(int kept);
/// Waits for a child to end, and answers its status as waitpid(2) has it.
int cs_wait_for(int process);
/// Detaches stdin, stdout and stderr after a successful start.
void cs_close_standard_streams(void);
/// Resident bytes of this process, and CPU seconds used by it (user, system).
size_t cs_resident_bytes(void);
/// Maps the program's code, which is otherwise read and mapped page by page while the first requests wait. Answers 1,
/// or -errno if the system would not (before Linux 5.14).
int cs_map_code(void);

// ---- numbers ---------------------------------------------------------------------------------

/// Redis' number formats. Each answers the number of bytes written, or -1 if the text is no number.
int cs_format_double(double value, char *out, size_t capacity);
int cs_parse_double(const char *text, size_t length, double *out);
/// What SORT compares by: C's strtod over the text up to its first NUL, blanks before it allowed, nothing being 0.
int cs_parse_weight(const uint8_t *text, size_t length, double *out);
/// With so many decimals (C's %.*f), and with up to 17 as a long double of Redis' "human" form.
int cs_format_decimals(double value, int decimals, char *out, size_t capacity);
int cs_format_human(double value, char *out, size_t capacity);
/// A score in a range: as strtod reads one, spaces before it and nothing at all included, but no NaN and nothing
/// behind it (but a NUL byte). Answers -1 if the text is none.
int cs_parse_bound(const char *text, size_t length, double *out);
/// Seconds as text, a fraction perhaps, rounded up to milliseconds. -1: not a float; -2: too large for 64 bits.
int cs_parse_seconds(const char *text, size_t length, int64_t *milliseconds);
/// old + increment as long doubles in Redis' fixed notation: -1 not a float (old), -2 not a float
/// (increment), -3 NaN or infinity would result.
int cs_add_long_doubles(const char *old, size_t old_length, const char *increment, size_t increment_length, char *out, size_t capacity);

// ---- hashing ---------------------------------------------------------------------------------

/// CRC16/XMODEM, sliced: row r maps a byte followed by r zero bytes. Filled before main().
extern uint16_t cs_crc16_rows[16][256];

CS_INLINE uint16_t cs_crc16(const uint8_t *p, size_t n) {
    uint16_t crc = 0;
    while (n >= 16) {
        crc = (uint16_t)(cs_crc16_rows[15][p[0] ^ (crc >> 8)] ^ cs_crc16_rows[14][p[1] ^ (crc & 255)] ^
              cs_crc16_rows[13][p[2]] ^ cs_crc16_rows[12][p[3]] ^ cs_crc16_rows[11][p[4]] ^ cs_crc16_rows[10][p[5]] ^
              cs_crc16_rows[9][p[6]] ^ cs_crc16_rows[8][p[7]] ^ cs_crc16_rows[7][p[8]] ^ cs_crc16_rows[6][p[9]] ^
              cs_crc16_rows[5][p[10]] ^ cs_crc16_rows[4][p[11]] ^ cs_crc16_rows[3][p[12]] ^ cs_crc16_rows[2][p[13]] ^
              cs_crc16_rows[1][p[14]] ^ cs_crc16_rows[0][p[15]]);
        p += 16;
        n -= 16;
    }
    if (n >= 8) {
        crc = (uint16_t)(cs_crc16_rows[7][p[0] ^ (crc >> 8)] ^ cs_crc16_rows[6][p[1] ^ (crc & 255)] ^
              cs_crc16_rows[5][p[2]] ^ cs_crc16_rows[4][p[3]] ^ cs_crc16_rows[3][p[4]] ^ cs_crc16_rows[2][p[5]] ^
              cs_crc16_rows[1][p[6]] ^ cs_crc16_rows[0][p[7]]);
        p += 8;
        n -= 8;
    }
    while (n--) crc = (uint16_t)((crc << 8) ^ cs_crc16_rows[0][(crc >> 8) ^ *p++]);
    return crc;
}

uint16_t cs_tagged_slot(const uint8_t *p, size_t n, size_t brace);

// The position of the first '{', n if there is none. Reads nothing outside the key.
CS_INLINE size_t cs_find_brace(const uint8_t *p, size_t n) {
    const uint64_t ones = 0x0101010101010101ull, braces = ones * '{';
    if (n >= 8 && n <= 32) {
        uint64_t found = 0, word;
        for (size_t i = 0; i + 8 <= n; i += 8) {
            memcpy(&word, p + i, 8);
            word ^= braces;
            found |= (word - ones) & ~word;
        }
        memcpy(&word, p + n - 8, 8);
        word ^= braces;
        found |= (word - ones) & ~word;
        if (__builtin_expect(!(found & (ones << 7)), 1)) return n;
    }
    const void *brace = memchr(p, '{', n);
    return brace ? (size_t)((const uint8_t *)brace - p) : n;
}

/// The cluster slot (0-16383) of a key, its hash tag respected.
CS_INLINE uint16_t cs_key_slot(const uint8_t *p, size_t n) {
    size_t brace = cs_find_brace(p, n);
    if (__builtin_expect(brace != n, 0)) return cs_tagged_slot(p, n, brace);
    return cs_crc16(p, n) & 16383;
}

/// SHA-256 (FIPS 180-4) of n bytes: 32 bytes at `digest`.
void cs_sha256(const uint8_t *p, size_t n, uint8_t *digest);
/// A key of HMAC-SHA-256 (RFC 2104), made ready once: SHA-256 after the key's inner and outer block.
typedef struct { uint64_t inner[16], outer[16]; } cs_hmac_key;
void cs_hmac_prepare(cs_hmac_key *key, const uint8_t *secret, size_t n);
/// HMAC-SHA-256 of n bytes: 32 bytes at `digest`.
void cs_hmac_sha256(const cs_hmac_key *key, const uint8_t *p, size_t n, uint8_t *digest);
/// GMAC: AES-256-GCM (NIST SP 800-38D) that encrypts nothing. Belongs to one thread.
typedef struct cs_gmac cs_gmac;
/// `key`: 32 bytes.
cs_gmac *cs_gmac_make(const uint8_t *key);
void cs_gmac_free(cs_gmac *gmac);
/// The 16 bytes of n bytes at `code`. `number` is the nonce: one key may see it once.
void cs_gmac_code(cs_gmac *gmac, uint64_t number, const uint8_t *p, size_t n, uint8_t *code);
/// 1 if n bytes are the same; takes as long wherever they differ.
int cs_equal_secretly(const uint8_t *a, const uint8_t *b, size_t n);
/// Fills n bytes with what nobody can predict.
void cs_secret_bytes(uint8_t *p, size_t n);

/// Secrets of cs_hash: random per process (hash flooding), unless they are derived from something that nobody outside
/// knows, before anything has been hashed. Tests fix them.
extern uint64_t cs_hash_secrets[4];
void cs_hash_derive_secrets(uint64_t secret);
void cs_hash_fix_secrets(uint64_t seed);

CS_INLINE uint64_t cs_read8(const uint8_t *p) { uint64_t v; memcpy(&v, p, 8); return v; }
CS_INLINE uint64_t cs_read4(const uint8_t *p) { uint32_t v; memcpy(&v, p, 4); return v; }
CS_INLINE uint64_t cs_fold(uint64_t a, uint64_t b) {
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}
/// A 64-bit hash of the multiply-and-fold kind, with these secrets.
CS_INLINE uint64_t cs_hash_with(const uint8_t *p, size_t n, uint64_t s0, uint64_t s1, uint64_t seed) {
    uint64_t a, b;
    if (n <= 16) {
        if (n >= 4) {
            size_t step = (n >> 3) << 2;
            a = (cs_read4(p) << 32) | cs_read4(p + step);
            b = (cs_read4(p + n - 4) << 32) | cs_read4(p + n - 4 - step);
        } else if (n > 0) {
            a = ((uint64_t)p[0] << 16) | ((uint64_t)p[n >> 1] << 8) | p[n - 1];
            b = 0;
        } else {
            a = b = 0;
        }
    } else {
        size_t left = n;
        while (left > 16) {
            seed = cs_fold(cs_read8(p) ^ s1, cs_read8(p + 8) ^ seed);
            p += 16;
            left -= 16;
        }
        a = cs_read8(p + left - 16);
        b = cs_read8(p + left - 8);
    }
    return cs_fold(s1 ^ n, cs_fold(a ^ s1, b ^ seed ^ s0));
}
/// With this process' secrets: not for anything that leaves it.
CS_INLINE uint64_t cs_hash(const uint8_t *p, size_t n) {
    return cs_hash_with(p, n, cs_hash_secrets[0], cs_hash_secrets[1], cs_hash_secrets[2]);
}
/// The same everywhere and for ever: what files hold may depend on it.
CS_INLINE uint64_t cs_stable_hash(const uint8_t *p, size_t n, uint64_t seed) {
    return cs_hash_with(p, n, 0x9e3779b97f4a7c15ull, 0xd1b54a32d192ed03ull, seed);
}

/// How many of the eight numbers in a cache line are not above `wanted`. Without branches.
CS_INLINE uint64_t cs_count_not_above(const uint64_t *line, uint64_t wanted) {
    uint64_t count = 0;
    for (int i = 0; i < 8; i++) count += line[i] <= wanted;
    return count;
}

/// How many leading bytes are equal, of n.
CS_INLINE size_t cs_common_prefix(const uint8_t *a, const uint8_t *b, size_t n) {
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        uint64_t difference = cs_read8(a + i) ^ cs_read8(b + i);
        if (difference) return i + (size_t)__builtin_ctzll(difference) / 8;
    }
    while (i < n && a[i] == b[i]) i++;
    return i;
}

CS_INLINE int cs_equal(const uint8_t *a, const uint8_t *b, size_t n) {
    if (n >= 8 && n <= 16) return cs_read8(a) == cs_read8(b) && cs_read8(a + n - 8) == cs_read8(b + n - 8);
    return memcmp(a, b, n) == 0;
}

// ---- a doorbell: 0 nothing, 1 rung, 2 somebody sleeps until it rings -------------------------

void cs_doorbell_ring(uint32_t *word);
/// Returns once it has rung since the last time, or after so many microseconds (negative: never).
void cs_doorbell_wait(uint32_t *word, int64_t microseconds);

// ---- checksums -----------------------------------------------------------------------------

/// CRC-32C of more bytes, after `crc` for those before them (0 at first).
uint32_t cs_crc32c(uint32_t crc, const void *bytes, size_t count);
/// The same without the processor's instruction.
uint32_t cs_crc32c_by_table(uint32_t crc, const void *bytes, size_t count);

// ---- compression: LZ4 and Zstandard ---------------------------------------------------------

/// Bytes written, 0 if there is not room enough.
size_t cs_lz4_compress(const void *from, size_t count, void *to, size_t room);
size_t cs_zstd_compress(const void *from, size_t count, void *to, size_t room, int level);
/// 1 if the bytes were such, and `wanted` bytes before. Never writes more.
int cs_lz4_decompress(const void *from, size_t count, void *to, size_t wanted);
int cs_zstd_decompress(const void *from, size_t count, void *to, size_t wanted);

// ---- files: each answers minus errno when it fails ------------------------------------------

int64_t cs_file_open(const char *path, int flags);
/// As pread(2) and pwrite(2): maybe fewer bytes than asked for.
int64_t cs_file_read(int fd, void *bytes, size_t count, int64_t at);
/// The same if the bytes are in memory; -EAGAIN if the disk would have to be asked, or nobody can say.
int64_t cs_file_read_cached(int fd, void *bytes, size_t count, int64_t at);
int64_t cs_file_write(int fd, const void *bytes, size_t count, int64_t at);
int64_t cs_file_sync(int fd);
int64_t cs_file_truncate(int fd, int64_t size);
int64_t cs_file_size(int fd);
/// Takes the file for this process; -EWOULDBLOCK if another one has it.
int64_t cs_file_lock(int fd);
int64_t cs_path_rename(const char *from, const char *to);
int64_t cs_path_link(const char *from, const char *to);
int64_t cs_path_remove(const char *path);
int64_t cs_path_make_directory(const char *path);
int64_t cs_path_sync_directory(const char *path);
/// Bytes that may still be written on the path's file system.
int64_t cs_path_free_bytes(const char *path);
/// Calls back for each name in a directory, in no order.
int64_t cs_path_list(const char *path, void *context, void (*found)(void *context, const char *name));
/// The system's words for an errno.
void cs_error_text(int code, char *text, size_t capacity);
