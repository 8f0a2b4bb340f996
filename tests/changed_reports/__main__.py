"""python -m changed_reports SET [--variants N] [--kinds ages,levels] [--wordings] [--verbose] [--text NAME]

SET: seeds, dev, or a folder that holds `texts` and `gold`. Prints F1 of the originals, of each variant
(or wording) and of the worst, and with --verbose what each copy loses or invents more than its original.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from changed_reports.measured import KINDS, Annotated, Score, annotated, changed, f1, reworded, score, scorer
from changed_reports.wording import WORDINGS

SHARED = Path(__file__).parents[3] / "shared"


def folders(name: str, shared: Path) -> tuple[Path, Path]:
    named = {
        "seeds": (shared / "seeds", shared / "gold" / "seeds"),
        "dev": tuple((shared / "dev-reports" / x) for x in ("texts", "gold")),
    }
    return named.get(name, (Path(name) / "texts", Path(name) / "gold"))  # type: ignore[return-value]  # pairs


def main() -> None:
    parser = argparse.ArgumentParser(prog="changed_reports", description=__doc__)
    parser.add_argument("set")
    parser.add_argument("--shared", type=Path, default=SHARED)
    parser.add_argument("--variants", type=int, default=10)
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--wordings", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--text", default="")
    parser.add_argument("--verbose", action="store_true")
    args = parser.parse_args()
    scoring = scorer(args.shared)
    reports = [r for r in annotated(*folders(args.set, args.shared)) if args.text in r.name]
    before = {report.name: score(report, scoring) for report in reports}
    print(f"{args.set}: {len(reports)} texts, F1 {f1(before.values()):.4f}")
    plans: dict[str, Callable[[Annotated], Annotated]] = {
        str(seed): lambda report, seed=seed: changed(report, seed, scoring, args.kinds.split(","))  # type: ignore[misc]
        for seed in range(args.variants)
    }
    if args.wordings:
        plans = {name: lambda report, name=name: reworded(report, name) for name in WORDINGS if args.only in name}  # type: ignore[misc]
    found: dict[str, float] = {}
    for name, plan in plans.items():
        after: dict[str, Score] = {}
        moved = 0
        for report in reports:
            copy = plan(report)
            moved += copy.text != report.text
            after[report.name] = before[report.name] if copy.text == report.text else score(copy, scoring)
            _told(report.name, name, before[report.name], after[report.name], verbose=args.verbose)
        found[name] = f1(after.values())
        print(
            f"  {name:32} texts changed {moved:3}   F1 {found[name]:.4f}  ({found[name] - f1(before.values()):+.4f})",
            flush=True,
        )
    worst = min(found, key=lambda name: found[name])
    mean = sum(found.values()) / len(found)
    print(f"{args.set}: mean {mean:.4f}, worst {worst}: {found[worst]:.4f}")


def _told(name: str, variant: str, before: Score, after: Score, *, verbose: bool) -> None:
    total = [sum(s.missed.values()) + sum(s.invented.values()) for s in (before, after)]
    if verbose and total[0] != total[1]:
        print(f"    {name} [{variant}] {total[0]} -> {total[1]} wrong")
        print("       missed  ", sorted((after.missed).elements()), "before:", sorted(before.missed.elements()))
        print("       invented", sorted((after.invented).elements()), "before:", sorted(before.invented.elements()))


if __name__ == "__main__":
    main()
