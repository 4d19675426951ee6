#include "requests.h"

#include <arpa/inet.h>
#include <endian.h>
#include <stdlib.h>
#include <string.h>

/* What is left of a frame; `bad` once something was not there. */
typedef struct {
    const char *at, *end;
    bool bad;
} Reader;

static const char *take(Reader *reader, int64_t size) {
    const char *at = reader->at;
    if (size < 0 || reader->end - at < size) {
        reader->bad = true;
        reader->at = reader->end;
        return NULL;
    }
    reader->at += size;
    return at;
}

static int32_t take_int(Reader *reader) {
    const char *at = take(reader, 4);
    uint32_t wire = 0;
    if (at != NULL) memcpy(&wire, at, 4);
    return (int32_t)ntohl(wire);
}

static int64_t take_long(Reader *reader) {
    const char *at = take(reader, 8);
    uint64_t wire = 0;
    if (at != NULL) memcpy(&wire, at, 8);
    return (int64_t)be64toh(wire);
}

/* A string or a buffer; length -1 is null, which reads as empty. */
static const char *take_text(Reader *reader, int32_t *size) {
    *size = take_int(reader);
    if (*size == -1) *size = 0;
    const char *at = take(reader, *size);
    if (at != NULL) return at;
    *size = 0;
    return "";
}

static void put(Bytes *bytes, const void *data, size_t size) {
    if (bytes->size + size > bytes->room) {
        bytes->room = (bytes->size + size) * 2;
        bytes->data = realloc(bytes->data, bytes->room);
        if (bytes->data == NULL) abort();
    }
    memcpy(bytes->data + bytes->size, data, size);
    bytes->size += size;
}

static void put_int(Bytes *bytes, int32_t value) {
    uint32_t wire = htonl((uint32_t)value);
    put(bytes, &wire, 4);
}

static void put_long(Bytes *bytes, int64_t value) {
    uint64_t wire = htobe64((uint64_t)value);
    put(bytes, &wire, 8);
}

static void put_text(Bytes *bytes, const char *text, int32_t size) {
    put_int(bytes, size);
    put(bytes, text, (size_t)size);
}

static void put_stat(Bytes *bytes, const Node *node) {
    put_long(bytes, node->czxid);
    put_long(bytes, node->mzxid);
    put_long(bytes, node->ctime);
    put_long(bytes, node->mtime);
    put_int(bytes, node->version);
    put_int(bytes, node->cversion);
    put_int(bytes, 0);
    put_long(bytes, node->owner);
    put_int(bytes, node->data_size);
    put_int(bytes, node->child_count);
    put_long(bytes, node->pzxid);
}

static void put_children(Bytes *bytes, const Node *node) {
    int32_t skip = node->path_size == 1 ? 1 : node->path_size + 1;
    put_int(bytes, node->child_count);
    for (const Node *child = node->children; child != NULL; child = child->next)
        put_text(bytes, child->path + skip, child->path_size - skip);
}

/* Write a length where room was left for it. */
static void close_frame(Bytes *bytes, size_t began) {
    uint32_t wire = htonl((uint32_t)(bytes->size - began - 4));
    memcpy(bytes->data + began, &wire, 4);
}

bool answer_connect(Session *session, const char *frame, size_t size, Bytes *reply) {
    static const char password[16] = "not-a-password";
    Reader reader = {frame, frame + size, false};
    int32_t password_size, version = take_int(&reader);
    take_long(&reader);
    int32_t timeout_ms = take_int(&reader);
    int64_t wanted = take_long(&reader);
    take_text(&reader, &password_size);
    bool tells_read_only = reader.end - reader.at == 1;
    if (reader.bad || version || timeout_ms < 0 || reader.end - reader.at > 1) return false;
    /* A session ends with its connection here: one that is asked for again has expired. */
    size_t began = reply->size;
    put_int(reply, 0);
    put_int(reply, 0);
    put_int(reply, wanted ? 0 : timeout_ms < 1000 ? 1000 : timeout_ms);
    put_long(reply, wanted ? 0 : session->id);
    put_text(reply, password, sizeof password);
    if (tells_read_only) put(reply, "", 1);
    close_frame(reply, began);
    return true;
}

