#define _GNU_SOURCE
#include "CSystem.h"

#include <linux/futex.h>
#include <link.h>
#include <math.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>

static long futex(uint32_t *word, int operation, uint32_t value) {
    return syscall(SYS_futex, word, operation | FUTEX_PRIVATE_FLAG, value, NULL, NULL, 0);
}

void cs_lock_slow(uint32_t *word) {
    // Critical sections are mostly below a microsecond: spin about that long before sleeping.
    for (int spins = 0; spins < 400; spins++) {
        if (__atomic_load_n(word, __ATOMIC_RELAXED) == 0 && cs_try_lock(word)) return;
#if defined(__x86_64__)
        __builtin_ia32_pause();
#endif
    }
    while (__atomic_exchange_n(word, 2, __ATOMIC_ACQUIRE) != 0) futex(word, FUTEX_WAIT, 2);
}

static _Thread_local void *thread_value;

void *cs_thread_value(void) { return thread_value; }

void cs_set_thread_value(void *value) { thread_value = value; }

int cs_lock_for(uint32_t *word, unsigned microseconds) {
    for (int spins = 0; spins < 400; spins++) {
        if (__atomic_load_n(word, __ATOMIC_RELAXED) == 0 && cs_try_lock(word)) return 1;
#if defined(__x86_64__)
        __builtin_ia32_pause();
#endif
    }
    uint64_t end = cs_monotonic_ns() + (uint64_t)microseconds * 1000;
    // Left at 2 after giving up, the word costs its holder one call that wakes nobody.
    while (__atomic_exchange_n(word, 2, __ATOMIC_ACQUIRE) != 0) {
        uint64_t now = cs_monotonic_ns();
        if (now >= end) return 0;
        struct timespec left = {(time_t)((end - now) / 1000000000), (long)((end - now) % 1000000000)};
        syscall(SYS_futex, word, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 2, &left, NULL, 0);
    }
    return 1;
}

void cs_doorbell_ring(uint32_t *word) {
    if (__atomic_exchange_n(word, 1, __ATOMIC_ACQ_REL) == 2) futex(word, FUTEX_WAKE, 1);
}

