/* A scripted server: it speaks ZooKeeper's protocol on loopback, answers when its script says so, and records what it
 * really did. It stands in for ZooKeeper where the truth has to be known exactly; it is no ZooKeeper: a session ends with
 * its connection, watches never fire, and there are no transactions.
 *
 *     scripted_server [--port N] [--record FILE] [--record-rows N] [--interest OPCODE[,OPCODE …]]
 *         [--delay-us D] [--slow-share P --slow-delay-us D] [--seed N] [--one-at-a-time]
 *         [--stall-s S [--stall-from-s T] [--stall-every-s T]] [--spin-us N]
 *
 * It prints its port as it listens, and its counts at the end (SIGTERM, SIGINT). All requests are counted. Those of
 * interest (get and set by default) follow the script and are recorded; all others are answered at once. In a stall it
 * neither reads nor answers anything. Without --record it only counts.
 *
 * One thread, one epoll. It sleeps until --spin-us (50 by default) before an answer is due and looks at the clock from
 * there on. Arrivals are the kernel's (SO_TIMESTAMPNS), turned into CLOCK_MONOTONIC.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "record.h"
#include "requests.h"
#include "script.h"

#define LONGEST_FRAME (1 << 20)
#define MOST_CONNECTIONS 4096
#define MOST_PENDING (1 << 16)
#define MOST_UNSENT (4u << 20)
#define EVENTS 64
#define STOPPED -2
/* Of all answers that wait: nothing is read beyond it; and of all frames that are not complete. */
#define MOST_BYTES ((size_t)64 << 20)

typedef struct Connection {
    struct Connection *next_closed;
    size_t place;
    int fd;
    uint32_t number, pending;
    uint16_t port;
    bool greeted;
    Session session;
    Bytes in, unsent;
    int64_t last_due;
} Connection;

/* An answer that waits for its time. */
typedef struct {
    int64_t due;
    uint64_t turn;
    Connection *connection;
    char *reply;
    size_t size;
    Row row;
    bool of_interest;
} Answer;

static Script script = {.seed = 88172645463325252u};
static bool interest[256];
static int64_t spin = 50000, wall_offset;
static int poll_fd, signal_fd, listen_fd;
static Answer *heap[MOST_PENDING];
static Connection *all[MOST_CONNECTIONS];
static size_t waiting, held_bytes, partial_bytes, open_connections;
static uint64_t turns;
static Connection *closed;
static char buffer[256 << 10];

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static bool before(const Answer *a, const Answer *b) { return a->due != b->due ? a->due < b->due : a->turn < b->turn; }

static void push(Answer *answer) {
    size_t at = waiting++;
    for (; at && before(answer, heap[(at - 1) / 2]); at = (at - 1) / 2) heap[at] = heap[(at - 1) / 2];
    heap[at] = answer;
}