static void skip_acl(Reader *reader) {
    for (int32_t count = take_int(reader), size; count > 0 && !reader->bad; count--) {
        take_int(reader);
        take_text(reader, &size);
        take_text(reader, &size);
    }
}

/* Append the record of the reply and return the error. */
static int carry_out(Session *session, int32_t opcode, Reader *reader, Bytes *reply) {
    int32_t size = 0, data_size = 0;
    Node *node = NULL;
    if (opcode == PING || opcode == CLOSE_SESSION || opcode == AUTH || opcode == SET_WATCHES ||
        opcode == SET_WATCHES2 || opcode == CHECK_WATCHES || opcode == REMOVE_WATCHES)
        return OK; /* Watches are accepted and never fire. */
    const char *path = take_text(reader, &size);
    if (opcode == CREATE || opcode == CREATE2) {
        const char *data = take_text(reader, &data_size);
        skip_acl(reader);
        int32_t flags = take_int(reader);
        if (reader->bad) return MARSHALLING;
        if (flags < 0 || flags > 3) return UNIMPLEMENTED; /* containers, time limits */
        int error = tree_create(session, path, size, data, data_size, flags, &node);
        if (error) return error;
        put_text(reply, node->path, node->path_size);
        if (opcode == CREATE2) put_stat(reply, node);
        return OK;
    }
    if (opcode == DELETE) {
        int32_t version = take_int(reader);
        return reader->bad ? MARSHALLING : tree_delete(path, size, version);
    }
    if (opcode == SET_DATA) {
        const char *data = take_text(reader, &data_size);
        int32_t version = take_int(reader);
        if (reader->bad) return MARSHALLING;
        int error = tree_set(path, size, data, data_size, version, &node);
        if (!error) put_stat(reply, node);
        return error;
    }
    if (opcode == SYNC) {
        if (reader->bad) return MARSHALLING;
        put_text(reply, path, size);
        return OK;
    }
    if (opcode != EXISTS && opcode != GET_DATA && opcode != GET_ACL && opcode != GET_CHILDREN &&
        opcode != GET_CHILDREN2)
        return UNIMPLEMENTED;
    if (opcode != GET_ACL) take(reader, 1);
    if (reader->bad) return MARSHALLING;
    node = tree_find(path, size);
    if (node == NULL) return NO_NODE;
    if (opcode == GET_DATA) put_text(reply, node->data, node->data_size);
    if (opcode == GET_CHILDREN || opcode == GET_CHILDREN2) put_children(reply, node);
    if (opcode == GET_ACL) {
        put_int(reply, 1);
        put_int(reply, 31);
        put_text(reply, "world", 5);
        put_text(reply, "anyone", 6);
    }
    if (opcode != GET_CHILDREN) put_stat(reply, node);
    return OK;
}

bool answer_request(Session *session, const char *frame, size_t size, Request *request, Bytes *reply) {
    Reader reader = {frame, frame + size, false};
    size_t began = reply->size;
    request->xid = take_int(&reader);
    request->opcode = take_int(&reader);
    if (reader.bad) return false;
    put_int(reply, 0);
    put_int(reply, request->xid);
    put_long(reply, 0);
    put_int(reply, 0);
    size_t record = reply->size;
    request->error = carry_out(session, request->opcode, &reader, reply);
    if (request->error == MARSHALLING) return false;
    if (request->error) reply->size = record;
    uint64_t zxid = htobe64((uint64_t)last_zxid);
    uint32_t error = htonl((uint32_t)request->error);
    memcpy(reply->data + record - 12, &zxid, 8);
    memcpy(reply->data + record - 4, &error, 4);
    close_frame(reply, began);
    return true;
}
