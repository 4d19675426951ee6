/* The answers that wait for their time, the next one first. */
#ifndef ANSWERS_H
#define ANSWERS_H
#include "connections.h"

typedef struct {
    int64_t due;
    uint64_t turn; /* of those that are due at the same time, the first one first */
    Connection *connection;
    char *reply;
    size_t size;
    Row row;
    bool in_file;
} Answer;

/* Take an answer over. False, and the answer is left, where too many wait. */
bool answer_later(const Answer *answer);
size_t answers_waiting(void);
/* Return when the next one is due; INT64_MAX where none waits. */
int64_t next_due(void);
/* Whether more may be read. */
bool has_room(void);
/* Send the next answer, or give it up, and record which. */
void finish_next(bool at_all);
#endif
