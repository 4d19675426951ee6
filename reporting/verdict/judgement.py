"""What a run is worth: `valid`, `inconclusive` or `void`, with the reasons that the rules give."""

from dataclasses import dataclass
from typing import Any, Final

from reporting.analyse import workers
from reporting.analyse.headline import Headline
from reporting.analyse.machines import Machines
from reporting.analyse.timeline import Timeline
from reporting.read.run_folder import RunFolder
from reporting.verdict.machine_rules import MACHINE_RULES
from reporting.verdict.recording_rules import RECORDING_RULES
from reporting.verdict.rules import (
    CPU_SHORT_PERCENT,
    INCONCLUSIVE,
    NOTE,
    OTHER_RULES,
    VOID,
    VOID_RULES,
    Evidence,
    Reason,
)

VALID: Final = "valid"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict and its reasons, the gravest first."""

    verdict: str
    reasons: tuple[Reason, ...]

    def as_dict(self) -> dict[str, Any]:
        """As it stands in `manifest.json`."""
        return {
            "verdict": self.verdict,
            "reasons": [{"rule": x.rule, "severity": x.severity, "text": x.text} for x in self.reasons],
        }


def judge(run: RunFolder, timeline: Timeline, headline: Headline, machines: Machines) -> Verdict:
    """Apply every rule. Without a result the other rules have nothing to judge, so only the notes of `void` remain."""
    evidence = Evidence(run, timeline, headline, workers.build(run, timeline, CPU_SHORT_PERCENT), machines)
    reasons = [reason for rule in VOID_RULES for reason in rule(evidence)]
    if not reasons:
        reasons = [reason for rule in (*OTHER_RULES, *MACHINE_RULES, *RECORDING_RULES) for reason in rule(evidence)]
        reasons.sort(key=lambda reason: reason.severity == NOTE)
    worst = VOID if _has(reasons, VOID) else INCONCLUSIVE if _has(reasons, INCONCLUSIVE) else VALID
    return Verdict(worst, tuple(reasons))


def _has(reasons: list[Reason], severity: str) -> bool:
    return any(reason.severity == severity for reason in reasons)
