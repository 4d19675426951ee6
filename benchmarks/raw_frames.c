/* The floor: the cost of ZooKeeper's frames in a client that does nothing else. One process, one epoll, closed loop.
 *
 *     raw_frames PORT SESSIONS OPERATIONS get|set PATH VALUE_BYTES
 *
 * Prints operations, CPU seconds and wall seconds of the measurement. Linux, IPv4 loopback.
 */
#include <arpa/inet.h>
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

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static double seconds(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec + now.tv_nsec / 1e9;
}

static char *put(char *at, int32_t value) {
    uint32_t wire = htonl((uint32_t)value);
    memcpy(at, &wire, 4);
    return at + 4;
}

static int32_t get(const char *at) {
    uint32_t wire;
    memcpy(&wire, at, 4);
    return (int32_t)ntohl(wire);
}

static int connect_session(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    char request[4 + 45] = {0}, reply[256];
    int one = 1, sock = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (sock < 0 || connect(sock, (struct sockaddr *)&address, sizeof address)) fail("connect");
    setsockopt(sock, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    put(request, 45);
    put(request + 16, 30000);
    put(request + 28, 16);
    if (send(sock, request, sizeof request, 0) != sizeof request) fail("send");
    if (recv(sock, reply, sizeof reply, 0) < 40) fail("recv");
    return sock;
}

int main(int argc, char **argv) {
    if (argc != 7) return 2;
    int sessions = atoi(argv[2]), set = !strcmp(argv[4], "set"), value_bytes = atoi(argv[6]);
    long operations = atol(argv[3]), sent = 0, received = 0;
    size_t path_bytes = strlen(argv[5]);
    char *frame = calloc(1, 64 + path_bytes + value_bytes), *reply = malloc(4 << 20), *at = frame + 4;
    int *xids = calloc(1 << 16, sizeof *xids), epoll = epoll_create1(0);
    at = put(at, 0);
    at = put(at, set ? 5 : 4);
    at = put(at, (int32_t)path_bytes);
    memcpy(at, argv[5], path_bytes);
    at += path_bytes;
    if (set) {
        at = put(at, value_bytes);
        at = put(at + value_bytes, -1);
    } else {
        *at++ = 0;
    }
    put(frame, (int32_t)(at - frame - 4));
    int *socks = calloc(sessions, sizeof *socks);
    for (int n = 0; n < sessions; n++) {
        socks[n] = connect_session(atoi(argv[1]));
        struct epoll_event event = {.events = EPOLLIN, .data.fd = socks[n]};
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, socks[n], &event)) fail("epoll_ctl");
    }
    double cpu = seconds(CLOCK_PROCESS_CPUTIME_ID), wall = seconds(CLOCK_MONOTONIC);
    for (int n = 0; n < sessions && sent < operations; n++, sent++) {
        put(frame + 4, ++xids[socks[n]]);
        if (send(socks[n], frame, at - frame, 0) != at - frame) fail("send");
    }
    while (received < sent) {
        struct epoll_event ready[64];
        int count = epoll_wait(epoll, ready, 64, -1);
        for (int n = 0; n < count; n++) {
            int sock = ready[n].data.fd;
            ssize_t size = recv(sock, reply, 4 << 20, 0);
            if (size < 20 || get(reply) != size - 4 || get(reply + 4) != xids[sock] || get(reply + 16)) fail("reply");
            received++;
            if (sent < operations) {
                sent++;
                put(frame + 4, ++xids[sock]);
                if (send(sock, frame, at - frame, 0) != at - frame) fail("send");
            }
        }
    }
    printf("%ld %.6f %.6f\n", received, seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu, seconds(CLOCK_MONOTONIC) - wall);
    return 0;
}
