#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

Script script = {.seed = 88172645463325252u};
int64_t spin_ns = 50000, record_rows = 4000000;
int port;
const char *record_path;
static bool interest[256];

bool of_interest(int32_t opcode) { return interest[opcode & 255]; }

static int64_t scaled(const char *text, double unit) {
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end || !(value >= 0 && value < 1e9)) {
        fprintf(stderr, "[%s] is no number that can be used\n", text);
        exit(2);
    }
    return (int64_t)(value * unit);
}

void take_options(int argc, char **argv) {
    static const struct option options[] = {
        {"port", 1, NULL, 'p'},         {"record", 1, NULL, 'r'},       {"record-rows", 1, NULL, 'n'},
        {"interest", 1, NULL, 'i'},     {"delay-us", 1, NULL, 'd'},     {"slow-share", 1, NULL, 's'},
        {"slow-delay-us", 1, NULL, 'l'}, {"seed", 1, NULL, 'x'},        {"one-at-a-time", 0, NULL, 'o'},
        {"stall-s", 1, NULL, 't'},      {"stall-from-s", 1, NULL, 'f'}, {"stall-every-s", 1, NULL, 'e'},
        {"spin-us", 1, NULL, 'u'},      {"growth-per-s", 1, NULL, 'g'}, {"down-s", 1, NULL, 'D'},
        {"down-from-s", 1, NULL, 'F'},  {NULL, 0, NULL, 0},
    };
    const char *codes = "4,5";
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'p') port = atoi(optarg);
        else if (option == 'r') record_path = optarg;
        else if (option == 'n') record_rows = scaled(optarg, 1);
        else if (option == 'i') codes = optarg;
        else if (option == 'd') script.delay = scaled(optarg, 1e3);
        else if (option == 's') script.slow_share = (double)scaled(optarg, 1e9) / 1e9;
        else if (option == 'l') script.slow_delay = scaled(optarg, 1e3);
        else if (option == 'x') script.seed = (uint64_t)scaled(optarg, 1) | 1;
        else if (option == 'o') script.one_at_a_time = true;
        else if (option == 't') script.stall = scaled(optarg, 1e9);
        else if (option == 'f') script.stall_from = scaled(optarg, 1e9);
        else if (option == 'e') script.stall_every = scaled(optarg, 1e9);
        else if (option == 'g') script.growth = (double)scaled(optarg, 1e9) / 1e9;
        else if (option == 'D') script.down = scaled(optarg, 1e9);
        else if (option == 'F') script.down_from = scaled(optarg, 1e9);
        else if (option == 'u') spin_ns = scaled(optarg, 1e3);
        else exit(2);
    }
    if (optind < argc || (script.stall_every && script.stall_every <= script.stall)) {
        if (optind < argc) fprintf(stderr, "[%s] is no option\n", argv[optind]);
        else fprintf(stderr, "a stall must be shorter than --stall-every-s\n");
        exit(2);
    }
    for (char *end; *codes; codes = *end ? end + 1 : end) {
        interest[strtol(codes, &end, 10) & 255] = true;
        if (end == codes || (*end && *end != ',')) {
            fprintf(stderr, "[%s] is no list of operation codes\n", codes);
            exit(2);
        }
    }
}
