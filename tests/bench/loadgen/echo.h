/* A reply whose every byte follows from the bytes of its request: who knows the request can check the reply. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { ECHO_EVENTS = 8, ECHO_BYTES = 2048 };
#define ECHO_END "data: [DONE]\n\n"

static uint64_t echo_of(const char *body, size_t length) {
    uint64_t hash = 1469598103934665603ULL; /* FNV-1a */
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)body[i]) * 1099511628211ULL;
    return hash;
}

/* The body of a reply that is not streamed. */
static size_t echo_whole(char *out, uint64_t hash) {
    int length = sprintf(out,
                         "{\"id\":\"chatcmpl-%016llx\",\"object\":\"chat.completion\",\"created\":1700000000,\"model\":\"echo\","
                         "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"", (unsigned long long)hash);
    for (int i = 0; i < 30; i++)
        length += sprintf(out + length, "%016llx ", (unsigned long long)(hash * (uint64_t)(2 * i + 1)));
    length += sprintf(out + length, "\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":120,\"completion_tokens\":130,"
                                    "\"total_tokens\":250}}");
    return (size_t)length;
}

/* One event of a streamed reply; the last one is ECHO_END. */
static size_t echo_event(char *out, uint64_t hash, int number) {
    int length = sprintf(out,
                         "data: {\"id\":\"chatcmpl-%016llx\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"echo\","
                         "\"choices\":[{\"index\":0,\"delta\":{\"content\":\"%016llx \"},\"finish_reason\":%s}]}\n\n",
                         (unsigned long long)hash, (unsigned long long)(hash * (uint64_t)(2 * number + 1)),
                         number == ECHO_EVENTS - 1 ? "\"stop\"" : "null");
    return (size_t)length;
}
