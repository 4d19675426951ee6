"""What a run is worth: `valid`, `inconclusive` or `void`, with the reasons that the rules give."""

from dataclasses import asdict, dataclass
from typing import Any, Final

from reporting.verdict.evidence import INCONCLUSIVE, NOTE, VOID, Evidence, Reason, Rule
from reporting.verdict.machine_rules import MACHINE_RULES
from reporting.verdict.member_rules import MEMBER_RULES
from reporting.verdict.operation_rules import OPERATION_RULES
from reporting.verdict.outcome_rules import OUTCOME_RULES, VOID_RULES
from reporting.verdict.recording_rules import RECORDING_RULES
from reporting.verdict.worker_rules import WORKER_RULES

VALID: Final = "valid"
OTHER_RULES: Final[tuple[Rule, ...]] = (
    *OUTCOME_RULES,
    *OPERATION_RULES,
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


def judge(evidence: Evidence) -> Verdict:
    """Apply every rule. A void run has only the reasons of `VOID_RULES`: without a result there is no more to judge."""
    reasons = [reason for rule in VOID_RULES for reason in rule(evidence)]
    if not reasons:
        reasons = [reason for rule in OTHER_RULES for reason in rule(evidence)]
        reasons.sort(key=lambda reason: reason.severity == NOTE)
    severities = {reason.severity for reason in reasons}
    worst = VOID if VOID in severities else INCONCLUSIVE if INCONCLUSIVE in severities else VALID
    return Verdict(worst, tuple(reasons))
