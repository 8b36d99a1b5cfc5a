/* A model server that costs nothing: one epoll thread, answers fixed bytes after a fixed delay.
 *
 *   model PORT MODE DELAY_MS CHUNKS GAP_MS BODY_MB
 *
 * MODE: ok | hang (reads, never answers) | garbage (bytes that are no HTTP) | huge (an answer of BODY_MB megabytes) |
 *       ingest (is no model: takes every batch of the in-app client as the service does) |
 *       echo (every byte of the reply follows from the request, see echo.h; CHUNKS is not used).
 * A request whose body says "stream": true is answered with CHUNKS events, GAP_MS apart. On SIGTERM it prints what it served.
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

#include "echo.h"

enum { MAX_FDS = 65536, READ_BYTES = 65536, PIECE = 1 << 18 };
#define NO_HTTP "\x16\x03\x01 this is no HTTP \r\n\r\n {]\xff\xfe"
enum mode { OK, HANG, GARBAGE, HUGE, INGEST, ECHO };

struct connection {
    int is_open, is_busy, is_stream, has_head;
    unsigned generation;
    int chunks_left;
    char *in;
    size_t in_length, in_size;
    char *out; /* what the socket did not take yet */
    size_t out_length;
    uint64_t huge_left, hash;
};

struct timer {
    int64_t due_ns;
    int fd;
    unsigned generation;
};

/* All delays of one kind are equally long, so that a queue is in order without sorting. */
struct queue {
    struct timer *rows;
    size_t head, tail, size;
};

static struct connection connections[MAX_FDS];
static struct queue first, next;
static int poller;
static enum mode mode;
static int64_t delay_ns, gap_ns;
static int chunks;
static uint64_t body_bytes;
static char answer[4096], event_head[256], event_piece[1024], event_end[64], piece[PIECE];
static size_t answer_length, event_piece_length;
static unsigned long requests, answers, accepted;
static volatile sig_atomic_t is_over;

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void queue_add(struct queue *q, int fd, int64_t due) {
    if (q->tail == q->size) {
        memmove(q->rows, q->rows + q->head, (q->tail - q->head) * sizeof *q->rows);
        q->tail -= q->head;
        q->head = 0;
        if (q->tail * 2 >= q->size) {
            q->size = q->size ? q->size * 2 : 1024;
            q->rows = realloc(q->rows, q->size * sizeof *q->rows);
        }
    }
    q->rows[q->tail++] = (struct timer){due, fd, connections[fd].generation};
}

static void watch(int fd, int writes) {
    struct epoll_event e = {.events = EPOLLIN | (writes ? EPOLLOUT : 0), .data.fd = fd};
    epoll_ctl(poller, EPOLL_CTL_MOD, fd, &e);
}

static void drop(int fd) {
    struct connection *c = &connections[fd];
    free(c->in);
    free(c->out);
    unsigned generation = c->generation + 1;
    memset(c, 0, sizeof *c);
    c->generation = generation;
    close(fd);
}

static void put(int fd, const char *data, size_t length) {
    struct connection *c = &connections[fd];
    if (!c->out_length) {
        ssize_t sent = send(fd, data, length, MSG_NOSIGNAL);
        if (sent < 0)
            sent = errno == EAGAIN ? 0 : (ssize_t)length;
        data += sent;
        length -= (size_t)sent;
    }
    if (length) {
        c->out = realloc(c->out, c->out_length + length);
        memcpy(c->out + c->out_length, data, length);
        c->out_length += length;
        watch(fd, 1);
    }
}

static void huge(int fd) {
    struct connection *c = &connections[fd];
    while (c->huge_left && !c->out_length) {
        size_t length = c->huge_left < PIECE ? (size_t)c->huge_left : PIECE;
        c->huge_left -= length;
        put(fd, piece, length);
    }
}

static void read_requests(int fd);

static void done(int fd) {
    answers++;
    connections[fd].is_busy = 0;
    read_requests(fd);
}

