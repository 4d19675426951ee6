/* What clients send: read, cut into frames, and handed on. */
#ifndef FRAMES_H
#define FRAMES_H
#include "connections.h"

/* Read once. False where there is nothing more. What cannot be understood ends the connection. */
bool receive(Connection *connection);
/* Note when something came, and leave it there. The kernel joins segments that nobody reads: it keeps the last time. */
void peek(Connection *connection);
#endif
