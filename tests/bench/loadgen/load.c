/* A load generator that costs little: one epoll thread, one JSON line of results.
 *
 *   load closed PORT CONNECTIONS SECONDS PATH   each connection asks again as soon as it is answered: saturation
 *   load open   PORT RATE        SECONDS PATH   arrivals at a constant rate, whatever the answers do; latency counts from
 *                                               the time at which the request was due, so that waiting is not left out
 *   load stream PORT CONNECTIONS SECONDS PATH   as closed, with "stream": true; time to the first byte of the body
 *   load steady PORT CONNECTIONS SECONDS PATH   as stream, but the connections begin evenly over the first two seconds
 *
 * Percentiles are in milliseconds. Nothing is retried: a connection that ends costs its request.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_CONNECTIONS = 8192, HEAD_BYTES = 16384, READ_BYTES = 262144, MAX_SAMPLES = 8000000 };
#define SPREAD_NS 2000000000LL
enum framing { HEAD, LENGTH, SIZE, DATA, DATA_END, TRAILER };

struct connection {
    int fd, is_busy, status, head_length;
    enum framing at;
    int64_t due_ns, sent_ns, first_ns;
    uint64_t left;
    int size_digits, line_length, newlines;
    char head[HEAD_BYTES];
};

struct samples {
    double *ms;
    long count;
};

static struct connection *connections;
static int idle[MAX_CONNECTIONS], idle_count, used, poller, port, is_open_loop;
static char request[8192], input[READ_BYTES];
static size_t request_length;
static struct samples latency, first_byte;
static long answered, not_200, broken, events, busy;
static int64_t last_ns;

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void note(struct samples *s, int64_t ns) {
    if (s->count < MAX_SAMPLES)
        s->ms[s->count++] = (double)ns / 1e6;
}

static int open_connection(struct connection *c) {
    struct sockaddr_in place = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&place, sizeof place)) {
        close(fd);
        return -1;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(poller, EPOLL_CTL_ADD, fd, &e);
    c->fd = fd;
    return 0;
}

static void ask(struct connection *c, int64_t due) {
    if (c->fd < 0 && open_connection(c)) {
        broken++;
        idle[idle_count++] = (int)(c - connections);
        return;
    }
    c->is_busy = 1;
    busy++;
    c->at = HEAD;
    c->head_length = c->newlines = 0;
    c->first_ns = 0;
    c->due_ns = due;
    c->sent_ns = now_ns();
    if (send(c->fd, request, request_length, MSG_NOSIGNAL) != (ssize_t)request_length)
        shutdown(c->fd, SHUT_RDWR); /* seen as an end by the next read */
}

static void body_piece(struct connection *c, const char *data, size_t length) {
    if (!c->first_ns && length) {
        c->first_ns = now_ns();
        note(&first_byte, c->first_ns - c->sent_ns);
    }
    for (size_t i = 0; i < length; i++) {
        c->newlines = data[i] == '\n' ? c->newlines + 1 : 0;
        events += c->newlines == 2;
    }
}

static int start_body(struct connection *c) {
    c->status = atoi(c->head + 9);
    char *length = strcasestr(c->head, "\r\ncontent-length:");
    c->size_digits = c->line_length = 0;
    c->left = length ? strtoul(length + 17, NULL, 10) : 0;
    c->at = strcasestr(c->head, "\r\ntransfer-encoding:") ? SIZE : LENGTH;
    return c->at == LENGTH && c->left == 0;
}

/* Takes bytes of the chunked framing; 1 = the end of the body. */
static int chunk_byte(struct connection *c, char byte) {
    if (c->at == SIZE) {
        int digit = byte >= '0' && byte <= '9' ? byte - '0' : (byte | 32) >= 'a' && (byte | 32) <= 'f' ? (byte | 32) - 'a' + 10 : -1;
        if (digit >= 0) {
            c->left = c->size_digits++ ? c->left * 16 + (uint64_t)digit : (uint64_t)digit;
        } else if (byte == '\n') {
            c->at = c->left ? DATA : TRAILER;
            c->size_digits = c->line_length = 0;
        }
    } else if (c->at == DATA_END) {
        if (byte == '\n')
            c->at = SIZE;
    } else if (byte == '\n') {
        if (!c->line_length)
            return 1;
        c->line_length = 0;
    } else if (byte != '\r') {
        c->line_length++;
    }
    return 0;
}

/* 1 = the answer is complete. */
static int take(struct connection *c, const char *data, size_t length) {
    while (length) {
        if (c->at == HEAD) {
            if (c->head_length == HEAD_BYTES - 1)
                return -1;
            c->head[c->head_length++] = *data++;
            length--;
            if (c->head_length >= 4 && !memcmp(c->head + c->head_length - 4, "\r\n\r\n", 4)) {
                c->head[c->head_length] = 0;
                if (start_body(c))
                    return 1;
            }
        } else if (c->at == LENGTH || c->at == DATA) {
            size_t n = length < c->left ? length : (size_t)c->left;
            body_piece(c, data, n);
            data += n;
            length -= n;
            c->left -= n;
            if (!c->left && c->at == LENGTH)
                return 1;
            if (!c->left)
                c->at = DATA_END;
        } else {
            length--;
            if (chunk_byte(c, *data++))
                return 1;
        }
    }
    return 0;
}

