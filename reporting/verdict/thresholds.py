"""All thresholds of the rules. `docs/results.md` explains them to users."""

from typing import Final

# Failures have no latency, so 0.1 % of them could hide everything that p99.9 would show.
MAX_FAILURE_SHARE: Final = 0.001
# One operation among several may be rare: more is allowed before it spoils the run.
MAX_OPERATION_FAILURE_SHARE: Final = 0.01
# A stage that is shorter than this share of its planned length was cut short.
MIN_STAGE_SHARE: Final = 0.95
# A load that is recorded until this shortly before its deadline was ended by it: the deadline includes the start of the
# processes. A load that ends by itself does so at most 25 s after its measured stage, 15 s before the deadline.
DEADLINE_START_S: Final = 10.0
# A worker that runs or waits for a core this much of an interval cannot send in time.
CPU_SHORT_PERCENT: Final = 90.0
# This share of a worker's measured intervals, and at least so many of them, may not be short of CPU.
CPU_SHORT_SHARE: Final = 0.10
CPU_SHORT_INTERVALS: Final = 2
# A worker that waits for a core this much on average adds these waits to the latencies it measures.
CPU_WAIT_PERCENT: Final = 10.0
# From here on, its waits shape the latencies as much as the ensemble does.
CPU_WAIT_SPOILS_PERCENT: Final = 25.0
# A hypervisor that gives this much of a machine's cores to other guests is worth a note.
STEAL_PERCENT: Final = 2.0
# From here on, it stops the measured or the measuring process a tenth of the time.
STEAL_SPOILS_PERCENT: Final = 10.0
# With this much of its cores busy on average, a machine often has no free core.
BUSY_PERCENT: Final = 90.0
# With less than this share of its busy time used by the run, a machine mostly does other work.
OWN_SHARE: Final = 0.5
# The kernel may swap out less than this at any time.
SWAP_GROWTH_MIB: Final = 16
# The samples of a machine must cover this share of the measured stage to describe it.
SAMPLES_SHARE: Final = 0.90
# With fewer operations beyond it, p99.9 depends on chance.
MIN_OPERATIONS_BEYOND_P999: Final = 10
