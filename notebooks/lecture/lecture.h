// What both programs need: the system's differences, errors, and send and receive in full.
#ifndef LECTURE_H
#define LECTURE_H

#define _POSIX_C_SOURCE 200809L // for strerror_r(), as POSIX has it
#define _DARWIN_C_SOURCE        // on macOS, this too
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef _WIN32 // Winsock, as in the lecture
#include <winsock2.h>
#include <ws2tcpip.h>

static inline void start_sockets(void)
{
    WSADATA wsa;
    if (WSAStartup(MAKEWORD(2, 2), &wsa) != 0) exit(EXIT_FAILURE);
}

static inline void stop_sockets(void)
{
    WSACleanup();
}

static inline void last_error(char *text, size_t size)
{
    if (!FormatMessageA(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS, NULL,
                        (DWORD)WSAGetLastError(), 0, text, (DWORD)size, NULL))
        text[0] = '\0';
    text[strcspn(text, "\r\n")] = '\0';
}

// Windows lets a server start again by itself.
static inline void reuse_address(SOCKET s)
{
    (void)s;
}

#else // POSIX: Linux, macOS
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

typedef int SOCKET;
#define INVALID_SOCKET (-1)
#define SOCKET_ERROR (-1)
#define closesocket close

static inline void start_sockets(void)
{
    signal(SIGPIPE, SIG_IGN); // else send() to a peer that has left can end the program
}

static inline void stop_sockets(void)
{
}

static inline void last_error(char *text, size_t size)
{
    if (strerror_r(errno, text, size) != 0) text[0] = '\0';
}

// Without this, the server cannot start again for a minute: TIME_WAIT.
static inline void reuse_address(SOCKET s)
{
    int on = 1;
    setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
}
#endif

#define SERVERPORT 9000
#define BUFSIZE    512

// An error after which the program cannot go on.
static inline void err_quit(const char *call)
{
    char text[256];
    last_error(text, sizeof(text));
    fprintf(stderr, "[%s] %s\n", call, text);
    exit(EXIT_FAILURE);
}

// An error that ends one connection.
static inline void err_display(const char *call)
{
    char text[256];
    last_error(text, sizeof(text));
    printf("[%s] %s\n", call, text);
}

// Receive exactly len bytes; fewer only at the end of the stream.
static inline int recvn(SOCKET s, char *buf, int len, int flags)
{
    char *ptr = buf;
    int left = len;

    while (left > 0) {
        int received = (int)recv(s, ptr, (size_t)left, flags);
        if (received == SOCKET_ERROR)
            return SOCKET_ERROR;
        else if (received == 0)
            break;
        left -= received;
        ptr += received;
    }
    return len - left;
}

// Send all len bytes: its counterpart.
static inline int sendn(SOCKET s, const char *buf, int len, int flags)
{
    const char *ptr = buf;
    int left = len;

    while (left > 0) {
        int sent = (int)send(s, ptr, (size_t)left, flags);
        if (sent == SOCKET_ERROR)
            return SOCKET_ERROR;
        left -= sent;
        ptr += sent;
    }
    return len;
}

// The port of the command line, or the lecture's.
static inline int port_of(const char *text)
{
    char *end;
    if (text == NULL) return SERVERPORT;
    long port = strtol(text, &end, 10);
    if (end == text || *end != '\0' || port < 0 || port > 65535) {
        fprintf(stderr, "%s is not a port\n", text);
        exit(2);
    }
    return (int)port;
}

#endif
