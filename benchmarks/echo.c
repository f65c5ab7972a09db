/* A TCP echo server on epoll, level-triggered: the yardstick that a load is pointed at.
 *
 *     cc -O2 -o echo echo.c && ./echo HOST PORT      (PORT 0 takes a free one)
 *
 * It prints the port once it listens, and runs until it is killed. It sends what one recv() brought
 * before it receives more, waiting in poll() while the send buffer is full, so one client that does
 * not read holds up the others: good enough for clients of this repository.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BUFFER = 256 * 1024, EVENTS = 256 };

static void die(const char *call) {
    perror(call);
    exit(1);
}

static int listen_on(const char *host, const char *port) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST}, *info;
    if (getaddrinfo(host, port, &hints, &info)) {
        fprintf(stderr, "%s %s: no numeric address and port\n", host, port);
        exit(1);
    }
    int fd = socket(info->ai_family, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
    if (fd < 0) die("socket()");
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    /* Another process of it may have the same port. */
    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
    if (bind(fd, info->ai_addr, info->ai_addrlen)) die("bind()");
    if (listen(fd, SOMAXCONN)) die("listen()");
    freeaddrinfo(info);
    return fd;
}

static void say_port(int fd) {
    struct sockaddr_storage name;
    socklen_t length = sizeof name;
    if (getsockname(fd, (struct sockaddr *)&name, &length)) die("getsockname()");
    /* The port stands at the same place in sockaddr_in and sockaddr_in6. */
    printf("%d\n", ntohs(((struct sockaddr_in *)&name)->sin_port));
    fflush(stdout);
}

/* Returns 0 when the connection is over. */
static int echo(int fd, char *buffer) {
    ssize_t count = recv(fd, buffer, BUFFER, 0);
    if (count < 0) return errno == EAGAIN || errno == EINTR;
    for (ssize_t done = 0; done < count;) {
        ssize_t sent = send(fd, buffer + done, count - done, MSG_NOSIGNAL);
        if (sent >= 0) {
            done += sent;
        } else if (errno == EAGAIN) {
            struct pollfd writable = {.fd = fd, .events = POLLOUT};
            poll(&writable, 1, -1);
        } else {
            return 0;
        }
    }
    return count > 0;
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: echo HOST PORT\n");
        return 2;
    }
    static char buffer[BUFFER];
    struct epoll_event events[EVENTS];
    int listener = listen_on(argv[1], argv[2]), one = 1;
    int poller = epoll_create1(0);
    struct epoll_event interest = {.events = EPOLLIN, .data.fd = listener};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, listener, &interest)) die("epoll_ctl()");
    say_port(listener);
    for (;;) {
        int ready = epoll_wait(poller, events, EVENTS, -1);
        for (int i = 0; i < ready; i++) {
            int fd = events[i].data.fd;
            if (fd != listener) {
                if (!echo(fd, buffer)) close(fd);
                continue;
            }
            int client = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
            if (client < 0) continue;
            setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
            interest.data.fd = client;
            epoll_ctl(poller, EPOLL_CTL_ADD, client, &interest);
        }
    }
}
