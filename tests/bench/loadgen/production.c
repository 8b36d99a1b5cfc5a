/* Production that checks every byte: numbered requests at a constant rate, a line about each one.
 *
 *   production PORT RATE SECONDS NAME LOG PATH
 *
 * Every third request is streamed. A reply has to be what echo.h makes of the request's bytes. Latency counts from the time at
 * which the request was due. Kept connections are looked at before they are used, as HTTP clients do; nothing is retried.
 * SIGTERM: sends no more, waits for what is under way. LOG gets a line for each request, once all are over:
 *   number streamed local_port due_ns sent_ns first_ns end_ns outcome      (CLOCK_MONOTONIC; end_ns 0 = never)
 * outcome: ok | wrong (a byte differs) | status_N | refused | closed (before the reply began) | cut (within it) | unanswered
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "echo.h"

enum { MAX_CONNECTIONS = 4096, MAX_REQUESTS = 4000000, HEAD_BYTES = 16384, READ_BYTES = 65536, BODY_BYTES = 2048, EXPECTED_BYTES = 8192 };
#define PATIENCE_NS 20000000000LL
enum framing { HEAD, LENGTH, SIZE, DATA, DATA_END, TRAILER };
enum outcome { UNANSWERED, GOOD, WRONG, STATUS, REFUSED, CLOSED, CUT };

struct row {
    int64_t due_ns, sent_ns, first_ns, end_ns;
    unsigned short port, status;
    unsigned char outcome;
};

struct connection {
    int fd, is_busy, head_length, size_digits, line_length, is_wrong, status;
    unsigned short port;
    long number;
    enum framing at;
    uint64_t left;
    size_t expected_length, got;
    char head[HEAD_BYTES], expected[EXPECTED_BYTES];
};

static struct connection *connections;
static struct row *rows;
static int idle[MAX_CONNECTIONS], idle_count, used, poller, port;
static long issued, busy;
static const char *name, *path;
static volatile sig_atomic_t is_over;

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int is_streamed(long number) {
    return number % 3 == 0;
}

static int open_connection(struct connection *c) {
    struct sockaddr_in place = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}, own;
    socklen_t size = sizeof own;
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (struct sockaddr *)&place, sizeof place)) {
        close(fd);
        return -1;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    getsockname(fd, (struct sockaddr *)&own, &size);
    c->port = ntohs(own.sin_port);
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(poller, EPOLL_CTL_ADD, fd, &e);
    c->fd = fd;
    return 0;
}

static void let_go(struct connection *c) {
    close(c->fd);
    c->fd = -1;
}

static void close_if_ended(struct connection *c) {
    char byte;
    ssize_t got = c->fd < 0 ? -1 : recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (c->fd >= 0 && (got >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK)))
        let_go(c);
}

static void expect(struct connection *c, const char *body, size_t length) {
    uint64_t hash = echo_of(body, length);
    c->got = c->expected_length = 0;
    if (!is_streamed(c->number)) {
        c->expected_length = echo_whole(c->expected, hash);
        return;
    }
    for (int i = 0; i < ECHO_EVENTS; i++)
        c->expected_length += echo_event(c->expected + c->expected_length, hash, i);
    c->expected_length += (size_t)sprintf(c->expected + c->expected_length, ECHO_END);
}

static size_t make_request(struct connection *c, char *out, size_t size) {
    char words[801], body[BODY_BYTES];
    for (int i = 0; i < 800; i++)
        words[i] = "please summarise this ticket for the team "[i % 42];
    words[800] = 0;
    int length = snprintf(body, sizeof body,
                          "{\"model\":\"vendor-model\",\"messages\":[{\"role\":\"user\",\"content\":\"%s request %ld %s\"}]%s}", name, c->number, words,
                          is_streamed(c->number) ? ",\"stream\":true" : "");
    expect(c, body, (size_t)length);
    return (size_t)snprintf(out, size,
                            "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\ncontent-type: application/json\r\nauthorization: Bearer sk-1234\r\n"
                            "x-pilot-conversation: %s-%ld\r\ncontent-length: %d\r\n\r\n%s", path, name, c->number, length, body);
}

static void finished(struct connection *c, enum outcome outcome) {
    struct row *r = &rows[c->number];
    r->end_ns = now_ns();
    r->outcome = (unsigned char)outcome;
    r->status = (unsigned short)c->status;
    r->port = c->port;
    c->is_busy = 0;
    busy--;
    idle[idle_count++] = (int)(c - connections);
}

static void ask(struct connection *c, long number, int64_t due) {
    char request[BODY_BYTES + 1024];
    c->number = number;
    c->is_busy = 1;
    busy++;
    c->at = HEAD;
    c->head_length = c->is_wrong = c->status = 0;
    rows[number].due_ns = due;
    close_if_ended(c);
    if (c->fd < 0 && open_connection(c)) {
        rows[number].sent_ns = now_ns();
        c->port = 0;
        finished(c, REFUSED);
        return;
    }
    size_t length = make_request(c, request, sizeof request);
    rows[number].sent_ns = now_ns();
    rows[number].port = c->port;
    if (send(c->fd, request, length, MSG_NOSIGNAL) != (ssize_t)length)
        shutdown(c->fd, SHUT_RDWR); /* seen as an end by the next read */
}