void cs_doorbell_wait(uint32_t *word, int64_t microseconds) {
    uint32_t nothing = 0;
    if (__atomic_compare_exchange_n(word, &nothing, 2, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
        struct timespec left = {microseconds / 1000000, (long)(microseconds % 1000000) * 1000};
        syscall(SYS_futex, word, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 2, microseconds < 0 ? NULL : &left, NULL, 0);
    }
    // In order with what the thread looks at next: a ring that this takes back is for work that it then finds.
    __atomic_store_n(word, 0, __ATOMIC_SEQ_CST);
}

void cs_unlock_wake(uint32_t *word) { futex(word, FUTEX_WAKE, 1); }

size_t cs_allocator_figure(const char *name) {
    size_t value = 0, size = sizeof value;
    return mallctl(name, &value, &size, NULL, 0) == 0 ? value : 0;
}

void cs_allocator_refresh(void) {
    uint64_t epoch = 1;
    size_t size = sizeof epoch;
    mallctl("epoch", &epoch, &size, &epoch, size);
}

// Where jemalloc counts what the calling thread has allocated and freed.
static __thread uint64_t *allocated_bytes, *freed_bytes;

static int find_thread_counters(void) {
    size_t size = sizeof allocated_bytes;
    return mallctl("thread.allocatedp", &allocated_bytes, &size, NULL, 0) == 0 &&
           mallctl("thread.deallocatedp", &freed_bytes, &size, NULL, 0) == 0;
}

uint64_t cs_thread_allocated(void) { return freed_bytes || find_thread_counters() ? *allocated_bytes : 0; }

int64_t cs_thread_balance(void) {
    return freed_bytes || find_thread_counters() ? (int64_t)(*allocated_bytes - *freed_bytes) : 0;
}

// The threads whose memory is counted, with what each had in use when that began; and what those left that have ended.
struct counted_thread {
    const uint64_t *allocated, *freed;
    int64_t before;
};
enum { counted_threads_max = 256 };
static struct {
    uint32_t lock;
    int count;
    int64_t ended;
    struct counted_thread threads[counted_threads_max];
} counted;
static pthread_key_t counting_key;
static pthread_once_t counting_once = PTHREAD_ONCE_INIT;

static int64_t balance_of(const struct counted_thread *thread) {
    uint64_t allocated = __atomic_load_n(thread->allocated, __ATOMIC_RELAXED);
    uint64_t freed = __atomic_load_n(thread->freed, __ATOMIC_RELAXED);
    return (int64_t)(allocated - freed) - thread->before;
}

// At the thread's end: its counters go with it.
static void end_counting(void *own) {
    cs_lock(&counted.lock);
    for (int i = 0; i < counted.count; i++) {
        if (counted.threads[i].allocated != own) continue;
        counted.ended += balance_of(&counted.threads[i]);
        counted.threads[i] = counted.threads[--counted.count];
        break;
    }
    cs_unlock(&counted.lock);
}

static void make_counting_key(void) { pthread_key_create(&counting_key, end_counting); }

static __thread int is_counted;

void cs_count_thread_memory(void) {
    if (is_counted || !(freed_bytes || find_thread_counters())) return;
    is_counted = 1;
    pthread_once(&counting_once, make_counting_key);
    cs_lock(&counted.lock);
    if (counted.count < counted_threads_max) {
        struct counted_thread *own = &counted.threads[counted.count++];
        *own = (struct counted_thread){allocated_bytes, freed_bytes, cs_thread_balance()};
        pthread_setspecific(counting_key, allocated_bytes);
    }
    cs_unlock(&counted.lock);
}

int64_t cs_counted_memory(void) {
    cs_lock(&counted.lock);
    int64_t sum = counted.ended;
    for (int i = 0; i < counted.count; i++) sum += balance_of(&counted.threads[i]);
    cs_unlock(&counted.lock);
    return sum;
}

int cs_join_pages(void *address) {
    enum { small = 4096, count = 2 << 20 >> 12, enough = count * 15 / 16, collapse = 25 };
    unsigned char resident[count];
    if (mincore(address, CS_LARGE_PAGE, resident)) return -errno;
    int used = 0;
    for (int i = 0; i < count; i++) used += resident[i] & 1;
    if (used < enough) return 0;
    return madvise(address, CS_LARGE_PAGE, collapse) == 0 ? 1 : -errno;
}

void cs_use_own_arena(void) {
    unsigned arena = 0;
    size_t size = sizeof arena;
    if (mallctl("arenas.create", &arena, &size, NULL, 0) == 0) mallctl("thread.arena", NULL, NULL, &arena, size);
}

void cs_allocator_purge(void) { mallctl("arena.4096.purge", NULL, NULL, NULL, 0); }

void cs_allocator_purge_own(void) {
    unsigned arena = 0;
    size_t size = sizeof arena;
    mallctl("thread.tcache.flush", NULL, NULL, NULL, 0);
    if (mallctl("thread.arena", &arena, &size, NULL, 0)) return;
    char name[32];
    snprintf(name, sizeof name, "arena.%u.purge", arena);
    mallctl(name, NULL, NULL, NULL, 0);
}

void *cs_map_pages(size_t size) {
    void *pages = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return pages == MAP_FAILED ? NULL : pages;
}

void cs_unmap_pages(void *pages, size_t size) { munmap(pages, size); }

void cs_empty_pages(void *block, size_t size) {
    uintptr_t page = 4095, start = ((uintptr_t)block + page) & ~page, end = ((uintptr_t)block + size) & ~page;
    if (end > start) madvise((void *)start, end - start, MADV_DONTNEED);
}

double cs_nanoseconds_per_tick(void) {
    static double rate = 0;
    if (rate != 0) return rate;
    uint64_t ns = cs_monotonic_ns(), ticks = cs_ticks();
    while (cs_monotonic_ns() - ns < 1000000) {}
    uint64_t ticks_passed = cs_ticks() - ticks;
    rate = ticks_passed ? (double)(cs_monotonic_ns() - ns) / (double)ticks_passed : 1;
    return rate;
}

long cs_raise_open_files(long wanted) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit)) return -1;
    if ((rlim_t)wanted <= limit.rlim_cur) return (long)limit.rlim_cur;
    rlim_t hard = limit.rlim_max;
    limit.rlim_cur = (rlim_t)wanted;
    if ((rlim_t)wanted > hard) limit.rlim_max = (rlim_t)wanted;
    if (setrlimit(RLIMIT_NOFILE, &limit)) {
        limit.rlim_cur = limit.rlim_max = hard;
        if (setrlimit(RLIMIT_NOFILE, &limit)) getrlimit(RLIMIT_NOFILE, &limit);
    }
    return (long)limit.rlim_cur;
}

