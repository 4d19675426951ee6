#include "tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* What the tree may take. A request beyond it gets SYSTEM_ERROR. */
#define LIMIT_BYTES ((size_t)256 << 20)
#define BUCKETS (1u << 18)

int64_t last_zxid;
size_t node_count;
static size_t taken;
static Node *buckets[BUCKETS];

static Node **bucket_of(const char *path, int32_t size) {
    uint64_t hash = 14695981039346656037u;
    for (int32_t n = 0; n < size; n++) hash = (hash ^ (unsigned char)path[n]) * 1099511628211u;
    return &buckets[(hash ^ hash >> 32) % BUCKETS];
}

static int64_t wall_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static char *copy(const char *from, size_t size) {
    char *made = malloc(size + 1);
    if (made == NULL) abort();
    memcpy(made, from, size);
    return made;
}

static Node *add(Node *parent, const char *path, int32_t size, const char *data, int32_t data_size) {
    Node *node = calloc(1, sizeof *node), **bucket = bucket_of(path, size);
    if (node == NULL) abort();
    node->path = copy(path, (size_t)size);
    node->path_size = size;
    node->data = copy(data, (size_t)data_size);
    node->data_size = data_size;
    node->in_bucket = *bucket;
    *bucket = node;
    node->czxid = node->mzxid = node->pzxid = last_zxid;
    node->ctime = node->mtime = wall_ms();
    node->parent = parent;
    if (parent != NULL) {
        node->next = parent->children;
        if (node->next != NULL) node->next->previous = node;
        parent->children = node;
        parent->child_count++;
        parent->cversion++;
        parent->pzxid = last_zxid;
    }
    node_count++;
    taken += sizeof *node + (size_t)size + (size_t)data_size;
    return node;
}

void tree_begin(void) {
    Node *root = add(NULL, "/", 1, "", 0), *own = add(root, "/zookeeper", 10, "", 0);
    add(own, "/zookeeper/config", 17, "", 0);
    add(own, "/zookeeper/quota", 16, "", 0);
}

Node *tree_find(const char *path, int32_t size) {
    Node *node = *bucket_of(path, size);
    while (node != NULL && (node->path_size != size || memcmp(node->path, path, (size_t)size))) node = node->in_bucket;
    return node;
}

int tree_create(Session *session, const char *path, int32_t size, const char *data, int32_t data_size, int flags,
                Node **made) {
    char numbered[4096 + 16];
    int32_t slash = size - 1;
    if (size < 2 || size > 4096 || path[0] != '/') return BAD_ARGUMENTS;
    if (!(flags & 2) && path[size - 1] == '/') return BAD_ARGUMENTS;
    while (path[slash] != '/') slash--;
    Node *parent = slash ? tree_find(path, slash) : tree_find("/", 1);
    if (parent == NULL) return NO_NODE;
    if (parent->owner) return NO_CHILDREN_FOR_EPHEMERALS;
    if (flags & 2) {
        size = snprintf(numbered, sizeof numbered, "%.*s%010d", size, path, parent->sequence);
        path = numbered;
    }
    if (tree_find(path, size) != NULL) return NODE_EXISTS;
    if (taken + (size_t)size + (size_t)data_size + sizeof(Node) > LIMIT_BYTES) return SYSTEM_ERROR;
    last_zxid++;
    parent->sequence++;
    *made = add(parent, path, size, data, data_size);
    if (flags & 1) {
        (*made)->owner = session->id;
        (*made)->session = session;
        (*made)->next_owned = session->owned;
        if (session->owned != NULL) session->owned->previous_owned = *made;
        session->owned = *made;
    }
    return OK;
}

static void drop(Node *node) {
    Node **bucket = bucket_of(node->path, node->path_size);
    while (*bucket != node) bucket = &(*bucket)->in_bucket;
    *bucket = node->in_bucket;
    if (node->next != NULL) node->next->previous = node->previous;
    if (node->previous != NULL) node->previous->next = node->next;
    else node->parent->children = node->next;
    if (node->session != NULL) {
        if (node->next_owned != NULL) node->next_owned->previous_owned = node->previous_owned;
        if (node->previous_owned != NULL) node->previous_owned->next_owned = node->next_owned;
        else node->session->owned = node->next_owned;
    }
    node->parent->child_count--;
    node->parent->cversion++;
    node->parent->pzxid = last_zxid;
    node_count--;
    taken -= sizeof *node + (size_t)node->path_size + (size_t)node->data_size;
    free(node->path);
    free(node->data);
    free(node);
}

int tree_delete(const char *path, int32_t size, int32_t version) {
    Node *node = tree_find(path, size);
    if (node == NULL) return NO_NODE;
    if (node->parent == NULL) return BAD_ARGUMENTS;
    if (version != -1 && version != node->version) return BAD_VERSION;
    if (node->children != NULL) return NOT_EMPTY;
    last_zxid++;
    drop(node);
    return OK;
}

int tree_set(const char *path, int32_t size, const char *data, int32_t data_size, int32_t version, Node **found) {
    Node *node = tree_find(path, size);
    if (node == NULL) return NO_NODE;
    if (version != -1 && version != node->version) return BAD_VERSION;
    if (taken + (size_t)data_size > LIMIT_BYTES) return SYSTEM_ERROR;
    taken = taken + (size_t)data_size - (size_t)node->data_size;
    free(node->data);
    node->data = copy(data, (size_t)data_size);
    node->data_size = data_size;
    node->version++;
    node->mzxid = ++last_zxid;
    node->mtime = wall_ms();
    *found = node;
    return OK;
}

void tree_end_session(Session *session) {
    while (session->owned != NULL) {
        last_zxid++;
        drop(session->owned);
    }
}
