"""What each benchmark found, as rows of the table in the documentation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table."""

    what: str
    bar: str
    measured: str
    met: bool


Found = Mapping[str, Any]
"""What a benchmark's `measure` returns."""


def render_rows(found: Found) -> list[Row]:
    """Rendering, against Copier's `run_copy` in process."""
    measured = f"{found['ratio']:.0f} times ({found['ms']:.1f} ms against {found['copier_ms']:.0f})"
    return [
        Row(
            what="render against Copier's `run_copy`, same template, in process",
            bar="30 times as fast, same bytes",
            measured=measured + (", same bytes" if found["same_bytes"] else ", other bytes"),
            met=found["ratio"] >= 30 and found["same_bytes"],
        ),
        Row(
            what="the same with reading, parsing and asking the template",
            bar="none",
            measured=f"{found['ratio_whole']:.0f} times ({found['ms_whole']:.1f} ms)",
            met=True,
        ),
    ]


def startup_rows(found: Found) -> list[Row]:
    """Waiting for the command line."""
    seconds = found["seconds"]
    beside = (
        f"interpreter alone {seconds['interpreter']:.3f} s, Copier {seconds['copier_help']:.2f}"
    )
    return [
        _under("`cultivar --help`, cold", seconds["help"], 0.25, beside),
        _under("`generate` without a model, checks aside, cold", seconds["generate_cold"], 2.5),
        _under("the same in a running session", seconds["generate_session"], 0.15),
    ]


def record_rows(found: Found) -> list[Row]:
    """Recording a generation."""
    rows: list[Row] = []
    for database, bar in (("sqlite", 5.0), ("postgresql", None)):
        each = found[database]
        rows.append(
            Row(
                what=f"record a generation with ten new files, {database}",
                bar="under 5 ms" if bar else "none",
                measured=f"{each['new_files']:.1f} ms (a bare one-row commit: "
                f"{each['limit_single_row_commit']:.1f})",
                met=bar is None or each["new_files"] < bar,
            )
        )
    return rows


def telling_rows(found: Found) -> list[Row]:
    """Telling others of a generation, with a bus that is well and with one that is not."""
    words = {
        "record": ("recording a generation", "at most 1.25 times", 1.25),
        "session": ("one more `generate` in a running session", "none", None),
        "command": ("`generate`, the whole command", "none", None),
    }
    return [
        Row(
            what=f"{what}: times as long as without a bus",
            bar=bar,
            measured=", ".join(f"{bus} bus {found[name]['ratio'][bus]:.2f}" for bus in BUSES),
            met=most is None or all(found[name]["ratio"][bus] <= most for bus in BUSES),
        )
        for name, (what, bar, most) in words.items()
    ]


BUSES = ("healthy", "dead", "hanging")
"""The states of a bus that telling is measured with."""


def sandbox_rows(found: Found) -> list[Row]:
    """What the wall costs."""
    overhead, plain = found["overhead_ms"]["bubblewrap"], found["median_ms"]["plain"]
    return [
        Row(
            what="sandbox (bubblewrap), over a plain process",
            bar="at most 30 ms",
            measured=f"{overhead:.0f} ms over {plain:.0f}",
            met=overhead <= 30,
        )
    ]


def recall_rows(found: Found) -> list[Row]:
    """Finding failure patterns again."""
    sealed = found["leave_one_out"]["sealed"]
    rivals = ", ".join(f"{name} {each['recall@3']:.2f}" for name, each in sealed.items())
    speed = found["speed"]
    return [
        Row(
            what=f"recall@3, sealed half of {found['failures']} real failures, "
            f"{found['kinds']} kinds",
            bar="at least 0.95",
            measured=rivals,
            met=sealed["memory"]["recall@3"] >= 0.95,
        ),
        Row(
            what=f"recall among {speed['patterns']:,} patterns, p99",
            bar="under 20 ms at 100,000",
            measured=f"{speed['p99_ms']:.1f} ms (p50 {speed['p50_ms']:.1f})",
            met=speed["p99_ms"] < 20 and speed["patterns"] >= 100_000,
        ),
    ]


