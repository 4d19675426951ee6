#include "answers.h"

#include <stdlib.h>

#include "script.h"

#define MOST_WAITING (1 << 16)
/* Of what waits. Nothing is read beyond it; one piece that was read may lead to as much again. */
#define MOST_BYTES ((size_t)64 << 20)

static Answer *heap[MOST_WAITING];
static size_t waiting, held_bytes;
static uint64_t turns;

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

bool answer_later(const Answer *answer) {
    if (waiting == MOST_WAITING || held_bytes > 2 * MOST_BYTES) return false;
    Answer *kept = malloc(sizeof *kept);
    if (kept == NULL) abort();
    *kept = *answer;
    kept->turn = turns++;
    kept->connection->pending++;
    held_bytes += kept->size;
    push(kept);
    return true;
}

size_t answers_waiting(void) { return waiting; }

int64_t next_due(void) { return waiting ? heap[0]->due : INT64_MAX; }

bool has_room(void) { return waiting < MOST_WAITING / 2 && held_bytes < MOST_BYTES; }

void finish_next(bool at_all) {
    Answer *answer = pop();
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
    if (sent) record_answered(&answer->row, answer->in_file);
    else record_unanswered(&answer->row, answer->in_file);
    held_bytes -= answer->size;
    free(answer->reply);
    free(answer);
}