// An IP address' socket address; answers its length, or 0.
static socklen_t socket_address(const char *address, int port, struct sockaddr_storage *storage) {
    memset(storage, 0, sizeof *storage);
    struct sockaddr_in *v4 = (struct sockaddr_in *)storage;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)storage;
    if (inet_pton(AF_INET, address, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons((uint16_t)port);
        return sizeof *v4;
    }
    if (inet_pton(AF_INET6, address, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons((uint16_t)port);
        return sizeof *v6;
    }
    return 0;
}

// The same, where "*" and "::*" stand for any.
static socklen_t local_address(const char *address, int port, struct sockaddr_storage *storage) {
    if (strcmp(address, "*") == 0) address = "0.0.0.0";
    if (strcmp(address, "::*") == 0) address = "::";
    return socket_address(address, port, storage);
}

int cs_listen_tcp(const char *address, int port, int backlog, int reuse) {
    struct sockaddr_storage storage;
    socklen_t length = local_address(address, port, &storage);
    if (!length) return -EINVAL;
    int fd = socket(storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
    if (fd < 0) return -errno;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (reuse) setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
    if (storage.ss_family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&storage, length) || listen(fd, backlog)) {
        int reason = errno;
        close(fd);
        return -reason;
    }
    return fd;
}

int cs_connect_start(const char *address, int port) {
    struct sockaddr_storage storage;
    socklen_t length = socket_address(address, port, &storage);
    if (!length) return -EINVAL;
    int fd = socket(storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    if (connect(fd, (struct sockaddr *)&storage, length) == 0 || errno == EINPROGRESS) return fd;
    int reason = errno;
    close(fd);
    return -reason;
}

int cs_connect_result(int fd) {
    int failure = 0;
    socklen_t size = sizeof failure;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &size) ? errno : failure;
}

int cs_bind_udp(const char *address, int port) {
    struct sockaddr_storage storage;
    socklen_t length = local_address(address, port, &storage);
    if (!length) return -EINVAL;
    int fd = socket(storage.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
    if (fd < 0) return -errno;
    if (storage.ss_family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&storage, length) == 0) return fd;
    int reason = errno;
    close(fd);
    return -reason;
}

int cs_send_datagram(int fd, const uint8_t *bytes, size_t count, const char *address, int port) {
    struct sockaddr_storage storage;
    socklen_t length = socket_address(address, port, &storage);
    if (!length) return -EINVAL;
    ssize_t sent = sendto(fd, bytes, count, MSG_NOSIGNAL | MSG_DONTWAIT, (struct sockaddr *)&storage, length);
    return sent < 0 ? -errno : 0;
}

long cs_receive_datagram(int fd, uint8_t *bytes, size_t capacity, char *address, int *port) {
    struct sockaddr_storage from;
    socklen_t length = sizeof from;
    ssize_t count = recvfrom(fd, bytes, capacity, MSG_DONTWAIT, (struct sockaddr *)&from, &length);
    if (count < 0) return -errno;
    *port = 0;
    strcpy(address, "?");
    if (from.ss_family == AF_INET) {
        struct sockaddr_in *v4 = (struct sockaddr_in *)&from;
        inet_ntop(AF_INET, &v4->sin_addr, address, INET6_ADDRSTRLEN);
        *port = ntohs(v4->sin_port);
    } else if (from.ss_family == AF_INET6) {
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&from;
        inet_ntop(AF_INET6, &v6->sin6_addr, address, INET6_ADDRSTRLEN);
        *port = ntohs(v6->sin6_port);
    }
    return count;
}

int cs_address_family(const char *address) {
    struct sockaddr_storage storage;
    if (!socket_address(address, 0, &storage)) return 0;
    return storage.ss_family == AF_INET ? 4 : 6;
}

int cs_resolve(const char *name, char *address) {
    struct addrinfo hints, *found = NULL;
    memset(&hints, 0, sizeof hints);
    hints.ai_socktype = SOCK_DGRAM;
    if (getaddrinfo(name, NULL, &hints, &found)) return -1;
    int failure = getnameinfo(found->ai_addr, found->ai_addrlen, address, INET6_ADDRSTRLEN, NULL, 0, NI_NUMERICHOST);
    freeaddrinfo(found);
    return failure ? -1 : 0;
}

static int wait_for(int fd, short events, int timeout_ms) {
    struct pollfd waiting = {fd, events, 0};
    int ready;
    do ready = poll(&waiting, 1, timeout_ms);
    while (ready < 0 && errno == EINTR);
    return ready == 1;
}

static int connect_one(const struct addrinfo *address, int timeout_ms) {
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
    if (fd < 0) return -1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(fd, address->ai_addr, address->ai_addrlen) == 0) return fd;
    int failure = errno;
    socklen_t size = sizeof failure;
    if (failure == EINPROGRESS && wait_for(fd, POLLOUT, timeout_ms)
        && getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &size) == 0 && failure == 0)
        return fd;
    close(fd);
    return -1;
}

