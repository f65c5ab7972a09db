// Lab 4-1: the TCP echo client.      client [IP] [PORT]
#include "lecture.h"

int main(int argc, char *argv[])
{
    const char *server_ip = argc > 1 ? argv[1] : "127.0.0.1";
    int retval, port = port_of(argc > 2 ? argv[2] : NULL);
    setvbuf(stdout, NULL, _IONBF, 0); // show each text at once, also through a pipe
    start_sockets();

    // socket()
    SOCKET sock = socket(AF_INET, SOCK_STREAM, 0);
    if (sock == INVALID_SOCKET) err_quit("socket()");

    // connect()
    struct sockaddr_in serveraddr;
    memset(&serveraddr, 0, sizeof(serveraddr));
    serveraddr.sin_family = AF_INET;
    if (inet_pton(AF_INET, server_ip, &serveraddr.sin_addr) != 1) {
        fprintf(stderr, "%s is not an IP address\n", server_ip);
        return 2;
    }
    serveraddr.sin_port = htons((unsigned short)port);
    retval = connect(sock, (struct sockaddr *)&serveraddr, sizeof(serveraddr));
    if (retval == SOCKET_ERROR) err_quit("connect()");

    // What the loop needs
    char buf[BUFSIZE + 1];
    int len, rest = 0; // rest: the user's line is longer than the buffer, and goes on

    while (1) {
        // A line of the user
        int goes_on = rest;
        if (!goes_on) printf("\n[보낼 데이터] ");
        if (fgets(buf, BUFSIZE + 1, stdin) == NULL) {
            printf("\n");
            break;
        }
        len = (int)strlen(buf);
        rest = len == BUFSIZE && buf[len - 1] != '\n';
        if (len > 0 && buf[len - 1] == '\n') buf[--len] = '\0'; // the newline is not sent
        if (len == 0 && goes_on) continue;                      // only the newline was left
        if (len == 0) break;                                    // an empty line: the end

        // send()
        retval = sendn(sock, buf, len, 0);
        if (retval == SOCKET_ERROR) {
            err_display("send()");
            break;
        }
        printf("[TCP 클라이언트] %d바이트를 보냈습니다.\n", retval);

        // recv(), until the whole echo is here
        retval = recvn(sock, buf, len, 0);
        if (retval == SOCKET_ERROR) {
            err_display("recv()");
            break;
        } else if (retval < len) {
            printf("[recv()] %d바이트 중 %d바이트를 받고 연결이 종료되었습니다.\n", len, retval);
            break;
        }
        buf[retval] = '\0';
        printf("[TCP 클라이언트] %d바이트를 받았습니다.\n", retval);
        printf("[받은 데이터] %s\n", buf);
    }

    // closesocket()
    closesocket(sock);
    stop_sockets();
    return EXIT_SUCCESS;
}
