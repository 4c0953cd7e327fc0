"""Themes stay legible in 24-bit colour and after the downgrade to 256 and 16 colours."""

from __future__ import annotations

from itertools import combinations

import pytest
from rich._palettes import EIGHT_BIT_PALETTE, STANDARD_PALETTE
from rich.color import Color, ColorSystem

from themes.load import load_theme, theme_names

COLOURED = [name for name in theme_names() if load_theme(name).colours]
SEVERITIES = ("ok", "warning", "critical", "unknown")
TEXTS = ("text", "dim", "accent", *SEVERITIES)
CHARTS = ("chart1", "chart2", "chart3", "chart4", "threshold")
Rgb = tuple[int, int, int]
# Linear-light deuteranopia of Machado, Oliveira and Fernandes (2009), severity 1.0.
DEUTERANOPIA = ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881))


def linear(channel: int) -> float:
    share = channel / 255
    return share / 12.92 if share <= 0.04045 else float(((share + 0.055) / 1.055) ** 2.4)


def contrast(one: Rgb, other: Rgb) -> float:
    """The contrast ratio of WCAG 2.1, 1 to 21."""
    light, dark = sorted(
        (sum(w * linear(c) for w, c in zip((0.2126, 0.7152, 0.0722), rgb, strict=True)) for rgb in (one, other)), reverse=True
    )
    return (light + 0.05) / (dark + 0.05)


def shown(theme: str, role: str, system: ColorSystem) -> Rgb:
    colour = Color.parse(load_theme(theme).colours[role]).downgrade(system)
    if colour.triplet is not None:
        return colour.triplet.red, colour.triplet.green, colour.triplet.blue
    assert colour.number is not None
    red, green, blue = (STANDARD_PALETTE if system is ColorSystem.STANDARD else EIGHT_BIT_PALETTE)[colour.number]
    return red, green, blue


@pytest.mark.parametrize("ground", ["background", "bar"])
@pytest.mark.parametrize("theme", COLOURED)
def test_text_and_severities_stand_out_from_their_ground(theme: str, ground: str) -> None:
    for system, least in ((ColorSystem.TRUECOLOR, 4.5), (ColorSystem.EIGHT_BIT, 4.1), (ColorSystem.STANDARD, 3.0)):
        for role in TEXTS:
            ratio = contrast(shown(theme, role, system), shown(theme, ground, system))
            assert ratio >= least, (system.name, role, ratio)


@pytest.mark.parametrize("theme", COLOURED)
def test_text_and_severities_stand_out_from_the_selected_row(theme: str) -> None:
    for system in (ColorSystem.TRUECOLOR, ColorSystem.EIGHT_BIT, ColorSystem.STANDARD):
        for role in TEXTS:
            ratio = contrast(shown(theme, role, system), shown(theme, "selection", system))
            assert ratio >= 3.0, (system.name, role, ratio)


@pytest.mark.parametrize("theme", COLOURED)
def test_faded_rows_and_charts_can_be_read(theme: str) -> None:
    for system in (ColorSystem.TRUECOLOR, ColorSystem.EIGHT_BIT, ColorSystem.STANDARD):
        for role in ("faded", *CHARTS):
            ratio = contrast(shown(theme, role, system), shown(theme, "background", system))
            assert ratio >= 2.5, (system.name, role, ratio)


@pytest.mark.parametrize("system", [ColorSystem.EIGHT_BIT, ColorSystem.STANDARD])
@pytest.mark.parametrize("theme", COLOURED)
def test_severities_keep_four_different_colours(theme: str, system: ColorSystem) -> None:
    assert len({shown(theme, role, system) for role in SEVERITIES}) == 4


def deuteranope(rgb: Rgb) -> tuple[float, ...]:
    """A colour as an eye without green cones sees it, back in encoded values from 0 to 255."""
    light = [linear(channel) for channel in rgb]
    seen = [min(max(sum(w * c for w, c in zip(row, light, strict=True)), 0.0), 1.0) for row in DEUTERANOPIA]
    return tuple(255 * (12.92 * c if c <= 0.0031308 else 1.055 * c ** (1 / 2.4) - 0.055) for c in seen)


@pytest.mark.parametrize("system", [ColorSystem.TRUECOLOR, ColorSystem.EIGHT_BIT])
def test_without_green_cones_the_severities_of_its_theme_stay_far_apart(system: ColorSystem) -> None:
    for one, other in combinations(SEVERITIES, 2):
        seen = [deuteranope(shown("deuteranopia", role, system)) for role in (one, other)]
        distance = sum((a - b) ** 2 for a, b in zip(*seen, strict=True)) ** 0.5
        assert distance >= 60, (one, other, distance)
