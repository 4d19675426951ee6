#include "connections.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* Of one client that does not read, and of all frames that are not complete. */
#define MOST_UNSENT (4u << 20)
#define MOST_PARTIAL ((size_t)64 << 20)

int poll_fd, listen_fd;
Connection *all[MOST_CONNECTIONS];
size_t open_connections;
static size_t partial_bytes;
static Connection *closed;

void fail(const char *what) {
    perror(what);
    exit(1);
}

static void watch(Connection *connection, uint32_t events, int what) {
    struct epoll_event event = {.events = events, .data.ptr = connection};
    if (epoll_ctl(poll_fd, what, connection->fd, &event)) fail("epoll_ctl");
}

int listen_at(int port) {
    int one = 1;
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &listen_fd};
    listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (listen_fd < 0) fail("the server");
    setsockopt(listen_fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    /* Before the first connection, so that the kernel takes times from the first packet on. */
    setsockopt(listen_fd, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof one);
    if (bind(listen_fd, (struct sockaddr *)&address, sizeof address) || listen(listen_fd, 1024) ||
        getsockname(listen_fd, (struct sockaddr *)&address, &size))
        fail("the server");
    epoll_ctl(poll_fd, EPOLL_CTL_ADD, listen_fd, &event);
    return ntohs(address.sin_port);
}

void stop_listening(void) {
    close(listen_fd);
    listen_fd = -1;
}

void accept_all(void) {
    static uint32_t number;
    struct sockaddr_in peer;
    socklen_t size = sizeof peer;
    int fd, one = 1;
    while ((fd = accept4(listen_fd, (struct sockaddr *)&peer, &size, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        if (open_connections >= MOST_CONNECTIONS) {
            close(fd);
            continue;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof one);
        Connection *connection = calloc(1, sizeof *connection);
        if (connection == NULL) abort();
        connection->fd = fd;
        while (all[connection->place] != NULL) connection->place++;
        all[connection->place] = connection;
        connection->number = ++number;
        connection->port = ntohs(peer.sin_port);
        connection->session.id = 0x100000000 + number;
        open_connections++;
        count_connection();
        watch(connection, EPOLLIN, EPOLL_CTL_ADD);
    }
}

void hang_up(Connection *connection) {
    if (connection->fd < 0) return;
    close(connection->fd);
    connection->fd = -1;
    all[connection->place] = NULL;
    open_connections--;
    tree_end_session(&connection->session);
    partial_bytes -= connection->in.room;
    free(connection->in.data);
    free(connection->unsent.data);
    connection->in = connection->unsent = (Bytes){0};
    connection->next_closed = closed;
    closed = connection;
}

void free_closed(void) {
    for (Connection **at = &closed; *at != NULL;) {
        Connection *connection = *at;
        if (connection->pending) {
            at = &connection->next_closed;
            continue;
        }
        *at = connection->next_closed;
        free(connection);
    }
}

bool transmit(Connection *connection, const char *data, size_t size) {
    ssize_t done = connection->unsent.size ? 0 : send(connection->fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (done < 0 && errno != EAGAIN) return false;
    if (done < 0) done = 0;
    if ((size_t)done == size) return true;
    Bytes *unsent = &connection->unsent;
    size_t left = size - (size_t)done;
    if (unsent->size + left > MOST_UNSENT) return false;
    if (unsent->size + left > unsent->room) {
        unsent->room = (unsent->size + left) * 2;
        unsent->data = realloc(unsent->data, unsent->room);
        if (unsent->data == NULL) abort();
    }
    memcpy(unsent->data + unsent->size, data + done, left);
    unsent->size += left;
    watch(connection, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
    return true;
}

void transmit_rest(Connection *connection) {
    Bytes *unsent = &connection->unsent;
    ssize_t done = send(connection->fd, unsent->data, unsent->size, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (done < 0 && errno != EAGAIN) {
        hang_up(connection);
    } else if (done > 0) {
        memmove(unsent->data, unsent->data + done, unsent->size - (size_t)done);
        unsent->size -= (size_t)done;
        if (!unsent->size) watch(connection, EPOLLIN, EPOLL_CTL_MOD);
    }
}

bool keep_partial(Connection *connection, const char *data, size_t size) {
    Bytes *in = &connection->in;
    if (size > in->room) {
        if (partial_bytes + LONGEST_FRAME + 4 > MOST_PARTIAL) return false;
        char *grown = malloc(LONGEST_FRAME + 4);
        if (grown == NULL) abort();
        memcpy(grown, data, size);
        partial_bytes += LONGEST_FRAME + 4;
        *in = (Bytes){grown, size, LONGEST_FRAME + 4};
    } else if (size) {
        memmove(in->data, data, size);
    }
    in->size = size;
    return true;
}
