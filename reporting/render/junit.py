"""An experiment as JUnit XML, which CI systems show: each statement is a test case."""

import xml.etree.ElementTree as ElementTree

from reporting.render.experiment_report import ExperimentReport
from reporting.render.found import FAILED, SKIPPED
from zk_locust.contract.plain_text import for_screen


def render(report: ExperimentReport) -> str:
    """Return the XML: failed statements are failures, those that cannot be said are skipped."""
    checks = report.found.checks
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


def _plain(text: str) -> str:
    """XML has no control characters."""
    return for_screen(text)
