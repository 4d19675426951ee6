/* The nodes, in memory: what ZooKeeper's operations need of a tree, and no more. */
#ifndef TREE_H
#define TREE_H
#include <stddef.h>
#include <stdint.h>

/* ZooKeeper's numbers (KeeperException.Code). */
enum { OK = 0, SYSTEM_ERROR = -1, MARSHALLING = -5, UNIMPLEMENTED = -6, BAD_ARGUMENTS = -8, NO_NODE = -101,
       BAD_VERSION = -103, NO_CHILDREN_FOR_EPHEMERALS = -108, NODE_EXISTS = -110, NOT_EMPTY = -111 };

typedef struct Node Node;

/* A session, with its ephemeral nodes. It does not move while it has any. */
typedef struct {
    int64_t id;
    Node *owned;
} Session;

struct Node {
    Session *session;
    Node *in_bucket, *parent, *children, *next, *previous, *next_owned, *previous_owned;
    char *path, *data;
    int32_t path_size, data_size, version, cversion, child_count, sequence;
    int64_t owner, czxid, mzxid, pzxid, ctime, mtime;
};

extern int64_t last_zxid;
extern size_t node_count;

void tree_begin(void);
Node *tree_find(const char *path, int32_t size);
/* Flags: 1 ephemeral, 2 sequence. All return one of the numbers above. */
int tree_create(Session *session, const char *path, int32_t size, const char *data, int32_t data_size, int flags,
                Node **made);
int tree_delete(const char *path, int32_t size, int32_t version);
int tree_set(const char *path, int32_t size, const char *data, int32_t data_size, int32_t version, Node **found);
void tree_end_session(Session *session);
#endif