static Answer *pop(void) {
    Answer *first = heap[0], *last = heap[--waiting];
    size_t at = 0, child;
    while ((child = 2 * at + 1) < waiting) {
        if (child + 1 < waiting && before(heap[child + 1], heap[child])) child++;
        if (!before(heap[child], last)) break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = last;
    return first;
}

static void watch(Connection *connection, uint32_t events, int what) {
    struct epoll_event event = {.events = events, .data.ptr = connection};
    if (epoll_ctl(poll_fd, what, connection->fd, &event)) fail("epoll_ctl");
}

/* Close the socket. The rest goes once no answer waits for it. */
static void hang_up(Connection *connection) {
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

static void free_closed(void) {
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

/* Send, or keep what the socket does not take. False where the client is gone or does not read. */
static bool transmit(Connection *connection, const char *data, size_t size) {
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

static void transmit_rest(Connection *connection) {
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

/* Send an answer, or give it up, and record which. */
static void finish(Answer *answer, bool at_all) {
    Connection *connection = answer->connection;
    bool sent = false;
    connection->pending--;
    if (at_all && connection->fd >= 0) {
        answer->row.send = now_ns();
        sent = transmit(connection, answer->reply, answer->size);
        answer->row.sent = now_ns();
        if (!sent || answer->row.opcode == CLOSE_SESSION) hang_up(connection);
    }
    if (!sent) answer->row.send = answer->row.sent = 0;
    if (sent) record_answered(&answer->row, answer->of_interest);
    else record_unanswered(&answer->row, answer->of_interest);
    held_bytes -= answer->size;
    free(answer->reply);
    free(answer);
}

/* Take one request. False where it is malformed. */
static bool take_request(Connection *connection, const char *frame, size_t size, Row times) {
    Bytes reply = {0};
    Request request = {0};
    bool slow = false;
    /* One piece of many requests for much must not exceed what waits either. */
    if (waiting == MOST_PENDING || held_bytes > 2 * MOST_BYTES ||
        !answer_request(&connection->session, frame, size, &request, &reply) || request.opcode < -16 ||
        request.opcode >= 240) {
        free(reply.data);
        return false;
    }
    Answer *answer = malloc(sizeof *answer);
    if (answer == NULL) abort();
    times.connection = connection->number;
    times.port = connection->port;
    times.xid = request.xid;
    times.opcode = (int16_t)request.opcode;
    times.error = (int16_t)request.error;
    times.due = times.read;
    *answer = (Answer){0, turns++, connection, reply.data, reply.size, times, interest[request.opcode & 255]};
    if (answer->of_interest) {
        script_began(&script, times.arrival);
        answer->row.due = due_at(&script, times.arrival, times.read, &slow);
        answer->row.flags |= slow ? SLOW : 0;
    }
    /* Answers keep the order of their requests. */
    if (answer->row.due < connection->last_due) answer->row.due = connection->last_due;
    answer->due = connection->last_due = answer->row.due;
    connection->pending++;
    held_bytes += reply.size;
    push(answer);
    return true;
}

static bool take_first(Connection *connection, const char *frame, size_t size) {
    Bytes reply = {0};
    bool good = answer_connect(&connection->session, frame, size, &reply) && transmit(connection, reply.data, reply.size);
    free(reply.data);
    connection->greeted = true;
    return good;
}

/* Answer a command of four letters. False: the connection ends after it. */
static bool four_letters(Connection *connection, const char *word) {
    char text[512] = "";
    unsigned long long count = requests_counted();
    if (!memcmp(word, "ruok", 4)) strcpy(text, "imok");
    else if (!memcmp(word, "mntr", 4))
        snprintf(text, sizeof text,
                 "zk_version\tscripted\nzk_server_state\tstandalone\nzk_packets_received\t%llu\n"
                 "zk_num_alive_connections\t%zu\nzk_outstanding_requests\t%zu\nzk_znode_count\t%zu\n",
                 count, open_connections, waiting, node_count);
    else
        snprintf(text, sizeof text,
                 "Zookeeper version: scripted\nLatency min/avg/max: 0/0/0\nReceived: %llu\nSent: %llu\n"
                 "Connections: %zu\nOutstanding: %zu\nZxid: 0x%llx\nMode: standalone\nNode count: %zu\n",
                 count, count - waiting, open_connections, waiting, (unsigned long long)last_zxid, node_count);
    transmit(connection, text, strlen(text));
    return false;
}

static bool is_four_letters(const char *word) {
    static const char *const words[] = {"ruok", "srvr", "mntr", "stat"};
    for (size_t n = 0; n < sizeof words / sizeof *words; n++)
        if (!memcmp(word, words[n], 4)) return true;
    return false;
}

/* Take every complete frame of what has come; keep the rest. False where the connection is to end. */
static bool take_frames(Connection *connection, const char *data, size_t size, const Row *times) {
    size_t at = 0;
    while (size - at >= 4) {
        uint32_t wire;
        memcpy(&wire, data + at, 4);
        size_t length = ntohl(wire);
        if (!connection->greeted && is_four_letters(data + at)) return four_letters(connection, data + at);
        if (length > LONGEST_FRAME || length < 8) {
            count_malformed();
            return false;
        }
        if (size - at - 4 < length) break;
        bool good = connection->greeted ? take_request(connection, data + at + 4, length, *times)
                                        : take_first(connection, data + at + 4, length);
        if (!good) {
            count_malformed();
            return false;
        }
        at += 4 + length;
    }
    Bytes *in = &connection->in;
    size_t left = size - at;
    if (left > in->room) {
        if (partial_bytes + LONGEST_FRAME + 4 > MOST_BYTES) return false;
        char *grown = malloc(LONGEST_FRAME + 4);
        if (grown == NULL) abort();
        memcpy(grown, data + at, left);
        partial_bytes += LONGEST_FRAME + 4;
        *in = (Bytes){grown, left, LONGEST_FRAME + 4};
    } else if (left) {
        memmove(in->data, data + at, left);
    }
    in->size = left;
    return true;
}

/* Read once. False where there is nothing more. */
static bool receive(Connection *connection) {
    char control[128];
    Bytes *in = &connection->in;
    struct iovec piece = {buffer, sizeof buffer};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    if (in->size) piece = (struct iovec){in->data + in->size, in->room - in->size};
    ssize_t size = recvmsg(connection->fd, &message, MSG_DONTWAIT);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return false;
    if (size <= 0) {
        hang_up(connection);
        return false;
    }
    Row times = {0};
    struct timespec wall;
    int64_t earlier = now_ns();
    clock_gettime(CLOCK_REALTIME, &wall);
    times.read = now_ns();
    /* Where something came between the two clocks, their last difference stands. */
    if (times.read - earlier < 1000 || !wall_offset)
        wall_offset = wall.tv_sec * (int64_t)1000000000 + wall.tv_nsec - (earlier + times.read) / 2;
    times.arrival = times.read;
    for (struct cmsghdr *at = CMSG_FIRSTHDR(&message); at != NULL; at = CMSG_NXTHDR(&message, at))
        if (at->cmsg_level == SOL_SOCKET && at->cmsg_type == SO_TIMESTAMPNS) {
            memcpy(&wall, CMSG_DATA(at), sizeof wall);
            times.arrival = wall.tv_sec * (int64_t)1000000000 + wall.tv_nsec - wall_offset;
            times.flags = KERNEL_TIME;
        }
    times.arrival_wall = times.arrival + wall_offset;
    if (!take_frames(connection, in->size ? in->data : buffer, in->size + (size_t)size, &times)) {
        hang_up(connection);
        return false;
    }
    return true;
}

static void accept_all(void) {
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

static bool has_room(void) { return waiting < MOST_PENDING / 2 && held_bytes < MOST_BYTES; }

/* Sleep until something comes, but no longer than until `then`. Return how many events there are. */
static int sleep_until(int64_t then, struct epoll_event events[EVENTS]) {
    int64_t left = then == INT64_MAX ? 3600000000000 : then - now_ns();
    struct timespec limit = {left > 0 ? left / 1000000000 : 0, left > 0 ? left % 1000000000 : 0};
    if (has_room()) return epoll_pwait2(poll_fd, events, EVENTS, &limit, NULL);
    struct pollfd ending = {signal_fd, POLLIN, 0};
    return ppoll(&ending, 1, &limit, NULL) > 0 ? STOPPED : 0;
}

static void serve(void) {
    struct epoll_event events[EVENTS];
    for (;;) {
        int64_t now = now_ns(), until = stalled_until(&script, now);
        if (until) {
            struct pollfd ending = {signal_fd, POLLIN, 0};
            struct timespec limit = {(until - now) / 1000000000, (until - now) % 1000000000};
            if (ppoll(&ending, 1, &limit, NULL) > 0) return;
            continue;
        }
        for (; waiting && heap[0]->due <= now; now = now_ns()) {
            if (stalled_until(&script, now)) break;
            finish(pop(), true);
        }
        free_closed();
        int64_t wake = waiting ? heap[0]->due - spin : INT64_MAX, stall = next_stall(&script, now);
        int count = sleep_until(wake < stall ? wake : stall, events);
        if (count == STOPPED) return;
        if (stalled_until(&script, now_ns())) continue;
        for (int n = 0; n < count && has_room(); n++) {
            if (events[n].data.ptr == &signal_fd) return;
            if (events[n].data.ptr == &listen_fd) {
                accept_all();
                continue;
            }
            Connection *connection = events[n].data.ptr;
            if (events[n].events & EPOLLOUT) transmit_rest(connection);
            if (connection->fd >= 0 && events[n].events & ~(uint32_t)EPOLLOUT) receive(connection);
        }
    }
}

static int64_t scaled(const char *text, double unit) {
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end || !(value >= 0 && value < 1e9)) {
        fprintf(stderr, "[%s] is no number that can be used\n", text);
        exit(2);
    }
    return (int64_t)(value * unit);
}

static void take_options(int argc, char **argv, int *port, const char **record, int64_t *rows) {
    static const struct option options[] = {
        {"port", 1, NULL, 'p'},         {"record", 1, NULL, 'r'},       {"record-rows", 1, NULL, 'n'},
        {"interest", 1, NULL, 'i'},     {"delay-us", 1, NULL, 'd'},     {"slow-share", 1, NULL, 's'},
        {"slow-delay-us", 1, NULL, 'l'}, {"seed", 1, NULL, 'x'},        {"one-at-a-time", 0, NULL, 'o'},
        {"stall-s", 1, NULL, 't'},      {"stall-from-s", 1, NULL, 'f'}, {"stall-every-s", 1, NULL, 'e'},
        {"spin-us", 1, NULL, 'u'},      {NULL, 0, NULL, 0},
    };
    const char *codes = "4,5";
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'p') *port = atoi(optarg);
        else if (option == 'r') *record = optarg;
        else if (option == 'n') *rows = scaled(optarg, 1);
        else if (option == 'i') codes = optarg;
        else if (option == 'd') script.delay = scaled(optarg, 1e3);
        else if (option == 's') script.slow_share = (double)scaled(optarg, 1e9) / 1e9;
        else if (option == 'l') script.slow_delay = scaled(optarg, 1e3);
        else if (option == 'x') script.seed = (uint64_t)scaled(optarg, 1) | 1;
        else if (option == 'o') script.one_at_a_time = true;
        else if (option == 't') script.stall = scaled(optarg, 1e9);
        else if (option == 'f') script.stall_from = scaled(optarg, 1e9);
        else if (option == 'e') script.stall_every = scaled(optarg, 1e9);
        else if (option == 'u') spin = scaled(optarg, 1e3);
        else exit(2);
    }
    if (optind < argc || (script.stall_every && script.stall_every <= script.stall)) {
        fprintf(stderr, optind < argc ? "[%s] is no option\n" : "a stall must be shorter than --stall-every-s\n", argv[optind]);
        exit(2);
    }
    for (char *end; *codes; codes = *end ? end + 1 : end) {
        interest[strtol(codes, &end, 10) & 255] = true;
        if (end == codes || (*end && *end != ',')) {
            fprintf(stderr, "[%s] is no list of operation codes\n", codes);
            exit(2);
        }
    }
}

/* What has come and was never answered is counted and recorded too. */
static void end(void) {
    for (size_t n = 0; n < MOST_CONNECTIONS; n++) {
        while (all[n] != NULL && receive(all[n]))
            while (waiting) finish(pop(), false);
        while (waiting) finish(pop(), false);
    }
    record_close();
}

int main(int argc, char **argv) {
    int port = 0, one = 1;
    const char *record = NULL;
    int64_t rows = 4000000;
    sigset_t ending;
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    take_options(argc, argv, &port, &record, &rows);
    sigemptyset(&ending);
    sigaddset(&ending, SIGTERM);
    sigaddset(&ending, SIGINT);
    sigprocmask(SIG_BLOCK, &ending, NULL);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    prctl(PR_SET_TIMERSLACK, 1UL);
    record_open(record, rows);
    tree_begin();
    poll_fd = epoll_create1(EPOLL_CLOEXEC);
    signal_fd = signalfd(-1, &ending, SFD_NONBLOCK | SFD_CLOEXEC);
    listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (poll_fd < 0 || signal_fd < 0 || listen_fd < 0) fail("the server");
    address.sin_port = htons((uint16_t)port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(listen_fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    /* Before the first connection, so that the kernel takes times from the first packet on. */
    setsockopt(listen_fd, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof one);
    if (bind(listen_fd, (struct sockaddr *)&address, sizeof address) || listen(listen_fd, 1024) ||
        getsockname(listen_fd, (struct sockaddr *)&address, &size))
        fail("the server");
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &signal_fd};
    epoll_ctl(poll_fd, EPOLL_CTL_ADD, signal_fd, &event);
    event.data.ptr = &listen_fd;
    epoll_ctl(poll_fd, EPOLL_CTL_ADD, listen_fd, &event);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    serve();
    end();
    return 0;
}
