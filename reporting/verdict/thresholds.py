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
# With fewer operations beyond it, a percentile depends on chance: 10 of them vary by a third.
MIN_OPERATIONS_BEYOND: Final = 10
# A load side that adds this share of a figure is worth a note.
LOAD_SIDE_SHARE: Final = 0.10
# From here on, the figure says as much about the load side as a change of the ensemble would.
LOAD_SIDE_SPOILS_SHARE: Final = 0.25
# A worker that is away this share of the time keeps its users from sending as long, and lowers the rate of a closed
# loop by that share. None of 20 clean runs reached the share that spoils the rate (docs/measured.md).
AWAY_SHARE: Final = 0.02
# From here on, the rate says as much about the load side as a change of the ensemble would.
AWAY_SPOILS_SHARE: Final = 0.10
# Less than this is the accuracy of the measurement itself.
LOAD_SIDE_LEAST_US: Final = 100.0
# Operations that a percentile leaves out and that may lie beyond it: as many as this share of those that do lie beyond
# it change its rank noticeably. One of them may be there by chance, because some operation is always under way.
HIDDEN_SHARE: Final = 0.05
HIDDEN_LEAST: Final = 2
# An open loop must achieve this share of what it offered, as failures may be 0.1 %.
ACHIEVED_SHARE: Final = 0.999
# Missed or dropped operations above this share make the load another one than planned.
MAX_UNSENT_SHARE: Final = 0.001
# How often chance may bring about a trend as clear as one that is told, in any of the series of a steady run.
DRIFT_CHANCE: Final = 0.01
# Slow noise makes clear trends too, but small ones: medians of the first and the last third that differ by less than
# this factor. 2 of 40 clean series whose rate and latency wander by 10 % over 5 s exceed one of them, none by 5 %.
RATE_FACTOR: Final = 1.25
P50_FACTOR: Final = 1.3
P99_FACTOR: Final = 1.5
# An offered rate that changes by this factor was planned to change: a ramp or steps.
OFFERED_FACTOR: Final = 1.1
# Fewer retransmissions a second, over all machines, are usual.
RETRANSMITS_PER_S: Final = 2.0
# An interval in which so many operations were to be expected has a success unless the load stands still.
STALL_OPERATIONS: Final = 10
# A user that waits for a reply this much longer than it usually takes from one operation to the next has not sent as
# many operations: p99 and p99.9 count one where an open loop would count these. The same factor holds for the mean of
# each operation: beyond ten means, a tail of exponential latencies has 0.05 % of the users' time.
STALLED_FACTOR: Final = 10.0
# Shorter waits are a tail: of a fast server without waits between operations, 1 % of 10 ms has a quarter of the time.
STALLED_LEAST_S: Final = 0.1
# An operation that takes so long more often does so usually, as a lock that many want, and p95 shows it.
STALLED_CALLS: Final = 0.05
# Stalled users spent this share of their time. A pause of 100 ms each 10 s takes 1 %, 0.8 s of each 8 s take 10 %.
STALLED_SHARE: Final = 0.05
# A worker or users that are missing in more than this share of the measured intervals, and in more than one, are short.
SHORT_INTERVALS_SHARE: Final = 0.05
# Sessions are uneven if the fullest member has this factor of an even share, and chance does that in at most these
# shares of runs. 3.5 standard deviations of many sessions are 0.0007 of runs with three members, 0.0012 with five. With
# few sessions a lower share would keep silent about 7 of 7 at one of three members (0.0014), a higher one would give a
# false alarm every few hundred runs: 6 of 6 (0.004) are a note, because the figures show one member all the same.
UNEVEN_FACTOR: Final = 1.5
UNEVEN_CHANCE: Final = 0.0015
UNEVEN_NOTED_CHANCE: Final = 0.01
# ZooKeeper stops reading requests with so many outstanding (its globalOutstandingLimit).
OUTSTANDING_LIMIT: Final = 1000
# Outstanding requests that grow by this factor, and to at least so many, will not settle.
OUTSTANDING_FACTOR: Final = 2.0
OUTSTANDING_LEAST: Final = 100
# A disk that is busy this much of the time on average delays each write.
DISK_BUSY_PERCENT: Final = 90.0
# A wall clock that has moved this much against the monotonic one was set.
CLOCK_STEP_S: Final = 0.05
