"""A search for text that is hard to read."""

from typing import Final

WEAK_TEXT: Final = """\
(() => {
    const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
    const light = (colour) => {
        const [r, g, b] = numbers(colour).map((c) => c / 255)
            .map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const backOf = (element) => {
        for (let at = element; at; at = at.parentElement) {
            const colour = getComputedStyle(at).backgroundColor;
            if (!/^rgba\\(.*, 0\\)$/.test(colour) && colour !== "transparent") return colour;
        }
        return "rgb(255, 255, 255)";
    };
    const weak = [];
    for (const element of document.querySelectorAll("body *:not(script):not(style)")) {
        const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
        if (!own || element.closest("noscript")) continue;
        const style = getComputedStyle(element);
        const ink = light(element.closest("svg") ? style.fill : style.color);
        const back = light(backOf(element));
        const ratio = (Math.max(ink, back) + 0.05) / (Math.min(ink, back) + 0.05);
        if (ratio < 4.5) weak.push([element.textContent.trim().slice(0, 40), ratio.toFixed(2)]);
    }
    return weak;
})()
"""
"""JavaScript that returns each text with a contrast of less than 4.5 to 1 (WCAG AA), and its contrast."""
