"""The report as Markdown: the content of the page, with the PNG files of the charts if there are any."""

from collections.abc import Sequence

from reporting import text
from reporting.consistency.result import Consistency
from reporting.consistency.states import VIOLATED
from reporting.render import cause_tables, clock_tables, figure_verdicts, machine_tables, recovery_tables, report_tables
from reporting.render.chart import Figure
from reporting.render.report_tables import Table
from reporting.verdict.judged_run import JudgedRun


def render(judged: JudgedRun, figures: Sequence[Figure], *, with_files: bool = True) -> str:
    """The Markdown text; `with_files` says whether the figures are files in `figures/`, to be shown."""
    manifest, verdict = judged.run.manifest, judged.verdict
    lines = [f"# {escaped(judged.run.run_id)}", ""]
    about = [part for part in (manifest.scenario_name, manifest.label, text.moment(manifest.started)) if part]
    lines += [escaped(", ".join(about)), ""] if about else []
    if judged.consistency.state == VIOLATED:
        lines += [f"**The ensemble was not consistent.** {escaped(judged.consistency.sentence)}", ""]
    lines += [f"**Verdict: {verdict.verdict}.** {report_tables.MEANING[verdict.verdict]}", ""]
    for reason in verdict.reasons:
        lines.append(f"- {reason.severity}: {escaped(reason.text)}")
    lines += [""] if verdict.reasons else []
    lines += _consistency(judged.consistency)
    if judged.run.problems:
        lines += ["Parts of this run could not be read:", ""]
        lines += [f"- {escaped(str(problem))}" for problem in judged.run.problems]
        lines.append("")
    lines += [escaped(words), ""] if (words := clock_tables.loop(judged)) else []
    lines += table(report_tables.headline(judged), level=2)
    for each in figure_verdicts.explained(judged):
        lines.append(f"- {each.severity}: **{escaped(each.figures)}**")
        lines += [f"  - {escaped(found)}" for found in each.texts]
    lines += [""] if figure_verdicts.explained(judged) else []
    lines += table(clock_tables.outcomes(judged), level=2)
    lines += table(report_tables.errors(judged), level=2)
    lines += table(recovery_tables.recoveries(judged), level=2)
    lines += table(recovery_tables.costs(judged), level=3)
    if sentence := cause_tables.sentence(judged.why):
        lines += ["## Why it was slow", "", escaped(sentence), ""]
        lines += [f"- {escaped(unknown)}" for unknown in judged.why.unknown]
        lines += [""] if judged.why.unknown else []
        lines += table(cause_tables.causes(judged.why), level=3)
        lines += table(cause_tables.moments(judged.why), level=3)
    if figures:
        lines += ["## Charts", ""]
        if not with_files:
            lines += [
                f"They are in `report.html`; `fab report --figures --run {judged.run.run_id}` adds them here.",
                "",
            ]
    for figure in figures:
        alt = escaped(figure.description)
        picture = f"![{alt}](figures/{figure.slug}.png)" if with_files else alt
        lines += [f"### {escaped(figure.title)}", "", picture, ""]
        lines += [escaped(figure.caption), ""]
    for shown in (
        clock_tables.all_clocks(judged),
        clock_tables.own_delay(judged),
        report_tables.member_rows(judged),
        machine_tables.machines(judged),
        machine_tables.processes(judged),
        report_tables.scenario(judged),
        report_tables.parameters(judged),
        report_tables.hosts(judged),
        report_tables.inventory(judged),
        report_tables.versions(judged),
        report_tables.phases(judged),
        report_tables.events(judged),
    ):
        lines += table(shown, level=2)
    return "\n".join(lines).rstrip() + "\n"


def _consistency(found: Consistency) -> list[str]:
    """The lines of the check of the history."""
    lines = [f"**Consistency: {found.state}.** {escaped(found.sentence)}", ""]
    lines += [f"- {escaped(check)}: {count:,} violations" for check, count in found.counts.items()]
    lines += [f"- {escaped(note)}" for note in found.notes]
    lines += [""] if found.counts or found.notes else []
    lines += ["```", *(line.replace("```", "") for line in found.excerpt), "```", ""] if found.excerpt else []
    return lines


def table(shown: Table | None, level: int) -> list[str]:
    """The lines of a table below a heading of that level; none without a table."""
    if shown is None:
        return []
    marks = ["---" if i < shown.text_columns else "---:" for i in range(len(shown.head))]
    rows = [
        f"| {' | '.join(_cell(shown, cell, (at, i)) for i, cell in enumerate(row))} |"
        for at, row in enumerate(shown.rows)
    ]
    note = [escaped(shown.note), ""] if shown.note else []
    head = [f"| {' | '.join(map(escaped, shown.head))} |", f"| {' | '.join(marks)} |"]
    return [f"{'#' * level} {escaped(shown.title)}", "", *head, *rows, "", *note]


def _cell(shown: Table, value: str, place: tuple[int, int]) -> str:
    cell, badge = escaped(value), shown.badges.get(place)
    if place in shown.links:
        cell = f"[{cell}]({shown.links[place]})"
    return cell if badge is None else f"{cell} ({badge.words})"


def escaped(value: str) -> str:
    """Text with what Markdown would read as markup made plain; on one line, so that no table breaks."""
    found = " ".join(value.split())
    for character in "\\`*_<>|[]#":
        found = found.replace(character, "\\" + character)
    return found
