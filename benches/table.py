"""The tables of docs/performance.md, from what each run of ./bench said.

    python3 benches/table.py target/bench/runs.ndjson

A figure is the median of its rounds, with the least and the most; a ratio is one of figures that
were measured close together, round by round.
"""

import json
import statistics
import sys

runs = {}
for line in open(sys.argv[1]):
    run = json.loads(line)
    runs.setdefault(run["row"], []).append(run)

middle = statistics.median


def each(row, *path):
    """One figure of a row, round by round."""
    found = []
    for run in runs.get(row, []):
        for name in path:
            run = run[name]
        found.append(run)
    return found


def ratio(one, other):
    """Pair by pair: what was measured close together is compared."""
    return [a / b for a, b in zip(one, other)]


def row(what, values, unit, reach, never, digits=1):
    if not values:
        print(f"| {what} | not measured | {reach} | {never} |")
        return
    spread = f" ({min(values):.{digits}f}–{max(values):.{digits}f})" if len(values) > 1 else ""
    print(f"| {what} | {middle(values):,.{digits}f}{unit}{spread} | {reach} | {never} |")


def cpu(name):
    return each(name, "server_cpu_us")


def p50(name):
    return each(name, "latency_us", "p50")


def speed(name):
    return each(name, "per_second")


def megabytes(values):
    return [value / 1e6 for value in values]


print("| what | measured: median (least–most) | reach | never below/above |")
print("| --- | --- | --- | --- |")
row("CPU of one link over HTTP, embedded store, 64 clients, 10 k users", cpu("link"), " µs", "60 µs", "120 µs")
row("… on PostgreSQL, server and database, 64 clients", cpu("pg-link"), " µs", "150 µs", "300 µs")
row("… on PostgreSQL, 16 clients", cpu("pg-link-16"), " µs", "150 µs", "300 µs")
row("CPU of one resolve over HTTP, embedded store, 64 clients", cpu("resolve"), " µs", "25 µs", "50 µs")
row("… on PostgreSQL, server and database", cpu("pg-resolve"), " µs", "80 µs", "150 µs")
row("CPU of a link over HTTP ÷ raw", ratio(cpu("link"), each("raw-link", "cpu_us")), "", "1.9", "2.5", 2)
row("CPU of a plain axum JSON request behind the same layers ÷ CPU of a resolve",
    ratio(cpu("plain"), cpu("resolve")), "", "0.45", "0.30", 2)
row("link/s at 64 clients ÷ at 1 client, each sync slowed by 5 ms", ratio(speed("slow-64"), speed("slow-1")), "", "30", "12")
row("p50 of a link at 1 client ÷ one sync of the same disk", ratio(p50("link-1"), p50("sync")), "", "4", "8", 2)
for store, name in [("embedded store", ""), ("PostgreSQL", "pg-")]:
    row(f"CPU of a link with 1,000,000 users ÷ with 10,000, {store}",
        ratio(cpu(f"{name}link-1m"), cpu(f"{name}link")), "", "1.15", "1.6", 2)
    row("CPU of a resolve, same", ratio(cpu(f"{name}resolve-1m"), cpu(f"{name}resolve")), "", "1.4", "1.8", 2)
row("PostgreSQL: links/s without HTTP ÷ those of the naive form, 64 tasks",
    [a["per_second"] / b["per_second"] for run in runs.get("naive", []) for a, b in zip(run["links"], run["naive_links"])],
    "", "–", "2", 2)
row("bytes on disk per identity at 1,000,000, of users who were born with it", each("disk-1m", "disk_bytes_each"), "",
    "1,000", "1,250", 0)
row("… of users made through `/link/v1`, with their built-in identity", each("preload-1000000", "disk_bytes_per_user"), "",
    "–", "–", 0)
row("private memory, embedded store, idle and empty", megabytes(each("first-link", "idle_memory_bytes")), " MB", "30 MB", "50 MB")
row("private memory, embedded store, 1,000,000 users under load",
    megabytes([max(pair) for pair in zip(each("link-1m", "memory_bytes"), each("resolve-1m", "memory_bytes"))]),
    " MB", "200 MB", "300 MB")
failed = sum(sum(run.get("errors", {}).values()) for all in runs.values() for run in all)
print(f"| errors, all runs over HTTP | {failed} | 0 | 0 |")

print()
print("| request | store | clients | users | good answers/s | p50 | p99 | CPU, server | CPU, clients |")
print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
clients = ["", "-256", "-16", "-4", "-1", "-100k", "-1m"]
for what in ["link", "first-link", "resolve", "unlink"]:
    for store, prefix in [("embedded", ""), ("PostgreSQL", "pg-")]:
        for name in [f"{prefix}{what}{suffix}" for suffix in clients]:
            if name not in runs:
                continue
            first = runs[name][0]
            print(f"| {what.replace('-', ' ')} | {store} | {first['clients']} | {first['preload']:,} "
                  f"| {middle(speed(name)):,.0f} | {middle(p50(name)):,.0f} µs "
                  f"| {middle(each(name, 'latency_us', 'p99')):,.0f} µs | {middle(cpu(name)):.1f} µs "
                  f"| {middle(each(name, 'client_cpu_us')):.1f} µs |")
print()
for name, label in [("raw-link", "raw link, 64 tasks"), ("raw-resolve", "raw resolve, 64 tasks")]:
    print(f"- {label}: {middle(speed(name)):,.0f}/s, {middle(each(name, 'cpu_us')):.1f} µs of CPU")
for run in runs.get("naive", []):
    for form, label in [("links", "raw link on PostgreSQL, 64 tasks"), ("naive_links", "the naive form of it")]:
        print(f"- {label}: {middle(one['per_second'] for one in run[form]):,.0f}/s, "
              f"{middle(one['cpu_us'] for one in run[form]):.1f} µs of CPU")
print(f"- plain JSON request behind the same layers: {middle(cpu('plain')):.1f} µs of CPU")
print(f"- one sync: p50 {middle(p50('sync')):,.0f} µs, p99 {middle(each('sync', 'latency_us', 'p99')):,.0f} µs")
loops = [took for name in runs for run in runs[name] for took in run.get("fixed_loop_ms", [])]
print(f"- fixed loop: median {middle(loops):.0f} ms, {min(loops):.0f}–{max(loops):.0f} ms")
loads = [float(run["load"]) for name in runs for run in runs[name]]
print(f"- load of the machine at the end of each run: {min(loads):.1f}–{max(loads):.1f}")
