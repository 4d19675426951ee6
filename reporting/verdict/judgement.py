"""What a run is worth: `valid`, `inconclusive` or `void`, with the reasons that the rules give."""

from dataclasses import asdict, dataclass
from typing import Any, Final

from reporting.verdict import figures
from reporting.verdict.evidence import Evidence, Reason, Rule, gravest_first, worst
from reporting.verdict.fault_rules import FAULT_RULES
from reporting.verdict.figures import JudgedFigure
from reporting.verdict.machine_rules import MACHINE_RULES
from reporting.verdict.member_rules import MEMBER_RULES
from reporting.verdict.open_loop_rules import OPEN_LOOP_RULES
from reporting.verdict.operation_rules import OPERATION_RULES
from reporting.verdict.outcome_rules import OUTCOME_RULES, VOID_RULES
from reporting.verdict.recording_rules import RECORDING_RULES
from reporting.verdict.worker_rules import WORKER_RULES
from zk_locust.contract.verdicts import VOID

OTHER_RULES: Final[tuple[Rule, ...]] = (
    *OUTCOME_RULES,
    *FAULT_RULES,
    *OPERATION_RULES,
    *OPEN_LOOP_RULES,
    *WORKER_RULES,
    *MEMBER_RULES,
    *MACHINE_RULES,
    *RECORDING_RULES,
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict and its reasons, the gravest first."""

    verdict: str
    reasons: tuple[Reason, ...]

    def as_dict(self) -> dict[str, Any]:
        """The object in `manifest.json`."""
        return {
            "verdict": self.verdict,
            "reasons": [asdict(reason) for reason in self.reasons],
        }


def judge(evidence: Evidence) -> tuple[Verdict, tuple[JudgedFigure, ...]]:
    """Apply every rule. A void run has only the reasons of `VOID_RULES`: without a result there is no more to judge.

    The run is inconclusive if a rule about the run says so, or if a figure of all operations is.
    """
    reasons = [reason for rule in VOID_RULES for reason in rule(evidence)]
    if reasons:
        return Verdict(VOID, tuple(reasons)), figures.judge(evidence, reasons)
    reasons = [reason for rule in OTHER_RULES for reason in rule(evidence)]
    judged = figures.judge(evidence, reasons)
    reasons = gravest_first([*reasons, *figures.reasons_for_run(judged, reasons)])
    return Verdict(worst(reasons), tuple(reasons)), judged
