/* The wall clock of chosen processes, moved: preloaded into all of a stack, it does nothing until a file says so.
 *
 * PP_SKEW_FOLDER/NAME holds three numbers (int64 nanoseconds to add, double drift in seconds a second, int64 monotonic
 * nanoseconds since when it drifts); NAME is what the process is called at its start. The monotonic clock is left alone, as
 * by a machine whose time was set.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

struct skew {
    volatile int64_t add_ns;
    volatile double drift;
    volatile int64_t since_ns;
};

static int (*real_clock)(clockid_t, struct timespec *);
static struct skew *skew;

static int has(const char *words, size_t length, const char *word) {
    return memmem(words, length, word, strlen(word)) != NULL;
}

static const char *name_of(const char *words, size_t length) {
    static const char *names[] = {"gateway", "mirror", "recorder", "serve"};
    static char word[64];
    for (int i = 0; i < 4; i++) {
        snprintf(word, sizeof word, "workers.%s", names[i]);
        if (has(words, length, word))
            return names[i];
    }
    if (has(words, length, "workers.celery_app"))
        return memmem(words, length, "\0beat", 6) ? "beat" : "worker";
    return has(words, length, "redis-server") ? "redis" : NULL;
}

__attribute__((constructor)) static void begin(void) {
    char words[4096], path[4096];
    real_clock = dlsym(RTLD_NEXT, "clock_gettime");
    const char *folder = getenv("PP_SKEW_FOLDER");
    int file = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
    ssize_t length = file < 0 ? 0 : read(file, words, sizeof words);
    if (file >= 0)
        close(file);
    const char *name = folder && length > 0 ? name_of(words, (size_t)length) : NULL;
    if (!name)
        return;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return;
    void *found = mmap(NULL, sizeof *skew, PROT_READ, MAP_SHARED, file, 0);
    skew = found == MAP_FAILED ? NULL : found;
    close(file);
}

int clock_gettime(clockid_t clock, struct timespec *out) {
    int failed = real_clock ? real_clock(clock, out) : -1;
    if (failed || !skew || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE) || (!skew->add_ns && skew->drift == 0))
        return failed;
    struct timespec now;
    real_clock(CLOCK_MONOTONIC, &now);
    double passed = (double)((int64_t)now.tv_sec * 1000000000 + now.tv_nsec - skew->since_ns);
    int64_t all = (int64_t)out->tv_sec * 1000000000 + out->tv_nsec + skew->add_ns + (int64_t)(passed * skew->drift);
    out->tv_sec = all / 1000000000;
    out->tv_nsec = all % 1000000000;
    return 0;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone) {
    struct timespec now;
    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &now))
        return -1;
    out->tv_sec = now.tv_sec;
    out->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *out) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out)
        *out = now.tv_sec;
    return now.tv_sec;
}
