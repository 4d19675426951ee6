"""An experiment as JUnit XML, which CI systems show: each statement is a test case."""

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from reporting.analyse.experiment_conditions import CheckedCondition
from reporting.analyse.fail_if import FAIL, PASS
from reporting.render.experiment_report import ExperimentReport
from reporting.render.found import FAILED, PASSED, SKIPPED, Check
from reporting.render.recovery_report import change
from zk_locust.contract.plain_text import for_screen

_STATES: Final = {FAIL: FAILED, PASS: PASSED}


def render(report: ExperimentReport, conditions: Sequence[CheckedCondition] = ()) -> str:
    """Return the XML: failed statements are failures, those that cannot be said are skipped.

    With conditions of the user, these decide which comparisons fail.
    """
    checks = list(_checks(report, conditions))
    experiment = report.experiment
    suite = ElementTree.Element(
        "testsuite",
        name=_plain(experiment.experiment_id),
        tests=str(len(checks)),
        failures=str(sum(check.state == FAILED for check in checks)),
        skipped=str(sum(check.state == SKIPPED for check in checks)),
        errors="0",
        time=f"{sum(run.took_s for run in experiment.runs):.3f}",
        timestamp=_plain(str(experiment.content["started"])),
    )
    for check in checks:
        case = ElementTree.SubElement(
            suite, "testcase", name=_plain(check.name), classname=f"zk-locust.{_plain(str(experiment.content['name']))}"
        )
        if check.state in (FAILED, SKIPPED):
            tag = "failure" if check.state == FAILED else "skipped"
            ElementTree.SubElement(case, tag, message=_plain(check.why))
        else:
            ElementTree.SubElement(case, "system-out").text = _plain(check.why)
    ElementTree.indent(suite)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(suite, encoding="unicode") + "\n"


def _checks(report: ExperimentReport, conditions: Sequence[CheckedCondition]) -> Iterator[Check]:
    if report.unfinished:
        yield Check("finished", SKIPPED, report.unfinished)
    for condition in conditions:
        yield _of_condition(condition, is_finished=not report.unfinished)
    for check in report.found.checks:
        is_judged = bool(conditions) and check.compares and check.state == FAILED
        yield replace(check, state=PASSED) if is_judged else check


def _of_condition(condition: CheckedCondition, *, is_finished: bool) -> Check:
    """No condition passes before all runs are done."""
    state = _STATES.get(condition.result, SKIPPED)
    why = f"{condition.result}: {change(condition.answer) if condition.answer else 'it is not compared'}"
    if state == PASSED and not is_finished:
        state, why = SKIPPED, f"{why} so far; no condition passes before all runs are done"
    return Check(f"{condition.candidate}: fail if {condition.text}", state, why)


def _plain(text: str) -> str:
    """XML has no control characters."""
    return for_screen(text)