def defaults_rows(found: Found) -> list[Row]:
    """Smart defaults, and counting what they are made of."""
    loaded = f"load {found['load']:g}" if "load" in found else "load not recorded"
    rows = [
        _default_row(size, name, f"{found['instances']} instances, {_load_of(size, loaded)}")
        for size in found["sizes"]
        for name in found["ingest"]
    ]
    rows.append(_spread_row(found["spread"], found["sizes"][0]["generations"], loaded))
    return [*rows, *(_ingest_row(name, each, loaded) for name, each in found["ingest"].items())]


def _load_of(size: Found, loaded: str) -> str:
    """The load while a size was measured; sizes may come from runs of their own."""
    return f"load {size['load']:g}" if "load" in size else loaded


def _spread_row(spread: list[Found], generations: int, loaded: str) -> Row:
    measured = ", ".join(
        f"{each['p99_ms']:.1f} ms of {each['instances']:,}{_asked_apart(each)}" for each in spread
    )
    return Row(
        what=f"smart default, {generations:,} generations, by the number of instances, "
        f"{loaded}, sqlite: p99",
        bar="none",
        measured=measured,
        met=True,
    )


def _default_row(size: Found, name: str, where: str) -> Row:
    each, many = size[name], size["generations"]
    measured = f"{each['p99_ms']:.1f} ms (p50 {each['p50_ms']:.1f}{_asked_apart(each)}; "
    measured += f"{_megabytes(each)} of counts"
    if "plainly" in size:
        plain = size["plainly"][name]
        measured += (
            f"; the first system's way: {plain['seconds'] * 1000:,.0f} ms, {_megabytes(plain)}"
            f"{_apart(size)}"
        )
    else:
        measured += f"; counts of a {size['multiplied']}th, multiplied"
    return Row(
        what=f"smart default, {many:,} generations, {where}, {name}: p99",
        bar="under 5 ms at 10,000,000",
        measured=f"{measured})",
        met=each["p99_ms"] < 5,
    )


def _apart(size: Found) -> str:
    """That the first system's way was measured in another run, where it was."""
    load = size["plainly"].get("load")
    return f", in another run at load {load:g}" if load is not None else ""


def _asked_apart(each: Found) -> str:
    """What of asking was measured apart; results from before that have none of it."""
    if "directly" not in each:
        return ""
    first = each["never_asked"]
    told = f"; processor {each['busy']['p99_ms']:.1f}; from all counts "
    told += f"{each['directly']['p99_ms']:,.0f}"
    if first:
        told += f"; never asked before {first['p99_ms']:,.0f}; {each['renewed']} renewed in "
        told += f"{each['renewal_ms']:.1f} each"
    return told


def _ingest_row(name: str, each: Found, loaded: str) -> Row:
    return Row(
        what=f"generations counted in batches, {name}: share of the database's own batched "
        "insert of the same rows",
        bar="at least half",
        measured=f"{each['share_of_same_rows']:.0%} ({each['tally']:,} a second; bare "
        f"{each['same_rows']:,}; one plain row a generation {each['one_row']:,}; {loaded})",
        met=each["share_of_same_rows"] >= 0.5,
    )


def ingest_rows(found: Found) -> list[Row]:
    """What the hub takes in, from the bus to its database."""
    names = [name for name in ("postgresql", "sqlite") if name in found]
    return [_hub_row(name, found[name], f"load {found['load']:g}") for name in names]


def _hub_row(name: str, each: Found, loaded: str) -> Row:
    own, alone = (
        ", ".join(f"{way.replace('_', ' ')} {rate:,}" for way, rate in each[key].items())
        for key in ("own", "own_messages_alone")
    )
    return Row(
        what=f"hub ingest through JetStream, end to end, {name}: share of the database's own "
        "batched insert of the same rows",
        bar="none" if name == "sqlite" else "at least half",
        measured=f"{each['share']:.0%} ({each['ingest']:,} messages a second; its own: {own}; "
        f"of the messages' rows alone: {alone}; {loaded})",
        met=name == "sqlite" or each["share"] >= 0.5,
    )


def capacity_rows(found: Found) -> list[Row]:
    """What a generation takes up."""
    kept = ", ".join(f"{name} {each['100']['row']:,}" for name, each in found["hub"].items())
    return [
        Row(
            what="a generation, in bytes",
            bar="none",
            measured=f"message {found['message']:,}; in the stream {found['stream']:,}; row of the "
            f"hub with its indexes: {kept}; in its own ledger {found['ledger']:,}",
            met=True,
        )
    ]


