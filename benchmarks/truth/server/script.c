#include "script.h"

#include <time.h>

static int64_t first = INT64_MAX, first_stall = INT64_MAX, busy_until, last_stall_end;

int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * (int64_t)1000000000 + now.tv_nsec;
}

void script_began(const Script *script, int64_t at) {
    if (first != INT64_MAX) return;
    first = at;
    if (script->stall > 0) first_stall = at + script->stall_from;
}

/* The beginning of the last stall that began by then; INT64_MAX where none did. */
static int64_t stall_by(const Script *script, int64_t at) {
    if (at < first_stall) return INT64_MAX;
    return script->stall_every > 0 ? at - (at - first_stall) % script->stall_every : first_stall;
}

int64_t stalled_until(const Script *script, int64_t at) {
    int64_t began = stall_by(script, at);
    if (began == INT64_MAX || at - began >= script->stall) return 0;
    return last_stall_end = began + script->stall;
}

int64_t next_stall(const Script *script, int64_t at) {
    int64_t began = stall_by(script, at);
    if (began == INT64_MAX) return first_stall;
    return script->stall_every > 0 ? began + script->stall_every : INT64_MAX;
}

bool is_down(const Script *script, int64_t at) {
    return script->down > 0 && first != INT64_MAX && at - first >= script->down_from &&
           at - first < script->down_from + script->down;
}

int64_t next_outage(const Script *script, int64_t at) {
    if (script->down == 0 || first == INT64_MAX || at - first >= script->down_from + script->down) return INT64_MAX;
    return first + script->down_from + (is_down(script, at) ? script->down : 0);
}

/* xorshift64*: the same lots for the same seed. */
static double draw(uint64_t *state) {
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return (double)((*state * 2685821657736338717u) >> 11) / 9007199254740992.0;
}

int64_t due_at(Script *script, int64_t arrival, int64_t read, bool *slow) {
    *slow = script->slow_share > 0 && draw(&script->seed) < script->slow_share;
    /* What arrived in a stall is taken up when the stall ends. */
    int64_t began = arrival < last_stall_end && read >= last_stall_end ? last_stall_end : arrival;
    if (script->one_at_a_time && began < busy_until) began = busy_until;
    int64_t delay = *slow ? script->slow_delay : script->delay;
    return busy_until = began + delay + (int64_t)(script->growth * (double)delay * (double)(began - first) / 1e9);
}
