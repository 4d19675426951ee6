"""The rules about the run as such: whether there is a result, and whether the run went as planned."""

from collections.abc import Iterator
from typing import Final

from reporting.verdict.evidence import Evidence, Reason, Rule, inconclusive, note, void
from reporting.verdict.thresholds import DEADLINE_START_S, MIN_STAGE_SHARE
from zk_locust.contract.events import LOAD_SHAPE
from zk_locust.contract.stage_names import MEASURED


def _no_result(evidence: Evidence) -> Iterator[Reason]:
    """No operation succeeded in the measured stage: say how far the run came."""
    if evidence.headline.total.operations > 0:
        return
    manifest, timeline = evidence.run.manifest, evidence.timeline
    says = f" The run says: {manifest.reason.rstrip('.')}." if manifest.reason else ""
    failures = evidence.headline.total.failures
    if failures:
        errors = evidence.headline.errors
        most = f", most often with {max(errors, key=lambda name: errors[name])}" if errors else ""
        yield void(
            "no-operation",
            f"No operation succeeded in the measured stage and {failures:,} failed{most}. See the members' logs in "
            "logs/, and check the connect string.",
        )
    elif timeline.spans and not timeline.span(MEASURED):
        stages = " and ".join(span.stage for span in timeline.spans)
        yield void(
            "ended-before-measured",
            f"The run ended before its measured stage began; only {stages} was recorded. Run it again.{says}",
        )
    elif timeline.spans:
        yield void(
            "no-operation",
            f"The measured stage lasted {timeline.measured_s:.1f} s and no operation ended in it. See the workers' "
            f"logs in logs/, and check that the ensemble answers.{says}",
        )
    elif manifest.phases and manifest.phase("run") is None:
        # collect and report also run after a failure
        before = [phase.name for phase in manifest.phases if phase.name not in ("collect", "report")]
        where = f"in the phase {before[-1]}" if before else "before its load"
        yield void(
            "not-started",
            f"No load was driven: the run stopped {where}. Correct what its message names, see logs/, and run it "
            f"again.{says}",
        )
    else:
        yield void("no-figures", f"The load left no figures. See the logs of master and workers in logs/.{says}")


def _all_workers_lost(evidence: Evidence) -> Iterator[Reason]:
    found = evidence.workers
    lost = {loss.worker for loss in found.losses if not loss.after_measured}
    if lost and lost >= set(found.seen):
        yield void(
            "all-workers-lost",
            f"All {len(lost)} workers were lost. See their logs in logs/, and check the memory of the load hosts.",
        )


def _did_not_end_as_planned(evidence: Evidence) -> Iterator[Reason]:
    manifest = evidence.run.manifest
    if manifest.state in ("failed", "interrupted"):
        what = "failed" if manifest.state == "failed" else "was interrupted"
        because = f": {manifest.reason.rstrip('.')}" if manifest.reason else ""
        yield inconclusive(f"run-{manifest.state}", f"The run {what}{because}. Correct the cause and run it again.")


def _stages_short(evidence: Evidence) -> Iterator[Reason]:
    """Only the measured stage makes the figures; a short warm-up may show in them."""
    for stage, planned_s in evidence.run.manifest.plan.stages.items():
        span = evidence.timeline.span(stage)
        # The first stage begins with the load, also where its first intervals have no figures.
        lasted_s = 0.0 if span is None else span.length_s if stage == MEASURED else span.end_s
        if not planned_s or lasted_s >= MIN_STAGE_SHARE * planned_s:
            continue
        text = f"The {stage} stage lasted {lasted_s:.1f} s of the {planned_s:g} s planned"
        if stage == MEASURED:
            shaped = LOAD_SHAPE in set(evidence.run.events["subject"])
            remedy = (
                "If the load shape ended it, set run_time to the shape's length; otherwise run it again to its end."
            )
            yield inconclusive("cut-short", f"{text}. {remedy if shaped else 'Run it again to its end.'}")
        else:
            yield note("cut-short", f"{text}, so figures of the measured stage may include slow first operations.")


def _deadline(evidence: Evidence) -> Iterator[Reason]:
    deadline_s = evidence.run.manifest.plan.deadline_s
    end_s = evidence.timeline.end_s
    if deadline_s is not None and end_s > deadline_s - DEADLINE_START_S:
        yield note(
            "deadline-reached",
            f"The load did not end by itself: it was recorded for {end_s:.0f} s, and load hosts end it at its "
            f"deadline, {deadline_s:.0f} s after its start. See the master's log in logs/.",
        )


def _plan_unknown(evidence: Evidence) -> Iterator[Reason]:
    manifest = evidence.run.manifest
    if manifest.present and not manifest.plan.recorded:
        unknown = manifest.plan.unknown
        yield note(
            "no-plan",
            "The manifest has no plan, as with --report-dir and older versions. Not known, and so not checked: "
            f"{', '.join(unknown)}.",
        )


VOID_RULES: Final[tuple[Rule, ...]] = (_no_result, _all_workers_lost)
OUTCOME_RULES: Final[tuple[Rule, ...]] = (_did_not_end_as_planned, _stages_short, _deadline, _plan_unknown)
