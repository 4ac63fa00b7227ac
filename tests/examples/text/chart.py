"""The text on one page: its words, how often each rank of them comes, and how easily its parts read.

python3 chart.py words.csv totals.json TITLE      writes chart.png
"""

import csv
import json
import sys

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt

INK, SOFT, GRID, PAPER = "#1f2933", "#6b7785", "#e4e8ec", "#f7f9fb"
BLUE, TEAL, ROSE = "#3066be", "#1b998b", "#c8553d"
SHOWN, ENDS = 22, 11
COMMON = """
a all also an and any are as at be been but by can do does for from has have if in into is it its may more most
must no not of on one only or other same see so such than that the then there these they this to two used using was
when where which while will with would e g i etc i'e"""


def words(axes, ranked):
    common = set(COMMON.split())
    found = [(word, count) for word, count in ranked if word not in common and len(word) > 1][:SHOWN][::-1]
    bars = axes.barh([word for word, _ in found], [count for _, count in found], color=BLUE, height=0.72)
    axes.bar_label(bars, fmt="{:,.0f}", fontsize=8.5, color=SOFT, padding=3)
    axes.margins(x=0.1, y=0.02)
    dress(axes, "What it speaks of", "times, the commonest English words left out", grid="x")


def ranks(axes, ranked):
    """Zipf: the word of rank r comes about 1/r as often as the first."""
    counts = [count for _, count in ranked]
    places = range(1, len(counts) + 1)
    axes.loglog(places, [counts[0] / place for place in places], color=SOFT, linewidth=1, linestyle=(0, (4, 3)))
    axes.loglog(places, counts, color=TEAL, linewidth=2.4)
    for place in (place for place in (1, 10, 100) if place <= len(ranked)):
        at = (place, counts[place - 1])
        axes.annotate(ranked[place - 1][0], at, (6, 5), textcoords="offset points", fontsize=9.5, color=INK)
    dress(axes, "How often a word of each rank comes", "rank; dashed is Zipf's law, 1/rank", grid="both")


def readability(axes, parts):
    """The hardest and the easiest parts."""
    shown = parts if len(parts) <= 2 * ENDS else [*parts[:ENDS], *parts[-ENDS:]]
    names = [part["name"] for part in shown]
    bars = axes.barh(names, [part["ease"] for part in shown], height=0.72)
    scale = mpl.colors.LinearSegmentedColormap.from_list("ease", (ROSE, "#e09f3e", TEAL))
    for bar, part in zip(bars, shown, strict=True):
        bar.set_color(scale(min(1.0, max(0.0, (part["ease"] - 20) / 50))))
    axes.bar_label(bars, fmt="{:.0f}", fontsize=8.5, color=SOFT, padding=3)
    axes.margins(x=0.1, y=0.02)
    title = "How easily its parts read" if len(shown) == len(parts) else "Which parts read hardest, easiest"
    dress(axes, title, "Flesch reading ease: 30 for scholars, 60 plain English", grid="x")


def dress(axes, title, label, grid):
    axes.set_title(title, loc="left", fontsize=13, fontweight="bold", color=INK, pad=10)
    axes.set_xlabel(label)
    axes.grid(axis=grid, color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.set_facecolor("white")
    axes.minorticks_off()
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)


if __name__ == "__main__":
    with open(sys.argv[1], newline="") as file:
        ranked = [(row["word"], int(row["count"])) for row in csv.DictReader(file)]
    with open(sys.argv[2]) as file:
        totals = json.load(file)
    style = {"font.size": 10, "text.color": INK, "axes.labelcolor": SOFT, "xtick.color": SOFT, "ytick.color": INK}
    with plt.rc_context(style):
        figure = plt.figure(figsize=(15, 7.4), facecolor=PAPER)
        axes = figure.subplots(1, 3, gridspec_kw={"width_ratios": (1, 1.15, 1)})
        figure.subplots_adjust(left=0.075, right=0.975, top=0.80, bottom=0.09, wspace=0.42)
        figure.text(0.02, 0.93, sys.argv[3], fontsize=20, fontweight="bold")
        facts = (
            f"{totals['words']:,} words, {totals['distinct']:,} of them distinct, in {totals['sentences']:,} sentences "
            f"and {len(totals['parts'])} parts; reading ease {totals['ease']:.0f}"
        )
        figure.text(0.02, 0.885, facts, fontsize=11.5, color=SOFT)
        words(axes[0], ranked)
        ranks(axes[1], ranked)
        readability(axes[2], totals["parts"])
        figure.savefig("chart.png", dpi=105, facecolor=PAPER)
