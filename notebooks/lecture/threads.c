// The same server with a thread for each client.      threads [PORT]
#include "lecture.h"
#include <pthread.h>
#include <stdint.h>

// What the outer loop did with a client: the inner loop, closesocket().
static void *serve_client(void *argument)
{
    SOCKET client_sock = (SOCKET)(intptr_t)argument;
    struct sockaddr_in clientaddr;
    socklen_t addrlen = sizeof(clientaddr);
    char ip[INET_ADDRSTRLEN], buf[BUFSIZE + 1];
    int retval, port;

    // getpeername(): the main thread's variable may hold the next client by now
    retval = getpeername(client_sock, (struct sockaddr *)&clientaddr, &addrlen);
    if (retval == SOCKET_ERROR) {
        err_display("getpeername()");
        closesocket(client_sock);
        return NULL;
    }
    inet_ntop(AF_INET, &clientaddr.sin_addr, ip, sizeof(ip));
    port = ntohs(clientaddr.sin_port);
    printf("\n[TCP 서버] 클라이언트 접속: IP 주소=%s, 포트 번호=%d\n", ip, port);

    while (1) { // the inner loop: one message after the other
        // recv()
        retval = (int)recv(client_sock, buf, BUFSIZE, 0);
        if (retval == SOCKET_ERROR) {
            err_display("recv()");
            break;
        } else if (retval == 0)
            break;
        buf[retval] = '\0';
        printf("[TCP/%s:%d] %s\n", ip, port, buf);

        // send()
        retval = sendn(client_sock, buf, retval, 0);
        if (retval == SOCKET_ERROR) {
            err_display("send()");
            break;
        }
    }

    // closesocket()
    closesocket(client_sock);
    printf("[TCP 서버] 클라이언트 종료: IP 주소=%s, 포트 번호=%d\n", ip, port);
    return NULL;
}

int main(int argc, char *argv[])
{
    int retval, port = port_of(argc > 1 ? argv[1] : NULL);
    setvbuf(stdout, NULL, _IONBF, 0); // show each text at once, also through a pipe
    start_sockets();

    // socket()
    SOCKET listen_sock = socket(AF_INET, SOCK_STREAM, 0);
    if (listen_sock == INVALID_SOCKET) err_quit("socket()");
    reuse_address(listen_sock);

    // bind(): only for this machine. The lecture has INADDR_ANY: for all who can reach it.
    struct sockaddr_in serveraddr;
    memset(&serveraddr, 0, sizeof(serveraddr));
    serveraddr.sin_family = AF_INET;
    serveraddr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    serveraddr.sin_port = htons((unsigned short)port);
    retval = bind(listen_sock, (struct sockaddr *)&serveraddr, sizeof(serveraddr));
    if (retval == SOCKET_ERROR) err_quit("bind()");

    // listen()
    retval = listen(listen_sock, SOMAXCONN);
    if (retval == SOCKET_ERROR) err_quit("listen()");

    // getsockname(): port 0 stands for one that the kernel chooses
    char ip[INET_ADDRSTRLEN];
    socklen_t addrlen = sizeof(serveraddr);
    retval = getsockname(listen_sock, (struct sockaddr *)&serveraddr, &addrlen);
    if (retval == SOCKET_ERROR) err_quit("getsockname()");
    inet_ntop(AF_INET, &serveraddr.sin_addr, ip, sizeof(ip));
    printf("[TCP 서버] 접속 대기: IP 주소=%s, 포트 번호=%d\n", ip, ntohs(serveraddr.sin_port));

    while (1) { // the outer loop: one client after the other, each to its thread
        // accept()
        SOCKET client_sock = accept(listen_sock, NULL, NULL);
        if (client_sock == INVALID_SOCKET) {
            err_display("accept()");
            break;
        }

        // a thread for this client
        pthread_t thread;
        errno = pthread_create(&thread, NULL, serve_client, (void *)(intptr_t)client_sock);
        if (errno != 0) {
            err_display("pthread_create()");
            closesocket(client_sock);
            continue;
        }
        pthread_detach(thread); // nobody waits for its end
    }

    closesocket(listen_sock);
    stop_sockets();
    return EXIT_FAILURE; // only a failing accept() leads here
}
