#include "record.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define CODES (HIGHEST_OPCODE - LOWEST_OPCODE + 1)

#define MOST_STALLS 1024

static Row *rows;
static int64_t stalls[MOST_STALLS][2], stall_count;
static int file = -1;
static int64_t row_count, most, not_recorded;
static uint64_t received[CODES], answered[CODES], errors, connections, malformed;

void record_open(const char *path, int64_t most_rows) {
    if (path == NULL) return;
    most = most_rows;
    file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    /* A file with holes: it takes the room of the rows that are written. */
    if (file < 0 || ftruncate(file, most * (off_t)sizeof *rows)) {
        perror(path);
        exit(1);
    }
    rows = mmap(NULL, (size_t)most * sizeof *rows, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (rows == MAP_FAILED) {
        perror(path);
        exit(1);
    }
}

static void keep(const Row *row, bool in_file) {
    received[row->opcode - LOWEST_OPCODE]++;
    if (rows == NULL || !in_file) return;
    if (row_count < most) rows[row_count++] = *row;
    else not_recorded++;
}

void record_answered(const Row *row, bool in_file) {
    answered[row->opcode - LOWEST_OPCODE]++;
    errors += row->error != 0;
    keep(row, in_file);
}

void record_unanswered(const Row *row, bool in_file) { keep(row, in_file); }

void count_connection(void) { connections++; }

void count_malformed(void) { malformed++; }

void count_stall(int64_t from, int64_t to) {
    if (stall_count == MOST_STALLS) return;
    stalls[stall_count][0] = from;
    stalls[stall_count++][1] = to;
}

uint64_t requests_counted(void) {
    uint64_t all = 0;
    for (int n = 0; n < CODES; n++) all += received[n];
    return all;
}

static void print_counts(const char *name, const uint64_t *counts) {
    const char *comma = "";
    printf("\"%s\": {", name);
    for (int n = 0; n < CODES; n++)
        if (counts[n]) {
            printf("%s\"%d\": %" PRIu64, comma, n + LOWEST_OPCODE, counts[n]);
            comma = ", ";
        }
    printf("}, ");
}

void record_close(void) {
    printf("{");
    print_counts("received", received);
    print_counts("answered", answered);
    printf("\"stalls\": [");
    for (int64_t n = 0; n < stall_count; n++)
        printf("%s[%" PRId64 ", %" PRId64 "]", n ? ", " : "", stalls[n][0], stalls[n][1]);
    printf("], ");
    printf("\"errors\": %" PRIu64 ", \"connections\": %" PRIu64 ", \"malformed\": %" PRIu64 ", \"rows\": %" PRId64
           ", \"not_recorded\": %" PRId64 "}\n", errors, connections, malformed, row_count, not_recorded);
    fflush(stdout);
    if (file >= 0 && ftruncate(file, row_count * (off_t)sizeof *rows)) perror("the record");
}
