"""The part of the library's interface that is used, for cffi.

Source: zookeeper.h and zookeeper.jute.h of ZooKeeper 3.8. A `void *` that the library only hands back to callbacks is
declared as a number here: it is the same to the machine and needs no object on each call.
"""

from typing import Final

DECLARATIONS: Final = """
typedef struct _zhandle zhandle_t;
typedef struct { int64_t client_id; char passwd[16]; } clientid_t;
struct timeval { long tv_sec; long tv_usec; };
struct ACL_vector { int32_t count; void *data; };
struct String_vector { int32_t count; char **data; };
struct Stat {
    int64_t czxid; int64_t mzxid; int64_t ctime; int64_t mtime;
    int32_t version; int32_t cversion; int32_t aversion;
    int64_t ephemeralOwner; int32_t dataLength; int32_t numChildren; int64_t pzxid;
};

typedef void (*watcher_fn)(zhandle_t *zh, int type, int state, const char *path, uintptr_t context);
typedef void (*log_callback_fn)(const char *message);
typedef void (*void_completion_t)(int rc, uintptr_t data);
typedef void (*stat_completion_t)(int rc, const struct Stat *stat, uintptr_t data);
typedef void (*data_completion_t)(int rc, const char *value, int value_len, const struct Stat *stat, uintptr_t data);
typedef void (*string_completion_t)(int rc, const char *value, uintptr_t data);
typedef void (*strings_completion_t)(int rc, const struct String_vector *strings, uintptr_t data);
typedef void (*strings_stat_completion_t)(int rc, const struct String_vector *strings, const struct Stat *stat,
    uintptr_t data);

extern int ZOOKEEPER_READ;
extern int ZOOKEEPER_WRITE;
extern int ZOO_EPHEMERAL;
extern int ZOO_SEQUENCE;
extern int ZOO_CONNECTED_STATE;
extern int ZOO_NOTCONNECTED_STATE;
extern int ZOO_EXPIRED_SESSION_STATE;
extern int ZOO_AUTH_FAILED_STATE;
extern int ZOO_SESSION_EVENT;
extern struct ACL_vector ZOO_OPEN_ACL_UNSAFE;

zhandle_t *zookeeper_init2(const char *host, watcher_fn fn, int recv_timeout, const clientid_t *clientid,
    uintptr_t context, int flags, log_callback_fn log_callback);
int zookeeper_close(zhandle_t *zh);
int zookeeper_interest(zhandle_t *zh, int *fd, int *interest, struct timeval *tv);
int zookeeper_process(zhandle_t *zh, int events);
int zoo_state(zhandle_t *zh);
int zoo_recv_timeout(zhandle_t *zh);
const clientid_t *zoo_client_id(zhandle_t *zh);
const char *zoo_get_current_server(zhandle_t *zh);
int zoo_set_servers_resolution_delay(zhandle_t *zh, int delay_ms);
void zoo_set_debug_level(int level);
const char *zerror(int c);

int zoo_add_auth(zhandle_t *zh, const char *scheme, const char *cert, int certLen, void_completion_t completion,
    uintptr_t data);
int zoo_acreate(zhandle_t *zh, const char *path, const char *value, int valuelen, const struct ACL_vector *acl,
    int mode, string_completion_t completion, uintptr_t data);
int zoo_adelete(zhandle_t *zh, const char *path, int version, void_completion_t completion, uintptr_t data);
int zoo_aset(zhandle_t *zh, const char *path, const char *buffer, int buflen, int version,
    stat_completion_t completion, uintptr_t data);
int zoo_aget(zhandle_t *zh, const char *path, int watch, data_completion_t completion, uintptr_t data);
int zoo_aexists(zhandle_t *zh, const char *path, int watch, stat_completion_t completion, uintptr_t data);
int zoo_aget_children(zhandle_t *zh, const char *path, int watch, strings_completion_t completion, uintptr_t data);
int zoo_aget_children2(zhandle_t *zh, const char *path, int watch, strings_stat_completion_t completion,
    uintptr_t data);
"""

# Older libraries (3.4, 3.5) lack these.
NEEDED: Final = ("zookeeper_init2", "zookeeper_interest", "zoo_aget_children2", "zoo_set_servers_resolution_delay")

LOG_ERRORS: Final = 1
NO_LOG_OF_ENVIRONMENT: Final = 2

# ZOO_ERRORS of zookeeper.h, as far as they are told apart.
OK: Final = 0
SYSTEM_ERROR: Final = -1
RUNTIME_INCONSISTENCY: Final = -2
DATA_INCONSISTENCY: Final = -3
CONNECTION_LOSS: Final = -4
MARSHALLING_ERROR: Final = -5
OPERATION_TIMEOUT: Final = -7
INVALID_STATE: Final = -9
NO_NODE: Final = -101
SESSION_EXPIRED: Final = -112
AUTH_FAILED: Final = -115
CLOSING: Final = -116
NOTHING: Final = -117
