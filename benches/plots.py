"""Draws what ./bench --curves measured, as SVG.

    python3 benches/plots.py target/bench/runs.ndjson docs/plots

Both axes of what depends on the number of clients or users are logarithmic. Each point is the
median of its rounds.
"""

import json
import math
import pathlib
import statistics
import sys

WIDTH, HEIGHT = 640, 360
LEFT, RIGHT, TOP, BOTTOM = 70, 180, 40, 50
COLOURS = {"link, embedded": "#b5432a", "link, PostgreSQL": "#e0a03c", "resolve, embedded": "#1f5f8b",
           "resolve, PostgreSQL": "#67a9c9"}
CLIENTS = [(1, "-1"), (4, "-4"), (16, "-16"), (64, ""), (256, "-256")]
USERS = [(10_000, ""), (100_000, "-100k"), (1_000_000, "-1m")]

runs = {}
for line in open(sys.argv[1]):
    run = json.loads(line)
    runs.setdefault(run["row"], []).append(run)


def points(what, suffixes, figure):
    """Of one request and store: a figure at each number of clients or users that was measured."""
    return [(at, statistics.median(figure(run) for run in runs[what + suffix]))
            for at, suffix in suffixes if what + suffix in runs]


def lines(suffixes, figure):
    found = {}
    for label in COLOURS:
        what, store = label.split(", ")
        drawn = points(("pg-" if store == "PostgreSQL" else "") + what, suffixes, figure)
        if len(drawn) > 1:
            found[label] = drawn
    return found


def short(number):
    for size, letter in [(1_000_000, "M"), (1_000, "k")]:
        if number >= size:
            return f"{number / size:g} {letter}"
    return f"{number:g}"


def draw(path, title, across, up, found):
    """A line for each request and store, with its name beside its end."""
    if not found:
        return
    every = [point for drawn in found.values() for point in drawn]
    ticks_across = sorted({at for at, _ in every})
    low = 10 ** math.floor(math.log10(min(value for _, value in every)))
    high = 10 ** math.ceil(math.log10(max(value for _, value in every)))
    high = high if high > low else low * 10

    def x(at):
        span = math.log(ticks_across[-1] / ticks_across[0])
        return LEFT + (WIDTH - LEFT - RIGHT) * math.log(at / ticks_across[0]) / span

    def y(value):
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * math.log(value / low) / math.log(high / low)

    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
           f'font-size="12" role="img" aria-label="{title}">',
           f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
           f'<text x="{LEFT}" y="22" font-size="14" fill="#222">{title}</text>']
    tick = low
    while tick <= high:
        for step in (1, 2, 5):
            value = tick * step
            if value > high:
                break
            weight = "#ccc" if step == 1 else "#eee"
            out.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(value):.1f}" y2="{y(value):.1f}" stroke="{weight}"/>')
            if step == 1 or high / low <= 100:
                out.append(f'<text x="{LEFT - 8}" y="{y(value) + 4:.1f}" text-anchor="end" fill="#555">{short(value)}</text>')
        tick *= 10
    for at in ticks_across:
        out.append(f'<line x1="{x(at):.1f}" x2="{x(at):.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}" stroke="#eee"/>')
        out.append(f'<text x="{x(at):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle" fill="#555">{short(at)}</text>')
    out.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2:.1f}" y="{HEIGHT - 12}" text-anchor="middle" fill="#222">{across}</text>')
    out.append(f'<text transform="translate(16 {(TOP + HEIGHT - BOTTOM) / 2:.1f}) rotate(-90)" text-anchor="middle" '
               f'fill="#222">{up}</text>')
    ends = sorted((y(drawn[-1][1]), label) for label, drawn in found.items())
    beside = -math.inf
    for end, label in ends:
        # Names keep clear of each other.
        beside = max(end, beside + 15)
        out.append(f'<text x="{WIDTH - RIGHT + 10}" y="{beside + 4:.1f}" fill="{COLOURS[label]}">{label}</text>')
    for label, drawn in found.items():
        path_of = " ".join(f"{x(at):.1f},{y(value):.1f}" for at, value in drawn)
        out.append(f'<polyline points="{path_of}" fill="none" stroke="{COLOURS[label]}" stroke-width="2"/>')
        for at, value in drawn:
            out.append(f'<circle cx="{x(at):.1f}" cy="{y(value):.1f}" r="3" fill="{COLOURS[label]}"/>')
    out.append("</svg>")
    path.write_text("\n".join(out) + "\n")
    print(path)


folder = pathlib.Path(sys.argv[2])
folder.mkdir(parents=True, exist_ok=True)
draw(folder / "throughput.svg", "Good answers a second, 10,000 users", "clients at once", "answers/s",
     lines(CLIENTS, lambda run: run["per_second"]))
draw(folder / "latency.svg", "Latency p50, 10,000 users", "clients at once", "µs",
     lines(CLIENTS, lambda run: run["latency_us"]["p50"]))
draw(folder / "latency-p99.svg", "Latency p99, 10,000 users", "clients at once", "µs",
     lines(CLIENTS, lambda run: run["latency_us"]["p99"]))
draw(folder / "growth.svg", "CPU of one answer, 64 clients", "users", "µs",
     lines(USERS, lambda run: run["server_cpu_us"]))