static void put_echo_event(int fd) {
    char event[ECHO_BYTES], framed[ECHO_BYTES + 32];
    size_t length = echo_event(event, connections[fd].hash, ECHO_EVENTS - connections[fd].chunks_left);
    put(fd, framed, (size_t)snprintf(framed, sizeof framed, "%zx\r\n%.*s\r\n", length, (int)length, event));
}

static void put_echo(int fd) {
    char body[ECHO_BYTES], whole[ECHO_BYTES + 128];
    size_t length = echo_whole(body, connections[fd].hash);
    put(fd, whole, (size_t)snprintf(whole, sizeof whole, "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %zu\r\n\r\n%.*s",
                                    length, (int)length, body));
}

static void stream(int fd) {
    struct connection *c = &connections[fd];
    if (!c->has_head) {
        put(fd, event_head, strlen(event_head));
        c->has_head = 1;
    }
    do {
        if (mode == ECHO)
            put_echo_event(fd);
        else
            put(fd, event_piece, event_piece_length);
    } while (--c->chunks_left > 0 && !gap_ns);
    if (c->chunks_left > 0) {
        queue_add(&next, fd, now_ns() + gap_ns);
        return;
    }
    put(fd, event_end, strlen(event_end));
    done(fd);
}

static void reply(int fd) {
    struct connection *c = &connections[fd];
    if (mode == GARBAGE) {
        put(fd, NO_HTTP, sizeof NO_HTTP - 1);
        drop(fd);
    } else if (mode == HUGE) {
        char head[128];
        int length = snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %lu\r\n\r\n",
                              (unsigned long)body_bytes);
        put(fd, head, (size_t)length);
        c->huge_left = body_bytes;
        c->is_busy = 0;
        answers++;
        huge(fd);
    } else if (c->is_stream) {
        stream(fd);
    } else {
        if (mode == ECHO)
            put_echo(fd);
        else
            put(fd, answer, answer_length);
        done(fd);
    }
}

static size_t body_length(const char *head, const char *end) {
    const char *line = head;
    while ((line = memmem(line, (size_t)(end - line), "\r\n", 2))) {
        line += 2;
        if (end - line > 15 && !strncasecmp(line, "content-length:", 15))
            return strtoul(line + 15, NULL, 10);
    }
    return 0;
}

/* Chunked requests are not understood: the load generator sends none, nor do the systems measured. */
static void read_requests(int fd) {
    struct connection *c = &connections[fd];
    while (c->is_open && !c->is_busy && c->in_length) {
        char *end = memmem(c->in, c->in_length, "\r\n\r\n", 4);
        if (!end)
            return;
        size_t head = (size_t)(end + 4 - c->in), body = body_length(c->in, end), whole = head + body;
        if (c->in_length < whole)
            return;
        c->is_stream = memmem(c->in + head, body, "\"stream\":true", 13) || memmem(c->in + head, body, "\"stream\": true", 14);
        c->hash = mode == ECHO ? echo_of(c->in + head, body) : 0;
        memmove(c->in, c->in + whole, c->in_length - whole);
        c->in_length -= whole;
        requests++;
        if (mode == HANG)
            continue;
        c->is_busy = 1;
        c->has_head = 0;
        c->chunks_left = mode == ECHO ? ECHO_EVENTS : chunks;
        if (delay_ns)
            queue_add(&first, fd, now_ns() + delay_ns);
        else
            reply(fd);
    }
}

static void receive(int fd) {
    struct connection *c = &connections[fd];
    if (c->in_size - c->in_length < READ_BYTES) {
        c->in_size = c->in_length + READ_BYTES;
        c->in = realloc(c->in, c->in_size);
    }
    ssize_t got = recv(fd, c->in + c->in_length, c->in_size - c->in_length, 0);
    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0) {
        drop(fd);
        return;
    }
    c->in_length += (size_t)got;
    read_requests(fd);
}

static void flush(int fd) {
    struct connection *c = &connections[fd];
    if (c->out_length) {
        ssize_t sent = send(fd, c->out, c->out_length, MSG_NOSIGNAL);
        if (sent < 0)
            return;
        memmove(c->out, c->out + sent, c->out_length - (size_t)sent);
        c->out_length -= (size_t)sent;
    }
    if (!c->out_length) {
        watch(fd, 0);
        huge(fd);
    }
}

