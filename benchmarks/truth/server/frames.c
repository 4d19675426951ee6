#include "frames.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>

#include "answers.h"
#include "options.h"

static int64_t wall_offset;
static char buffer[256 << 10];

/* Take one request. False where it is malformed. */
static bool take_request(Connection *connection, const char *frame, size_t size, const Row *times) {
    Bytes reply = {0};
    Request request = {0};
    bool slow = false;
    if (!answer_request(&connection->session, frame, size, &request, &reply) || request.opcode < LOWEST_OPCODE ||
        request.opcode > HIGHEST_OPCODE) {
        free(reply.data);
        return false;
    }
    Answer answer = {0, 0, connection, reply.data, reply.size, *times, of_interest(request.opcode)};
    Row *row = &answer.row;
    row->connection = connection->number;
    row->port = connection->port;
    row->xid = request.xid;
    row->opcode = (int16_t)request.opcode;
    row->error = (int16_t)request.error;
    row->due = row->read;
    if (answer.in_file) {
        script_began(&script, row->arrival);
        row->due = due_at(&script, row->arrival, row->read, &slow);
        row->flags |= slow ? SLOW : 0;
    }
    /* Answers keep the order of their requests. */
    if (row->due < connection->last_due) row->due = connection->last_due;
    answer.due = connection->last_due = row->due;
    if (answer_later(&answer)) return true;
    free(reply.data);
    return false;
}

static bool take_first(Connection *connection, const char *frame, size_t size) {
    Bytes reply = {0};
    bool good = answer_connect(&connection->session, frame, size, &reply);
    good = good && transmit(connection, reply.data, reply.size);
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
                 count, open_connections, answers_waiting(), node_count);
    else
        snprintf(text, sizeof text,
                 "Zookeeper version: scripted\nLatency min/avg/max: 0/0/0\nReceived: %llu\nSent: %llu\n"
                 "Connections: %zu\nOutstanding: %zu\nZxid: 0x%llx\nMode: standalone\nNode count: %zu\n",
                 count, count - answers_waiting(), open_connections, answers_waiting(), (unsigned long long)last_zxid,
                 node_count);
    transmit(connection, text, strlen(text));
    return false;
}

static bool is_four_letters(const char *word) {
    static const char *const words[] = {"ruok", "srvr", "mntr", "stat"};
    for (size_t n = 0; n < sizeof words / sizeof *words; n++)
        if (!memcmp(word, words[n], 4)) return true;
    return false;
}

/* Take every complete frame of what has come; keep the rest. Of it, `earlier` bytes came at the time that was peeked.
 * False where the connection is to end. */
static bool take_frames(Connection *connection, const char *data, size_t size, const Row *times,
                        size_t earlier) {
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
        const Row *its = at + 4 + length <= earlier ? &connection->peeked_at : times;
        bool good = connection->greeted ? take_request(connection, data + at + 4, length, its)
                                        : take_first(connection, data + at + 4, length);
        if (!good) {
            count_malformed();
            return false;
        }
        at += 4 + length;
    }
    return keep_partial(connection, data + at, size - at);
}

/* Return when what was received arrived, and when it was read: now. */
static Row stamp(struct msghdr *message) {
    Row times = {0};
    struct timespec wall;
    int64_t earlier = now_ns();
    clock_gettime(CLOCK_REALTIME, &wall);
    times.read = now_ns();
    /* Where something came between the two clocks, their last difference stands. */
    if (times.read - earlier < 1000 || !wall_offset)
        wall_offset = wall.tv_sec * (int64_t)1000000000 + wall.tv_nsec - (earlier + times.read) / 2;
    times.arrival = times.read;
    for (struct cmsghdr *at = CMSG_FIRSTHDR(message); at != NULL; at = CMSG_NXTHDR(message, at))
        if (at->cmsg_level == SOL_SOCKET && at->cmsg_type == SO_TIMESTAMPNS) {
            memcpy(&wall, CMSG_DATA(at), sizeof wall);
            times.arrival = wall.tv_sec * (int64_t)1000000000 + wall.tv_nsec - wall_offset;
            times.flags = KERNEL_TIME;
        }
    times.arrival_wall = times.arrival + wall_offset;
    return times;
}

bool receive(Connection *connection) {
    char control[128];
    Bytes *in = &connection->in;
    struct iovec piece = {buffer, sizeof buffer};
    struct msghdr message = {
        .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    if (in->size) piece = (struct iovec){in->data + in->size, in->room - in->size};
    ssize_t size = recvmsg(connection->fd, &message, MSG_DONTWAIT);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return false;
    if (size <= 0) {
        hang_up(connection);
        return false;
    }
    Row times = stamp(&message);
    size_t earlier = connection->peeked ? connection->peeked + in->size : 0;
    connection->peeked = 0;
    connection->peeked_at.read = times.read;
    if (!take_frames(connection, in->size ? in->data : buffer, in->size + (size_t)size, &times, earlier)) {
        hang_up(connection);
        return false;
    }
    return true;
}

void peek(Connection *connection) {
    char byte, control[128];
    struct iovec piece = {&byte, 1};
    struct msghdr message = {
        .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    int size = 0;
    if (connection->peeked || ioctl(connection->fd, FIONREAD, &size) || size <= 0) return;
    if (recvmsg(connection->fd, &message, MSG_DONTWAIT | MSG_PEEK) <= 0) return;
    connection->peeked_at = stamp(&message);
    connection->peeked = (size_t)size;
}