int cs_connect_tcp(const char *host, int port, int timeout_ms) {
    char service[16];
    snprintf(service, sizeof service, "%d", port);
    struct addrinfo hints, *found = NULL;
    memset(&hints, 0, sizeof hints);
    hints.ai_socktype = SOCK_STREAM;
    if (port <= 0 || port > 65535 || getaddrinfo(host, service, &hints, &found)) return -1;
    int fd = -1;
    for (struct addrinfo *address = found; address && fd < 0; address = address->ai_next)
        fd = connect_one(address, timeout_ms);
    freeaddrinfo(found);
    return fd;
}

int cs_send_all(int fd, const uint8_t *bytes, size_t count, int timeout_ms) {
    while (count) {
        ssize_t sent = send(fd, bytes, count, MSG_NOSIGNAL);
        if (sent > 0) {
            bytes += sent;
            count -= (size_t)sent;
        } else if (errno != EINTR && !(errno == EAGAIN && wait_for(fd, POLLOUT, timeout_ms))) {
            return -1;
        }
    }
    return 0;
}

long cs_receive(int fd, uint8_t *bytes, size_t capacity, int timeout_ms) {
    while (1) {
        ssize_t count = recv(fd, bytes, capacity, 0);
        if (count >= 0) return count;
        if (errno != EINTR && !(errno == EAGAIN && wait_for(fd, POLLIN, timeout_ms))) return -1;
    }
}

int cs_listen_unix(const char *path, int backlog, unsigned permissions) {
    struct sockaddr_un a;
    memset(&a, 0, sizeof a);
    a.sun_family = AF_UNIX;
    if (strlen(path) >= sizeof a.sun_path) return -ENAMETOOLONG;
    strcpy(a.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    unlink(path);
    if (bind(fd, (struct sockaddr *)&a, sizeof a) || (permissions && chmod(path, permissions)) || listen(fd, backlog)) {
        int reason = errno;
        close(fd);
        return -reason;
    }
    return fd;
}

int cs_local_port(int fd) {
    struct sockaddr_storage a;
    socklen_t length = sizeof a;
    if (getsockname(fd, (struct sockaddr *)&a, &length)) return -1;
    if (a.ss_family == AF_INET) return ntohs(((struct sockaddr_in *)&a)->sin_port);
    if (a.ss_family == AF_INET6) return ntohs(((struct sockaddr_in6 *)&a)->sin6_port);
    return 0;
}

int cs_accept(int listener) {
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    return fd >= 0 ? fd : -errno;
}

void cs_configure_tcp(int fd, int keepalive_seconds) {
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (keepalive_seconds <= 0) return;
    int interval = keepalive_seconds / 3 ? keepalive_seconds / 3 : 1, probes = 3;
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &keepalive_seconds, sizeof keepalive_seconds);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
}

void cs_configure_peer(int fd, int timeout_ms) {
    int one = 1, probes = 3, seconds = timeout_ms / 2000 > 0 ? timeout_ms / 2000 : 1, interval = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &seconds, sizeof seconds);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof timeout_ms);
}

int cs_address_text(int fd, int peer, char *text, size_t capacity) {
    struct sockaddr_storage a;
    socklen_t length = sizeof a;
    if (peer ? getpeername(fd, (struct sockaddr *)&a, &length) : getsockname(fd, (struct sockaddr *)&a, &length))
        return snprintf(text, capacity, "?:0");
    char host[INET6_ADDRSTRLEN] = "?";
    if (a.ss_family == AF_INET) {
        struct sockaddr_in *v4 = (struct sockaddr_in *)&a;
        inet_ntop(AF_INET, &v4->sin_addr, host, sizeof host);
        return snprintf(text, capacity, "%s:%d", host, ntohs(v4->sin_port));
    }
    if (a.ss_family == AF_INET6) {
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&a;
        inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof host);
        return snprintf(text, capacity, "[%s]:%d", host, ntohs(v6->sin6_port));
    }
    // Either end of a unix connection is named by the path that the server listens on.
    length = sizeof a;
    if (getsockname(fd, (struct sockaddr *)&a, &length)) return snprintf(text, capacity, "?:0");
    return snprintf(text, capacity, "%s:0", ((struct sockaddr_un *)&a)->sun_path);
}