static void finished(struct connection *c, int is_broken, int64_t end) {
    c->is_busy = 0;
    busy--;
    if (is_broken) {
        broken++;
    } else {
        last_ns = now_ns();
        answered++;
        not_200 += c->status != 200;
        note(&latency, last_ns - c->due_ns);
    }
    if (is_open_loop)
        idle[idle_count++] = (int)(c - connections);
    else if (now_ns() < end)
        ask(c, now_ns());
}

static void receive(struct connection *c, int64_t end) {
    ssize_t got = recv(c->fd, input, READ_BYTES, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN)
        return;
    int state = got > 0 && c->is_busy ? take(c, input, (size_t)got) : -1;
    if (state == 0)
        return;
    if (state < 0) {
        close(c->fd);
        c->fd = -1;
    }
    if (c->is_busy)
        finished(c, state < 0, end);
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void percentiles(const char *prefix, struct samples *s) {
    static const struct { const char *name; double share; } wanted[] = {{"p50", 0.5}, {"p95", 0.95}, {"p99", 0.99}, {"max", 1.0}};
    qsort(s->ms, (size_t)s->count, sizeof *s->ms, compare);
    for (int i = 0; i < 4; i++) {
        long at = (long)(wanted[i].share * (double)s->count);
        if (s->count)
            printf(", \"%s%s_ms\": %.4f", prefix, wanted[i].name, s->ms[at < s->count ? at : s->count - 1]);
        else
            printf(", \"%s%s_ms\": null", prefix, wanted[i].name);
    }
}

static void make_request(const char *path, int is_stream) {
    char words[801], body[2048];
    for (int i = 0; i < 800; i++)
        words[i] = "please summarise this ticket for the team "[i % 42];
    words[800] = 0;
    int length = snprintf(body, sizeof body,
                          "{\"model\":\"fake\",\"messages\":[{\"role\":\"system\",\"content\":\"You are helpful.\"},"
                          "{\"role\":\"user\",\"content\":\"%s\"}],\"temperature\":0.2%s}", words, is_stream ? ",\"stream\":true" : "");
    request_length = (size_t)snprintf(request, sizeof request,
                                      "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\ncontent-type: application/json\r\n"
                                      "authorization: Bearer sk-1234\r\ncontent-length: %d\r\n\r\n%s", path, length, body);
}

static int64_t arrivals(int64_t began, int64_t end, double rate, long *issued) {
    for (;;) {
        int64_t due = began + (int64_t)((double)*issued * 1e9 / rate);
        if (due >= end)
            return end;
        if (due > now_ns())
            return due;
        ++*issued;
        if (idle_count)
            ask(&connections[idle[--idle_count]], due);
        else if (used < MAX_CONNECTIONS)
            ask(&connections[used++], due);
        else
            broken++;
    }
}

int main(int count, char **given) {
    if (count != 6)
        return 2;
    is_open_loop = !strcmp(given[1], "open");
    port = atoi(given[2]);
    double rate = atof(given[3]), seconds = atof(given[4]);
    make_request(given[5], !strcmp(given[1], "stream"));
    signal(SIGPIPE, SIG_IGN);
    connections = calloc(MAX_CONNECTIONS, sizeof *connections);
    for (int i = 0; i < MAX_CONNECTIONS; i++)
        connections[i].fd = -1;
    latency.ms = malloc(MAX_SAMPLES * sizeof(double));
    first_byte.ms = malloc(MAX_SAMPLES * sizeof(double));
    poller = epoll_create1(0);
    int64_t began = now_ns(), end = began + (int64_t)(seconds * 1e9), patience = end + 8000000000;
    long issued = 0;
    int64_t spread = !strcmp(given[1], "steady") ? SPREAD_NS : 0;
    if (!is_open_loop && !spread)
        while (used < (int)rate && used < MAX_CONNECTIONS)
            ask(&connections[used++], now_ns());
    struct epoll_event ready[256];
    for (;;) {
        int64_t now = now_ns(), until = now + 20000000;
        if (is_open_loop && now < end)
            until = arrivals(began, end, rate, &issued);
        else if (spread && used < (int)rate && used < MAX_CONNECTIONS)
            until = arrivals(began, began + spread, rate * 1e9 / (double)spread, &issued);
        now = now_ns();
        if ((now >= end && busy <= 0) || now >= patience)
            break;
        int64_t wait = until > now ? until - now : 0;
        struct timespec timeout = {wait / 1000000000, wait % 1000000000};
        int n = epoll_pwait2(poller, ready, 256, &timeout, NULL);
        for (int i = 0; i < n; i++)
            receive(ready[i].data.ptr, end);
    }
    double elapsed = (double)((last_ns > end ? last_ns : end) - began) / 1e9;
    printf("{\"answered\": %ld, \"not_200\": %ld, \"broken\": %ld, \"unanswered\": %ld, \"per_second\": %.1f, \"events\": %ld, \"seconds\": %.3f",
           answered, not_200, broken, busy > 0 ? busy : 0, (double)answered / elapsed, events, elapsed);
    percentiles("", &latency);
    percentiles("ttft_", &first_byte);
    printf("}\n");
    return 0;
}