def _megabytes(each: Found) -> str:
    return f"{each['bytes'] / 1e6:,.1f} MB"


def inference_rows(found: Found) -> list[Row]:
    """Reading a task without a model."""
    rows: list[Row] = []
    for part, name in (("dev", "tuned on"), ("sealed", "sealed")):
        each, defaults = found[part]["built_in"], found[part]["defaults"]
        right, wrong = each["asked_for_right"], each["wrongly_inferred"]
        rows.append(
            Row(
                what=f"inference without a model, {name}: asked-for answers right",
                bar="at least 90 %",
                measured=f"{right:.1%} of {each['asked_for']} "
                f"(defaults alone: {defaults['asked_for_right']:.1%})",
                met=right >= 0.9,
            )
        )
        rows.append(
            Row(
                what=f"inference without a model, {name}: inferred where the task says nothing",
                bar="at most 2 %",
                measured=f"{wrong:.1%} of {each['silent']}",
                met=wrong <= 0.02,
            )
        )
    return rows


def upgrade_rows(found: Found) -> list[Row]:
    """Updates of public projects, against Copier and plain git."""
    tools = found["tools"]
    what = f"{found['transitions']} updates of {found['projects']} projects ({found['date']})"
    cold, warm, copier, git = (
        tools[name]["median_seconds"] for name in ("cultivar", "cultivar-warm", "copier", "git")
    )
    waited = Row(
        what=f"{what}: median time",
        bar="at most a quarter of Copier's",
        measured=f"{cold:.2f} s, {warm:.2f} with its cache filled (Copier {copier:.2f}, "
        f"plain git with the two renders {git:.2f})",
        met=cold <= copier / 4,
    )
    return [*(_update_row(what, tools, name) for name in UPDATE_BARS), waited]


UPDATE_BARS: dict[str, tuple[str, str, Callable[[float], bool]]] = {
    "equal_core": ("files equal to the maintainer's", "at least 660 of 764", lambda n: n >= 660),
    "conflict": ("files in conflict", "at most 70", lambda n: n <= 70),
    "wrong_clean": ("files clean but wrong", "at most 2", lambda n: n <= 2),
    "lost_hard_lines": ("lines of a person lost for good", "none", lambda n: n == 0),
    "failed": ("updates that failed", "none", lambda n: n == 0),
    "score_k5": ("score, a clean but wrong file costs five", "at least 0.85", lambda n: n >= 0.85),
}
"""The counts of updates in the table: what each is called, its bar, and what meets it."""


def _update_row(what: str, tools: Found, name: str) -> Row:
    words, bar, meets = UPDATE_BARS[name]
    ours, copier, git = (tools[tool][name] for tool in ("cultivar", "copier", "git"))
    of = f" of {tools['cultivar']['core']}" if name == "equal_core" else ""
    return Row(
        what=f"{what}: {words}",
        bar=bar,
        measured=f"{ours}{of} (Copier {copier}, plain git {git})",
        met=meets(ours),
    )


def gate_rows(found: Found) -> list[Row]:
    """What the gate releases, beside what GEPA's rule accepts of the same candidates."""
    rows = [_false_releases_row(found), _looks_row(found)]
    rows += [_power_row(name, each) for name, each in found["better"].items()]
    rows += [_harm_row(name, each) for name, each in found["worse"].items()]
    return [*rows, *_quicker_rows(found.get("quicker", {}))]


def _quicker_rows(found: Found) -> list[Row]:
    """What the gate releases of candidates that are to be quicker."""
    return [
        Row(
            what=f"gate, {_QUICKER[kind][0]} ({name})",
            bar=_QUICKER[kind][1],
            measured=f"{each['released']:.1%} released, of {each['campaigns']:,}; decided after "
            f"{each['pairs_median']:.0f} pairs (median), {each['pairs_90']:.0f} (90 %)",
            met=kind == "better" or each["released"] <= 0.05,
        )
        for kind, names in found.items()
        for name, each in names.items()
    ]


