"""What is wrong with a search that has ended without a capacity: no rate is known that meets the objectives."""

from collections.abc import Mapping
from typing import Any

from fleet.experiments.capacity import LOAD_SIDE


def no_capacity(content: Mapping[str, Any]) -> str:
    """Return a line for the arms that fail at the lowest rate, and for each that the load side limits there.

    `content` is the manifest of a finished experiment. It is empty where each arm has a rate that meets the objectives.
    """
    unknown = {arm: found for arm, found in content["capacity"].items() if found["low_per_s"] is None}
    limited = {arm: found for arm, found in unknown.items() if found["state"] == LOAD_SIDE}
    settings = content["settings"]
    at_lowest = f"at the lowest rate of experiment {content['experiment_id']}, {settings['rates'][0]:,g}/s"
    lines = []
    if failed := [arm for arm in unknown if arm not in limited]:
        do = "do" if len(failed) > 1 else "does"
        lines.append(
            f"objectives [{', '.join(settings['objectives'])}]: {', '.join(failed)} {do} not meet them {at_lowest}, so "
            "no capacity is known; lower rates.lowest or raise the limits, and begin a new experiment"
        )
    for arm, found in limited.items():
        more = int(found["more_load_hosts"])
        lines.append(
            f"the load side of {arm} was the limit {at_lowest}, so no capacity is known; add at least "
            f"{'1 load host' if more == 1 else f'{more} load hosts'}, or users if operations were dropped, or lower "
            "rates.lowest, and begin a new experiment"
        )
    return "\n".join(lines)
