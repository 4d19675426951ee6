"""Draws charts for print as SVG and PNG, in one process for each core."""

import multiprocessing
import os
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, Final

PNG_SCALE: Final = 2
# Starting a process takes as long as drawing a few charts.
_CHARTS_FOR_A_PROCESS: Final = 4


def draw_all(specs: Mapping[str, dict[str, Any]], folder: Path) -> None:
    """Draw each Vega-Lite specification into `folder`, as `<name>.svg` and `<name>.png`."""
    processes = min(len(os.sched_getaffinity(0)), len(specs) // _CHARTS_FOR_A_PROCESS)
    if processes < 2:
        for name, spec in specs.items():
            draw(name, spec, folder)
        return
    # Not forked: the library that draws has threads.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        for drawn in [pool.submit(draw, name, spec, folder) for name, spec in specs.items()]:
            drawn.result()


def draw(name: str, spec: dict[str, Any], folder: Path) -> None:
    """Draw one chart."""
    import vl_convert

    svg = vl_convert.vegalite_to_svg(spec)
    (folder / f"{name}.svg").write_text(svg, encoding="utf-8")
    (folder / f"{name}.png").write_bytes(vl_convert.svg_to_png(svg, scale=PNG_SCALE))