_QUICKER: dict[str, tuple[str, str]] = {
    "equal": ("to be quicker: campaigns with a false release", "at most 5 %"),
    "better": ("to be quicker: a quicker candidate is released", "none"),
    "worse": ("to be quicker: a candidate that does harm, or too little", "at most 5 %"),
}


def _false_releases_row(found: Found) -> Row:
    equal = found["equal"]
    shares = ", ".join(f"{name} {each['share']:.1%}" for name, each in equal.items())
    accepted, shipped = (
        "/".join(f"{each['gepa'][what]:.0%}" for each in equal.values())
        for what in ("accepted", "shipped")
    )
    return Row(
        what=f"gate: {found['campaigns']:,} campaigns of {found['candidates']} candidates that "
        "equal the old version, by how often it passes: campaigns with a false release",
        bar="at most 5 %",
        measured=f"{shares} (GEPA {found['gepa']}, in the same order: ships another version in "
        f"{shipped} of its runs; its minibatch of 3 lets {accepted} of the candidates pass)",
        met=all(each["share"] <= 0.05 for each in equal.values()),
    )


def _looks_row(found: Found) -> Row:
    equal = found["equal"].values()
    looks, most = (
        sum(each["looks"]["all"] for each in equal),
        max(e["looks"]["most"] for e in equal),
    )
    return Row(
        what="the same: how often the gate was asked",
        bar="none",
        measured=f"{looks:,} times, at one candidate up to {most}, after each round of at most "
        f"{found['cases']} pairs, up to {found['most_pairs']:,}",
        met=True,
    )


POWER_BAR: tuple[str, int] = ("50 % +10", 600)
"""The candidate that has to be released in eight of ten cases, within so many pairs."""


def _power_row(name: str, each: Found) -> Row:
    held, most = name == POWER_BAR[0], POWER_BAR[1]
    within = each["released_within"][str(most)]
    return Row(
        what=f"gate: a better candidate is released ({name})",
        bar=f"at least 80 % within {most} pairs" if held else "none",
        measured=f"{within:.0%} within {most} pairs, {each['released']:.0%} in all; decided after "
        f"{each['pairs_median']:.0f} (median), {each['pairs_90']:.0f} (90 %) "
        f"(GEPA's minibatch {each['gepa']['accepted']:.0%}, "
        f"its runs {each['gepa']['shipped']:.0%})",
        met=not held or within >= 0.8,
    )


def _harm_row(name: str, each: Found) -> Row:
    return Row(
        what=f"gate: a candidate that does harm is stopped ({name})",
        bar="at least 95 %",
        measured=f"{1 - each['released']:.1%}, after {each['pairs_median']:.0f} pairs (median) "
        f"(GEPA's minibatch stops {1 - each['gepa']['accepted']:.0%}, its runs "
        f"{1 - each['gepa']['shipped']:.0%})",
        met=each["released"] <= 0.05,
    )


def faults_rows(found: Found) -> list[Row]:
    """What came of each fault that was injected."""
    every = found["faults"].values()
    ends = Counter(each["ends"] for each in every)
    return [
        Row(
            what=f"{len(every)} faults injected into improving: each ends in the old version, a "
            "proven new one, or what a person wrote, whole to the last byte",
            bar="all",
            measured=f"{sum(each['met'] for each in every)}: the old version {ends['old']}, a "
            f"proven new one {ends['new']}, a person's edit {ends['edit']}",
            met=all(each["met"] for each in every),
        )
    ]


def _under(what: str, seconds: float, bar: float, beside: str = "") -> Row:
    measured = f"{seconds:.2f} s" + (f" ({beside})" if beside else "")
    return Row(what=what, bar=f"under {bar:g} s", measured=measured, met=seconds < bar)


ROWS: dict[str, Callable[[Found], list[Row]]] = {
    "render": render_rows,
    "startup": startup_rows,
    "record": record_rows,
    "telling": telling_rows,
    "defaults": defaults_rows,
    "ingest": ingest_rows,
    "capacity": capacity_rows,
    "sandbox": sandbox_rows,
    "inference": inference_rows,
    "recall": recall_rows,
    "upgrade": upgrade_rows,
    "gate": gate_rows,
    "faults": faults_rows,
}
"""The benchmarks, and how each becomes rows of the table."""
