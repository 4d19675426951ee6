/* From the frame of a request to the frame of its reply. */
#ifndef REQUESTS_H
#define REQUESTS_H
#include <stdbool.h>

#include "tree.h"

enum { CREATE = 1, DELETE, EXISTS, GET_DATA, SET_DATA, GET_ACL, SYNC = 9, GET_CHILDREN = 8, PING = 11,
       GET_CHILDREN2 = 12, CHECK_WATCHES = 17, REMOVE_WATCHES = 18, CREATE2 = 15, AUTH = 100, SET_WATCHES = 101,
       SET_WATCHES2 = 105, CLOSE_SESSION = -11 };

/* Bytes that grow. */
typedef struct {
    char *data;
    size_t size, room;
} Bytes;

typedef struct {
    int32_t xid, opcode;
    int error;
} Request;

/* Take the first frame of a connection, without its length. False where it is no ConnectRequest. */
bool answer_connect(Session *session, const char *frame, size_t size, Bytes *reply);
/* Carry a request out and append the frame of its reply. False where the frame is malformed. */
bool answer_request(Session *session, const char *frame, size_t size, Request *request, Bytes *reply);
#endif
