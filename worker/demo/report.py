"""The census as a page: report.html (alone readable), census.png and census.json in a folder of the caller's choice.

matplotlib is imported when a report is written, not before: every other callable does without it.
"""

import base64
import json
import sys
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from worker.demo.census import Census, Context

INK, SOFT, GRID = "#1f2933", "#6b7785", "#e4e8ec"
BLUE, TEAL, AMBER, ROSE = "#3066be", "#1b998b", "#e09f3e", "#c8553d"
TOP = 14
COMPLEXITY_BINS = ((1, 1), (2, 2), (3, 3), (4, 5), (6, 8), (9, 12), (13, 20), (21, 35), (36, 60), (61, 10**9))

PAGE = Template("""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Census of the Python $version standard library</title>
<style>
body{margin:0;background:#f5f7f9;color:#1f2933;font:16px/1.5 system-ui,sans-serif}
main{max-width:66rem;margin:0 auto;padding:2.5rem 1.25rem}
h1{font-size:1.9rem;margin:0 0 .25rem}h2{font-size:1.15rem;margin:2.5rem 0 .75rem}
p{color:#52606d;margin:.25rem 0 1.5rem}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(9rem,1fr));gap:.75rem}
.tile,figure,.table{background:#fff;border:1px solid #e4e8ec;border-radius:10px}
.tile{padding:.9rem 1.1rem}.tile b{display:block;font-size:1.5rem}.tile span{color:#52606d;font-size:.9rem}
figure{margin:1.5rem 0 0;padding:1rem}img{width:100%;height:auto;display:block}
.table{overflow-x:auto}table{border-collapse:collapse;width:100%}
th,td{padding:.45rem 1rem;text-align:left;border-bottom:1px solid #e4e8ec}tr:last-child td{border:0}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}td:first-child{font-family:ui-monospace,monospace;font-size:.9rem}
</style></head><body><main>
<h1>Census of the Python $version standard library</h1>
<p>Read by a Flotilla job from the source on this machine, without the library's own tests.</p>
<div class="tiles">$tiles</div>
<figure><img alt="Plots: how long modules are, how complex functions are, which modules are imported most, \
which are longest" src="data:image/png;base64,$picture"></figure>
<h2>Most tangled functions</h2>
<div class="table"><table><thead><tr><th>function</th><th class="n">complexity</th><th class="n">lines</th></tr></thead>
<tbody>$tangles</tbody></table></div>
<h2>Longest modules</h2>
<div class="table"><table><thead><tr><th>module</th><th class="n">lines</th><th class="n">functions</th>
<th class="n">classes</th></tr></thead><tbody>$modules</tbody></table></div>
</main></body></html>
""")


def write(context: Context, census: Census, folder: str) -> dict[str, Any]:
    """Writes the three files into `folder` (absolute; made when absent) and returns the summary that is in the JSON."""
    target = Path(folder)
    if not target.is_absolute():
        raise ValueError(f"folder must be an absolute path, not {folder!r}: a run works in a scratch folder of its own")
    target.mkdir(parents=True, exist_ok=True)
    context.progress(5)
    picture = target / "census.png"
    draw(census, picture)
    context.progress(80)
    summary = summarize(census) | {"report": str(target / "report.html"), "picture": str(picture)}
    (target / "report.html").write_text(page(census, picture.read_bytes()))
    (target / "census.json").write_text(json.dumps(summary | {"census": census}, indent=1))
    context.progress(100)
    return summary


def summarize(census: Census) -> dict[str, Any]:
    weights = {int(key): count for key, count in census["complexity"].items()}
    functions = max(1, census["functions"])
    imports = sorted(census["imports"].items(), key=lambda item: -item[1])
    return {
        "python": ".".join(map(str, sys.version_info[:3])),
        **{key: census[key] for key in ("files", "lines", "code", "bytes", "functions", "classes", "unparsed")},
        "meanComplexity": round(sum(key * count for key, count in weights.items()) / functions, 2),
        "simpleShare": round(sum(count for key, count in weights.items() if key <= 5) / functions, 3),
        "mostImported": dict(imports[:5]),
        "longestModule": census["modules"][0] if census["modules"] else None,
        "mostTangled": census["tangles"][0] if census["tangles"] else None,
    }


