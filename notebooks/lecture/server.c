// Lab 4-1: the TCP echo server.      server [PORT]
#include "lecture.h"

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

    // What the loops need
    SOCKET client_sock;
    struct sockaddr_in clientaddr;
    char buf[BUFSIZE + 1];

    while (1) { // the outer loop: one client after the other
        // accept()
        addrlen = sizeof(clientaddr);
        client_sock = accept(listen_sock, (struct sockaddr *)&clientaddr, &addrlen);
        if (client_sock == INVALID_SOCKET) {
            err_display("accept()");
            break;
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
    }

    closesocket(listen_sock);
    stop_sockets();
    return EXIT_FAILURE; // only a failing accept() leads here
}
