/* A scripted server: it speaks ZooKeeper's protocol on loopback, answers when its script says so, and records what it
 * really did. It stands in for ZooKeeper where the truth has to be known exactly. It is no ZooKeeper: a session ends
 * with its connection, watches never fire, and there are no transactions.
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
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>

#include "answers.h"
#include "frames.h"
#include "options.h"

#define EVENTS 64
#define STOPPED -2

static int signal_fd;

/* Sleep until something comes, but no longer than until `then`. Return how many events there are. */
static int sleep_until(int64_t then, struct epoll_event events[EVENTS]) {
    int64_t left = then == INT64_MAX ? 3600000000000 : then - now_ns();
    struct timespec limit = {left > 0 ? left / 1000000000 : 0, left > 0 ? left % 1000000000 : 0};
    if (has_room()) return epoll_pwait2(poll_fd, events, EVENTS, &limit, NULL);
    struct pollfd ending = {signal_fd, POLLIN, 0};
    return ppoll(&ending, 1, &limit, NULL) > 0 ? STOPPED : 0;
}

/* Do nothing, or a thousandth of a second of it, but note what comes. True where the server is to end. */
static bool sit_out(int64_t left, struct epoll_event events[EVENTS]) {
    struct pollfd ending = {signal_fd, POLLIN, 0};
    struct timespec limit = {0, left < 1000000 ? left : 1000000};
    if (ppoll(&ending, 1, &limit, NULL) > 0) return true;
    /* Those that are ready come in turns. */
    for (int n = epoll_wait(poll_fd, events, EVENTS, 0) - 1; n >= 0; n--)
        if (events[n].data.ptr != &signal_fd && events[n].data.ptr != &listen_fd) peek(events[n].data.ptr);
    return false;
}

static void serve(void) {
    struct epoll_event events[EVENTS];
    int64_t began = 0;
    for (;;) {
        int64_t now = now_ns(), until = stalled_until(&script, now);
        if (until) {
            if (!began) began = now;
            bool ended = sit_out(until - now, events);
            if (!ended) continue;
        }
        if (began) count_stall(began, now);
        began = 0;
        if (until) return;
        for (; next_due() <= now; now = now_ns()) {
            if (stalled_until(&script, now)) break;
            finish_next(true);
        }
        free_closed();
        int64_t wake = answers_waiting() ? next_due() - spin_ns : INT64_MAX, stall = next_stall(&script, now);
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

/* What has come and was not answered is counted and recorded too. */
static void end(void) {
    for (size_t n = 0; n < MOST_CONNECTIONS; n++) {
        while (all[n] != NULL && receive(all[n]))
            while (answers_waiting()) finish_next(false);
        while (answers_waiting()) finish_next(false);
    }
    record_close();
}

int main(int argc, char **argv) {
    int one = 1;
    sigset_t ending;
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    take_options(argc, argv);
    sigemptyset(&ending);
    sigaddset(&ending, SIGTERM);
    sigaddset(&ending, SIGINT);
    sigprocmask(SIG_BLOCK, &ending, NULL);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    prctl(PR_SET_TIMERSLACK, 1UL);
    record_open(record_path, record_rows);
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