def page(census: Census, picture: bytes) -> str:
    summary = summarize(census)
    tiles = [(f"{summary[key]:,}", key) for key in ("files", "lines", "functions", "classes")]
    tiles += [(f"{summary['meanComplexity']:.2f}", "mean complexity")]
    tiles += [(f"{summary['simpleShare']:.0%}", "of functions at 5 or below")]
    return PAGE.substitute(
        version=summary["python"],
        tiles="".join(f'<div class="tile"><b>{value}</b><span>{label}</span></div>' for value, label in tiles),
        picture=base64.b64encode(picture).decode(),
        tangles=_rows(census["tangles"], ("complexity", "lines")),
        modules=_rows(census["modules"], ("lines", "functions", "classes")),
    )


def _rows(rows: list[dict[str, Any]], fields: tuple[str, ...]) -> str:
    def cells(row: dict[str, Any]) -> str:
        return "".join(f'<td class="n">{row[field]:,}</td>' for field in fields)

    return "".join(f"<tr><td>{escape(row['name'])}</td>{cells(row)}</tr>" for row in rows)


def draw(census: Census, target: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    style: Any = {"font.size": 10, "text.color": INK, "axes.labelcolor": SOFT, "xtick.color": SOFT, "ytick.color": INK}
    with plt.rc_context(style):
        figure, ((sizes, complexity), (imports, largest)) = plt.subplots(
            2, 2, figsize=(13, 9.5), layout="constrained", gridspec_kw={"hspace": 0.08, "wspace": 0.1}
        )
        _bars(sizes, *_size_bars(census), BLUE, "How long modules are", "modules of up to this many lines (1k = 1,024)")
        _bars(complexity, *_complexity_bars(census), TEAL, "How complex functions are", "functions by complexity")
        complexity.set_yscale("log")
        complexity.minorticks_off()
        top = sorted(census["imports"].items(), key=lambda item: (-item[1], item[0]))[:TOP]
        _ranking(imports, dict(top), AMBER, "Most imported modules", "modules that import it")
        longest = {row["name"]: row["lines"] for row in census["modules"]}
        _ranking(largest, longest, ROSE, "Longest modules", "lines")
        figure.savefig(target, dpi=130)
        plt.close(figure)


def _size_bars(census: Census) -> tuple[list[str], list[int]]:
    powers = sorted(map(int, census["sizes"]))
    shown = range(powers[0], powers[-1] + 1) if powers else range(0)
    names = [f"{2**power}" if power < 10 else f"{2 ** (power - 10)}k" for power in shown]
    return names, [census["sizes"].get(str(power), 0) for power in shown]


def _complexity_bars(census: Census) -> tuple[list[str], list[int]]:
    counts = {int(key): count for key, count in census["complexity"].items()}
    labels, values = [], []
    for low, high in COMPLEXITY_BINS:
        labels.append(str(low) if low == high else f"{low}+" if high > 1000 else f"{low}-{high}")
        values.append(sum(count for key, count in counts.items() if low <= key <= high))
    return labels, values


def _bars(axes: Any, labels: list[str], values: list[int], color: str, title: str, label: str) -> None:
    bars = axes.bar(labels, values, color=color, width=0.82)
    axes.bar_label(bars, fmt="{:,.0f}", fontsize=8, color=SOFT, padding=2)
    axes.tick_params(axis="x", labelsize=8.5)
    _dress(axes, title, label, grid="y")


def _ranking(axes: Any, values: dict[str, int], color: str, title: str, label: str) -> None:
    names = list(values)[::-1]
    bars = axes.barh(names, [values[name] for name in names], color=color, height=0.74)
    axes.bar_label(bars, fmt="{:,.0f}", fontsize=8.5, color=SOFT, padding=3)
    axes.margins(x=0.1)
    _dress(axes, title, label, grid="x")


def _dress(axes: Any, title: str, label: str, grid: str) -> None:
    axes.set_title(title, loc="left", fontsize=13, fontweight="bold", pad=10)
    axes.set_xlabel(label)
    axes.grid(axis=grid, color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(length=0)
    for side in ("top", "right", "left", "bottom"):
        axes.spines[side].set_visible(False)