static void body_piece(struct connection *c, const char *data, size_t length) {
    struct row *r = &rows[c->number];
    if (!r->first_ns && length)
        r->first_ns = now_ns();
    if (c->got + length > c->expected_length || memcmp(c->expected + c->got, data, length))
        c->is_wrong = 1;
    c->got += length;
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

/* 1 = the answer is complete, -1 = it is no HTTP. */
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

static enum outcome judged(struct connection *c, int state) {
    if (state < 0)
        return c->head_length ? CUT : CLOSED;
    if (c->status != 200)
        return STATUS;
    return c->is_wrong || c->got != c->expected_length ? WRONG : GOOD;
}

static void receive(struct connection *c) {
    static char input[READ_BYTES];
    if (c->fd < 0)
        return;
    ssize_t got = recv(c->fd, input, READ_BYTES, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN)
        return;
    int state = got > 0 && c->is_busy ? take(c, input, (size_t)got) : -1;
    if (state == 0)
        return;
    if (state < 0 || strcasestr(c->head, "\r\nconnection: close"))
        let_go(c);
    if (c->is_busy)
        finished(c, judged(c, state));
}

static int64_t arrivals(int64_t began, int64_t end, double rate) {
    for (;;) {
        int64_t due = began + (int64_t)((double)issued * 1e9 / rate);
        if (due >= end || issued == MAX_REQUESTS)
            return end;
        if (due > now_ns())
            return due;
        if (!idle_count && used == MAX_CONNECTIONS) {
            rows[issued].due_ns = due; /* stays unanswered */
            issued++;
            continue;
        }
        ask(&connections[idle_count ? idle[--idle_count] : used++], issued++, due);
    }
}

static void write_log(const char *file) {
    static const char *words[] = {"unanswered", "ok", "wrong", "status", "refused", "closed", "cut"};
    FILE *log = fopen(file, "w");
    for (long i = 0; i < issued; i++) {
        struct row *r = &rows[i];
        fprintf(log, "%ld %d %u %lld %lld %lld %lld %s", i, is_streamed(i), r->port, (long long)r->due_ns, (long long)r->sent_ns,
                (long long)r->first_ns, (long long)r->end_ns, words[r->outcome]);
        if (r->outcome == STATUS)
            fprintf(log, "_%u", r->status);
        fputc('\n', log);
    }
    fclose(log);
}

static void stop(int number) {
    (void)number;
    is_over = 1;
}

int main(int count, char **given) {
    if (count != 7)
        return 2;
    port = atoi(given[1]);
    double rate = atof(given[2]), seconds = atof(given[3]);
    name = given[4];
    path = given[6];
    signal(SIGPIPE, SIG_IGN);
    signal(SIGTERM, stop);
    connections = calloc(MAX_CONNECTIONS, sizeof *connections);
    rows = calloc(MAX_REQUESTS, sizeof *rows); /* pages that are not used take no memory */
    for (int i = 0; i < MAX_CONNECTIONS; i++)
        connections[i].fd = -1;
    poller = epoll_create1(EPOLL_CLOEXEC);
    int64_t began = now_ns(), end = began + (int64_t)(seconds * 1e9);
    struct epoll_event ready[256];
    for (;;) {
        int64_t now = now_ns(), until = now + 20000000;
        if (is_over && now < end)
            end = now;
        if (now < end)
            until = arrivals(began, end, rate);
        now = now_ns();
        if ((now >= end && !busy) || now >= end + PATIENCE_NS)
            break;
        int64_t wait = until - now < 0 ? 0 : until - now > 20000000 ? 20000000 : until - now;
        struct timespec timeout = {0, wait};
        int n = epoll_pwait2(poller, ready, 256, &timeout, NULL);
        for (int i = 0; i < n; i++)
            receive(ready[i].data.ptr);
    }
    write_log(given[5]);
    return 0;
}
