/* The sockets of the clients: accepted, written to, ended. */
#ifndef CONNECTIONS_H
#define CONNECTIONS_H
#include <stdbool.h>

#include "record.h"
#include "requests.h"

#define MOST_CONNECTIONS 4096
#define LONGEST_FRAME (1 << 20)

typedef struct Connection {
    struct Connection *next_closed;
    size_t place;
    int fd; /* -1 once it has ended */
    uint32_t number, pending;
    uint16_t port;
    bool greeted;
    Session session;
    Bytes in, unsent;
    int64_t last_due;
    size_t peeked; /* bytes that have come and are not read yet, and when the last of them came */
    Row peeked_at;
} Connection;

extern int poll_fd, listen_fd;
extern Connection *all[MOST_CONNECTIONS]; /* NULL where there is none */
extern size_t open_connections;

void fail(const char *what);
/* Listen at the port on loopback; 0 is any. Return the port. */
int listen_at(int port);
void accept_all(void);
/* Listen no longer. */
void stop_listening(void);
/* Close the socket. The rest goes with free_closed, once no answer waits for it. */
void hang_up(Connection *connection);
void free_closed(void);
/* Send, or keep what the socket does not take. False where the client is gone or does not read. */
bool transmit(Connection *connection, const char *data, size_t size);
void transmit_rest(Connection *connection);
/* Keep the beginning of a frame until the rest comes. False where there is no room. */
bool keep_partial(Connection *connection, const char *data, size_t size);
#endif
