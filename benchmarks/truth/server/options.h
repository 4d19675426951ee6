/* The command line: the script, and what is recorded where. */
#ifndef OPTIONS_H
#define OPTIONS_H
#include "script.h"

extern Script script;
extern int64_t spin_ns;
extern int port;
extern const char *record_path;
extern int64_t record_rows;

/* Whether requests of this code follow the script and are recorded. */
bool of_interest(int32_t opcode);
/* Exits with 2 for what has no sense. */
void take_options(int argc, char **argv);
#endif
