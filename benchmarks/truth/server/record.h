/* What the server really did: a file of rows that numpy reads, and counts by operation. */
#ifndef RECORD_H
#define RECORD_H
#include <stdbool.h>
#include <stdint.h>

/* What is counted. Nothing else has a meaning in ZooKeeper. */
#define LOWEST_OPCODE -16
#define HIGHEST_OPCODE 239

enum { KERNEL_TIME = 1, SLOW = 2 };

/* 64 bytes, in the machine's byte order. All times are nanoseconds; those of CLOCK_MONOTONIC but for the first. 0 is
 * never: a request that was not answered has no times of its answer. */
typedef struct {
    int64_t arrival_wall; /* the request's arrival, by CLOCK_REALTIME */
    int64_t arrival;      /* the same by CLOCK_MONOTONIC; the kernel's, or that of reading without KERNEL_TIME */
    int64_t read;         /* the server had it */
    int64_t due;          /* the script wanted the answer then */
    int64_t send, sent;   /* before and after the system call that sent the answer */
    uint32_t connection;
    int32_t xid;
    int16_t opcode, error;
    uint16_t port; /* the client's */
    uint16_t flags;
} Row;

/* Open a file for at most this many rows. Without a path, only the counts are kept. */
void record_open(const char *path, int64_t most_rows);
/* Counts the request, and writes it to the file if `in_file`. */
void record_answered(const Row *row, bool in_file);
void record_unanswered(const Row *row, bool in_file);
/* Cut the file to its rows and print the counts, one line of JSON. */
void record_close(void);
/* Keep a count of its own in the line. */
void count_connection(void);
/* The server did nothing for this time. */
void count_stall(int64_t from, int64_t to);
void count_malformed(void);
uint64_t requests_counted(void);
#endif
