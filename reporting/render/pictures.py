"""Draws charts for print as SVG, PNG and PDF, in one process for each core."""

import multiprocessing
import os
import re
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, Final

PNG_SCALE: Final = 2
_POINTS_PER_PIXEL: Final = 72 / 96
# Starting a process takes as long as drawing a few charts.
_CHARTS_FOR_A_PROCESS: Final = 4


def draw_all(specs: Mapping[str, dict[str, Any]], folder: Path, *, as_pdf: bool = False) -> None:
    """Draw each Vega-Lite specification into `folder`, as `<name>.svg` and `<name>.png`, with `as_pdf` as PDF too."""
    processes = min(len(os.sched_getaffinity(0)), len(specs) // _CHARTS_FOR_A_PROCESS)
    if processes < 2:
        for name, spec in specs.items():
            draw(name, spec, folder, as_pdf)
        return
    # Not forked: the library that draws has threads.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        for drawn in [pool.submit(draw, name, spec, folder, as_pdf) for name, spec in specs.items()]:
            drawn.result()


def draw(name: str, spec: dict[str, Any], folder: Path, as_pdf: bool) -> None:
    """Draw one chart."""
    import vl_convert

    svg = vl_convert.vegalite_to_svg(spec)
    (folder / f"{name}.svg").write_text(svg, encoding="utf-8")
    (folder / f"{name}.png").write_bytes(vl_convert.svg_to_png(svg, scale=PNG_SCALE))
    if as_pdf:
        (folder / f"{name}.pdf").write_bytes(vl_convert.svg_to_pdf(_in_points(svg)))


def _in_points(svg: str) -> str:
    """The picture with its size in points: the library takes a pixel, a 96th of an inch, for a point, a 72nd."""

    def smaller(size: re.Match[str]) -> str:
        return f'{size[1]}="{float(size[2]) * _POINTS_PER_PIXEL:g}"'

    root, end, rest = svg.partition(">")
    return re.sub(r'(\b(?:width|height))="([\d.]+)"', smaller, root) + end + rest