int cs_peer_is_local(int fd) {
    struct sockaddr_storage a;
    socklen_t length = sizeof a;
    if (getpeername(fd, (struct sockaddr *)&a, &length)) return 1;
    if (a.ss_family == AF_INET) return (ntohl(((struct sockaddr_in *)&a)->sin_addr.s_addr) >> 24) == 127;
    if (a.ss_family == AF_INET6) {
        struct in6_addr *v6 = &((struct sockaddr_in6 *)&a)->sin6_addr;
        return IN6_IS_ADDR_LOOPBACK(v6) || (IN6_IS_ADDR_V4MAPPED(v6) && v6->s6_addr[12] == 127);
    }
    return 1;
}

void cs_pin_thread(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    sched_setaffinity(0, sizeof set, &set);
}

int cs_available_cpus(void) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set)) return 1;
    return CPU_COUNT(&set);
}

int cs_nth_available_cpu(int n) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set)) return -1;
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &set) && n-- == 0) return cpu;
    return -1;
}

void cs_sleep_precisely(void) { prctl(PR_SET_TIMERSLACK, 1000, 0, 0, 0); }

void cs_begin_thread(const char *name) {
    pthread_setname_np(pthread_self(), name);
    cs_count_thread_memory();
}

int cs_signal_descriptor(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

int cs_read_signal(int fd) {
    struct signalfd_siginfo info;
    return read(fd, &info, sizeof info) == sizeof info ? (int)info.ssi_signo : 0;
}

int cs_daemonize(void) {
    pid_t child = fork();
    if (child < 0) return -errno;
    if (child > 0) _exit(0);
    setsid();
    return 0;
}

void cs_close_standard_streams(void) {
    int null = open("/dev/null", O_RDWR);
    if (null < 0) return;
    dup2(null, 0);
    dup2(null, 1);
    dup2(null, 2);
    if (null > 2) close(null);
}

size_t cs_resident_bytes(void) {
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    char text[128] = {0};
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    unsigned long total, resident;
    if (n <= 0 || sscanf(text, "%lu %lu", &total, &resident) != 2) return 0;
    return resident * (size_t)sysconf(_SC_PAGESIZE);
}

static int map_code(struct dl_phdr_info *program, size_t size, void *unused) {
    enum { populate_read = 22 };
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    for (int i = 0; i < program->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &program->dlpi_phdr[i];
        if (part->p_type != PT_LOAD || !(part->p_flags & PF_X)) continue;
        uintptr_t start = (program->dlpi_addr + part->p_vaddr) & ~(page - 1);
        uintptr_t end = (program->dlpi_addr + part->p_vaddr + part->p_memsz + page - 1) & ~(page - 1);
        if (madvise((void *)start, end - start, populate_read)) return -errno;
    }
    return 1; // The program itself comes first: its libraries are left alone.
}

int cs_map_code(void) { return dl_iterate_phdr(map_code, NULL); }

// sched_setattr(2), which Debian 12's C library has no function for.
struct scheduling {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t slice, deadline, period;
};

static int thread_nice(void) { return getpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid)); }

static int set_scheduling(uint32_t policy, int32_t nice, uint64_t slice) {
    struct scheduling wanted = {.size = sizeof wanted, .policy = policy, .nice = nice, .slice = slice};
    return (int)syscall(SYS_sched_setattr, 0, &wanted, 0);
}

void cs_make_thread_prompt(void) {
    set_scheduling(SCHED_OTHER, thread_nice(), 500 * 1000);
}

// Whether the calling thread gives way.
static __thread int is_low;

void cs_give_way(void) {
    if (is_low) sched_yield();
}

void cs_make_thread_low(void) {
    is_low = 1;
    int nice = thread_nice() + 15;
    set_scheduling(SCHED_BATCH, nice > 19 ? 19 : nice, 0);
}

void cs_make_thread_idle(void) {
    is_low = 1;
    // Where the system has no such class, the least of the usual one.
    if (set_scheduling(SCHED_IDLE, 0, 0)) setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), 19);
}
