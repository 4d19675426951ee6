/* When the server answers, and when it does nothing at all. All times are nanoseconds of CLOCK_MONOTONIC. */
#ifndef SCRIPT_H
#define SCRIPT_H
#include <stdbool.h>
#include <stdint.h>

typedef struct {
    int64_t delay, slow_delay;             /* from the arrival to the answer */
    double slow_share;                     /* of the requests, those that take slow_delay */
    uint64_t seed;                         /* of the lot that decides which */
    bool one_at_a_time;                    /* a request waits until the one before is answered */
    double growth;                         /* of delay, each second, as a share of it */
    int64_t stall, stall_every, stall_from; /* from the first request of interest; every 0 is once */
    int64_t down, down_from;               /* no connection lives and none is taken; counts as a stall does */
} Script;

int64_t now_ns(void);
/* Call it for each request of interest: stalls, outages and growth count from the first. */
void script_began(const Script *script, int64_t at);
/* Return the end of the stall that `at` lies in, or 0. */
int64_t stalled_until(const Script *script, int64_t at);
/* Return when the next stall begins, or INT64_MAX. */
int64_t next_stall(const Script *script, int64_t at);
/* Whether the server is down at `at`. */
bool is_down(const Script *script, int64_t at);
/* Return when it goes down or comes back next, or INT64_MAX. */
int64_t next_outage(const Script *script, int64_t at);
/* Return when to answer a request that arrived at `arrival` and was read at `read`. */
int64_t due_at(Script *script, int64_t arrival, int64_t read, bool *slow);
#endif
