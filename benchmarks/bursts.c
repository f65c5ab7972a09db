/* Bursts on one TCP connection of an echo server: how long until all of a burst is back.
 *
 *     cc -O2 -o bursts bursts.c && ./bursts HOST PORT BYTES WARM_UP COUNT
 *
 * It sends a burst as fast as the kernel takes it, and receives meanwhile what is back. When all of
 * it is back, it compares the bytes and sends the next burst. The first WARM_UP bursts let the
 * kernel grow its buffers. For each of the following COUNT it prints a line: nanoseconds.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

static void die(const char *words) {
    fprintf(stderr, "bursts: %s\n", words);
    exit(1);
}

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

/* Returns how many bytes a call moved: 0 if it would have to wait. */
static size_t moved(ssize_t result) {
    if (result == 0) die("closed early");
    if (result < 0 && errno != EAGAIN) die(strerror(errno));
    return result < 0 ? 0 : result;
}

static int64_t burst(int fd, const char *out, char *in, size_t size) {
    size_t sent = 0, received = 0;
    int64_t began = now();
    for (;;) {
        if (sent < size)
            sent += moved(send(fd, out + sent, size - sent, MSG_DONTWAIT | MSG_NOSIGNAL));
        received += moved(recv(fd, in + received, size - received, MSG_DONTWAIT));
        if (received == size) return now() - began;
        struct pollfd ready = {.fd = fd, .events = POLLIN | (sent < size ? POLLOUT : 0)};
        poll(&ready, 1, -1);
    }
}

int main(int argc, char **argv) {
    if (argc != 6) {
        fprintf(stderr, "usage: bursts HOST PORT BYTES WARM_UP COUNT\n");
        return 2;
    }
    size_t size = strtoul(argv[3], NULL, 10);
    int warm_up = atoi(argv[4]), count = atoi(argv[5]), one = 1;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST}, *info;
    if (getaddrinfo(argv[1], argv[2], &hints, &info)) die("no numeric address and port");
    int fd = socket(info->ai_family, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, info->ai_addr, info->ai_addrlen)) die(strerror(errno));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    char *out = malloc(size), *in = malloc(size);
    for (size_t i = 0; i < size; i++) out[i] = random();
    for (int i = -warm_up; i < count; i++) {
        memset(in, 0, size);
        int64_t took = burst(fd, out, in, size);
        if (memcmp(in, out, size)) die("the echo differs");
        if (i >= 0) printf("%lld\n", (long long)took);
    }
    return 0;
}
