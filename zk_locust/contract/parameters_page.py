"""`docs/parameters.md`, written from the table of parameters."""

from zk_locust.contract.parameters import PARAMETERS, Parameter

_HEAD = """\
# Parameters

Written by `zk-locust parameters` from `zk_locust/contract/parameters.py`; do not edit.

Each can be given as a flag of `locust -f …`, as an environment variable, or, without the dashes, in a scenario's
`parameters` and in `benchmark_parameters`. A flag overrides the environment, which overrides the default.
The master sends its values to the workers, except secret ones: each worker takes these from its own environment or
flags (the playbooks set them). See [security.md](security.md).

Besides these, any `--bench-NAME VALUE` is handed on, not validated, to the locustfile: on every process it becomes the
environment variable `ZK_LOCUST_BENCH_NAME`, and `zk_locust.bench_parameter("name")` reads it.
"""


def parameters_page() -> str:
    """Return the page, Markdown."""
    lines = [_HEAD]
    for section in dict.fromkeys(parameter.section for parameter in PARAMETERS):
        lines += [f"## {section}", "", "| flag | environment | default | meaning |", "|---|---|---|---|"]
        lines += [_row(parameter) for parameter in PARAMETERS if parameter.section == section]
        lines.append("")
    return "\n".join(lines)


def _row(parameter: Parameter) -> str:
    flag = parameter.flag if parameter.switch else f"{parameter.flag} {parameter.metavar}"
    help_text = parameter.help.replace("|", "\\|") + (" (secret)" if parameter.secret else "")
    variables = " or ".join(f"`{name}`" for name in (parameter.environment, parameter.older_environment) if name)
    return f"| `{flag}` | {variables} | {_default(parameter)} | {help_text} |"


def _default(parameter: Parameter) -> str:
    if parameter.default is None:
        return ""
    if isinstance(parameter.default, bool):
        return "yes" if parameter.default else "no"
    return f"`{parameter.default:g}`" if isinstance(parameter.default, float) else f"`{parameter.default}`"
