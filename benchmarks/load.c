/* A closed-loop TCP load on epoll, one message under way on each connection: the yardstick that
 * trio_echo's own load generator is held against.
 *
 *     cc -O2 -o load load.c && ./load HOST PORT CONNECTIONS SIZE WARM_UP SECONDS [raw]
 *     cc -O2 -DTLS -o load load.c -lssl -lcrypto      the same over TLS
 *
 * It prints one line of JSON. Or raw: a line with the version and the cipher of TLS, then numbers of
 * 64 bits each: when it began and ended to measure, the number of messages, when each was sent, when
 * each echo was there. It keeps what trio_echo's generator keeps: for each message, when it was
 * handed to send() and when the last byte of its echo had been received.
 *
 * With TLS it takes any certificate: the race has made the server's itself. It blocks until the
 * whole of a record is there, and OpenSSL reads no further than that: epoll reports the next one.
 */
#define _GNU_SOURCE
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#ifdef TLS
#include <openssl/err.h>
#include <openssl/ssl.h>
#endif

enum { EVENTS = 256 };

struct connection {
    int fd;
#ifdef TLS
    SSL *tls;
#endif
    size_t missing; /* bytes of the echo that are still to come */
    int64_t sent;
};

static char *message, *buffer;
static size_t size;

static void die(const char *call) {
    perror(call);
    exit(1);
}

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

#ifdef TLS

static SSL_CTX *context;

static void die_of_tls(const char *call) {
    fprintf(stderr, "%s\n", call);
    ERR_print_errors_fp(stderr);
    exit(1);
}

static void secure(struct connection *c) {
    if (!context && !(context = SSL_CTX_new(TLS_client_method()))) die_of_tls("SSL_CTX_new()");
    c->tls = SSL_new(context);
    if (!c->tls || !SSL_set_fd(c->tls, c->fd)) die_of_tls("SSL_new()");
    if (SSL_connect(c->tls) != 1) die_of_tls("SSL_connect()");
}

static void print_tls(struct connection *c) {
    printf("%s %s\n", SSL_get_version(c->tls), SSL_get_cipher(c->tls));
}

static ssize_t receive(struct connection *c) {
    int got = SSL_read(c->tls, buffer, c->missing);
    if (got <= 0) die_of_tls("SSL_read()");
    return got;
}

static void send_whole(struct connection *c) {
    if (SSL_write(c->tls, message, size) != (int)size) die_of_tls("SSL_write()");
}

#else

static void secure(struct connection *c) { (void)c; }

static void print_tls(struct connection *c) {
    (void)c;
    printf("\n");
}

static ssize_t receive(struct connection *c) {
    ssize_t got = recv(c->fd, buffer, c->missing, 0);
    if (got <= 0) die("recv()");
    return got;
}

/* A message always fits: the one before it was acknowledged by its echo. */
static void send_whole(struct connection *c) {
    if (send(c->fd, message, size, MSG_NOSIGNAL) != (ssize_t)size) die("send()");
}

#endif

static void send_message(struct connection *c) {
    c->missing = size;
    c->sent = now();
    send_whole(c);
}

static int compare(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv) {
    if (argc != 7 && argc != 8) {
        fprintf(stderr, "usage: load HOST PORT CONNECTIONS SIZE WARM_UP SECONDS [raw]\n");
        return 2;
    }
    int count = atoi(argv[3]), one = 1;
    size = strtoul(argv[4], NULL, 10);
    if (count < 1 || size < 1 || size > 65536) {
        fprintf(stderr, "load: at least 1 connection, 1 to 65536 bytes\n");
        return 2;
    }
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST}, *info;
    if (getaddrinfo(argv[1], argv[2], &hints, &info)) {
        fprintf(stderr, "%s %s: no numeric address and port\n", argv[1], argv[2]);
        return 1;
    }
    struct connection *connections = calloc(count, sizeof *connections);
    struct epoll_event events[EVENTS];
    int poller = epoll_create1(0);
    for (int i = 0; i < count; i++) {
        struct connection *c = &connections[i];
        c->fd = socket(info->ai_family, SOCK_STREAM, 0);
        if (c->fd < 0) die("socket()");
        if (connect(c->fd, info->ai_addr, info->ai_addrlen)) die("connect()");
        setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        secure(c);
        struct epoll_event interest = {.events = EPOLLIN, .data.ptr = c};
        if (epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &interest)) die("epoll_ctl()");
    }
    message = malloc(size);
    buffer = malloc(size);
    memset(message, 'x', size);

    size_t room = 1 << 20, kept = 0;
    int64_t *sent = malloc(room * sizeof *sent), *received = malloc(room * sizeof *received);
    int64_t began = now() + (int64_t)(atof(argv[5]) * 1e9);
    int64_t ended = began + (int64_t)(atof(argv[6]) * 1e9), time = 0;
    for (int i = 0; i < count; i++) send_message(&connections[i]);
    while (time < ended) {
        int ready = epoll_wait(poller, events, EVENTS, -1);
        for (int i = 0; i < ready; i++) {
            struct connection *c = events[i].data.ptr;
            ssize_t got = receive(c);
            time = now();
            if (c->missing -= got) continue;
            if (time >= began && time < ended) {
                if (kept == room) {
                    room *= 2;
                    sent = realloc(sent, room * sizeof *sent);
                    received = realloc(received, room * sizeof *received);
                }
                sent[kept] = c->sent;
                received[kept++] = time;
            }
            send_message(c);
        }
    }
    if (argc == 8) {
        print_tls(connections);
        int64_t head[] = {began, ended, kept};
        fwrite(head, sizeof *head, 3, stdout);
        fwrite(sent, sizeof *sent, kept, stdout);
        fwrite(received, sizeof *received, kept, stdout);
        return 0;
    }
    for (size_t i = 0; i < kept; i++) received[i] -= sent[i];
    qsort(received, kept, sizeof *received, compare);
    printf("{\"messages\": %zu, \"seconds\": %.9f, \"p50_ns\": %lld}\n", kept,
           (ended - began) / 1e9, kept ? (long long)received[kept / 2] : 0);
    return 0;
}
