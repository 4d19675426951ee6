/* A scripted server: it speaks ZooKeeper's protocol on loopback, answers when its script says so, and records what it
 * really did. It stands in for ZooKeeper where the truth has to be known exactly. It is no ZooKeeper: a session ends
 * with its connection, watches never fire, and there are no transactions.
 *
 *     scripted_server [--port N] [--record FILE] [--record-rows N] [--interest OPCODE[,OPCODE …]]
 *         [--delay-us D] [--slow-share P --slow-delay-us D] [--seed N] [--one-at-a-time]
 *         [--stall-s S [--stall-from-s T] [--stall-every-s T]] [--growth-per-s P] [--down-s S [--down-from-s T]]
 *         [--spin-us N]
 *
 * It prints its port as it listens, and its counts at the end (SIGTERM, SIGINT). All requests are counted. Those of
 * interest (get and set by default) follow the script and are recorded; all others are answered at once. In a stall it
 * neither reads nor answers anything. While it is down, no connection lives, and none is taken. --growth-per-s is the
 * share of the delay that each second adds to it. Without --record it only counts.
 *
 * One thread, one epoll. It sleeps until --spin-us (50 by default) before an answer is due and looks at the clock from
 * there on. Arrivals are the kernel's (SO_TIMESTAMPNS), turned into CLOCK_MONOTONIC.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
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

/* Take what has come, and end all connections. */
static void go_down(void) {
    stop_listening();
    for (size_t n = 0; n < MOST_CONNECTIONS; n++) {
        while (all[n] != NULL && receive(all[n])) continue;
        if (all[n] != NULL) hang_up(all[n]);
    }
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
        if (is_down(&script, now) && listen_fd >= 0) go_down();
        if (!is_down(&script, now) && listen_fd < 0) listen_at(port);
        for (; next_due() <= now; now = now_ns()) {
            if (stalled_until(&script, now)) break;
            finish_next(true);
        }
        free_closed();
        int64_t wake = answers_waiting() ? next_due() - spin_ns : INT64_MAX, stall = next_stall(&script, now);
        int64_t outage = next_outage(&script, now), change = stall < outage ? stall : outage;
        int count = sleep_until(wake < change ? wake : change, events);
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
    sigset_t ending;
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
    if (poll_fd < 0 || signal_fd < 0) fail("the server");
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &signal_fd};
    epoll_ctl(poll_fd, EPOLL_CTL_ADD, signal_fd, &event);
    port = listen_at(port);
    printf("%d\n", port);
    fflush(stdout);
    serve();
    end();
    return 0;
}