static void accept_all(int listener) {
    int fd, one = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        if (fd >= MAX_FDS) {
            close(fd);
            continue;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        connections[fd].is_open = 1;
        accepted++;
        struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};
        epoll_ctl(poller, EPOLL_CTL_ADD, fd, &e);
    }
}

static int64_t fire(struct queue *q, void (*act)(int), int64_t now) {
    while (q->head < q->tail && q->rows[q->head].due_ns <= now) {
        struct timer t = q->rows[q->head++];
        if (connections[t.fd].is_open && connections[t.fd].generation == t.generation)
            act(t.fd);
    }
    return q->head < q->tail ? q->rows[q->head].due_ns : INT64_MAX;
}

static void make_answers(void) {
    char text[601], body[1024], event[512];
    for (int i = 0; i < 600; i++)
        text[i] = "the order was refunded after the customer had asked twice "[i % 58];
    text[600] = 0;
    int length = snprintf(body, sizeof body,
                          "{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion\",\"created\":1700000000,\"model\":\"fake\",\"choices\":[{\"index\":0,"
                          "\"message\":{\"role\":\"assistant\",\"content\":\"%s\"},\"finish_reason\":\"stop\"}],"
                          "\"usage\":{\"prompt_tokens\":120,\"completion_tokens\":130,\"total_tokens\":250}}", text);
    if (mode == INGEST)
        length = snprintf(body, sizeof body, "{\"refused\":[],\"clock_offset_seconds\":null,"
                          "\"pilots\":{\"bench\":{\"mirrors\":true,\"repeats_request\":false}}}");
    answer_length = (size_t)snprintf(answer, sizeof answer,
                                     "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s", length, body);
    snprintf(event_head, sizeof event_head,
             "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n");
    length = snprintf(event, sizeof event,
                      "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"fake\","
                      "\"choices\":[{\"index\":0,\"delta\":{\"content\":\" order\"},\"finish_reason\":null}]}\n\n");
    event_piece_length = (size_t)snprintf(event_piece, sizeof event_piece, "%x\r\n%s\r\n", length, event);
    snprintf(event_end, sizeof event_end, "e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n");
    memset(piece, 'x', sizeof piece);
}

static void end(int signal_number) {
    (void)signal_number;
    is_over = 1;
}

static int listen_on(int port) {
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
    struct sockaddr_in place = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&place, sizeof place) || listen(listener, 4096)) {
        perror("listen");
        exit(1);
    }
    return listener;
}

int main(int count, char **given) {
    if (count != 7)
        return 2;
    static const char *names[] = {"ok", "hang", "garbage", "huge", "ingest", "echo"};
    while (mode <= ECHO && strcmp(given[2], names[mode]))
        mode++;
    if (mode > ECHO)
        return 2;
    delay_ns = (int64_t)(atof(given[3]) * 1e6);
    chunks = atoi(given[4]);
    gap_ns = (int64_t)(atof(given[5]) * 1e6);
    body_bytes = strtoul(given[6], NULL, 10) << 20;
    signal(SIGPIPE, SIG_IGN);
    signal(SIGTERM, end);
    make_answers();
    int listener = listen_on(atoi(given[1]));
    poller = epoll_create1(0);
    struct epoll_event e = {.events = EPOLLIN, .data.fd = listener}, events[256];
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &e);
    while (!is_over) {
        int64_t now = now_ns(), due = fire(&first, reply, now), other = fire(&next, stream, now);
        int64_t wait = (due < other ? due : other) - now;
        if (wait > 1000000000)
            wait = 1000000000;
        struct timespec timeout = {wait / 1000000000, wait % 1000000000};
        int n = epoll_pwait2(poller, events, 256, &timeout, NULL);
        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd;
            if (fd == listener) {
                accept_all(listener);
                continue;
            }
            if (events[i].events & EPOLLOUT && connections[fd].is_open)
                flush(fd);
            if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR) && connections[fd].is_open)
                receive(fd);
        }
    }
    printf("{\"requests\": %lu, \"answers\": %lu, \"connections\": %lu}\n", requests, answers, accepted);
    return 0;
}
