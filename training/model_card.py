"""The evaluation in words: ``report.md`` and the model card, both from ``report.json``, so that they cannot disagree with it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from detector.records import LABELS
from training.examples import ANNOTATED, FEEDBACK
from training.fit_calibration import (
    MAX_FALSE_POSITIVES,
    MAX_FALSE_POSITIVES_NO_JOB,
    MAX_REVIEWED,
    MAX_REVIEWED_NO_JOB,
    MIN_RECALL,
)
from training.marked import replace_marked
from training.metrics import OF_NEW_WRITERS

Report = Mapping[str, Any]
RECALL = "recall_at_1_percent_false_positives"


def report_markdown(report: Report) -> str:
    """Return all tables of a report."""
    parts = [
        f"# Evaluation of `{report['model']}`",
        "Average precision and recall are for `scam_compound` against all else; intervals are 95 % bootstrap over writing "
        "batches, or over posts where there are fewer than five batches.",
        headline_table(report),
        "## By language (test posts written for this project)",
        _figures_table(report["by_language"], "language"),
        "## By length",
        _figures_table(report["by_length"], "length"),
        "## By hardness",
        _figures_table({k or "unmarked": v for k, v in report["by_hardness"].items()}, "hardness"),
        "## Lures against one other label at a time",
        _figures_table(report["by_label"], "against"),
        "## At the operating points (test posts written for this project)",
        _points_table(report),
        "## Flagged, by label (test posts written for this project)",
        _flagged_table(report["flagged_by_label"]),
        "## Real posts that are no lures",
        false_positive_table(report),
        "## Baselines on the same posts",
        baseline_table(report),
        "## Minimal pairs",
        _pairs_line(report["pairs"]),
        "## Confusion (rows: truth, columns: model)",
        _confusion_table(report["confusion"]),
        "## Indicators",
        _indicator_table(report["indicators"]),
        "## Robustness",
        robustness_table(report["suites"]["robustness"]),
        "## Fairness",
        _fairness_lines(report["suites"]["fairness"]),
        "## Abstention",
        _abstention_table(report["suites"]["abstention"]),
        *_reach_parts(report["suites"].get("reach")),
        "## Seeds (validation)",
        _seeds_table(report["seeds"]),
    ]
    return "\n\n".join(parts) + "\n"


def indicator_figures(report: Report) -> str:
    """Return what ``scam-detector report`` shows of a report, as the file ``measured.json`` of its package."""
    each = {code: {name: found[name] for name in ("precision", "posts")} for code, found in report["indicators"]["each"].items()}
    return json.dumps({"model": report["model"], "indicators": each}, indent=1) + "\n"


def headline_table(report: Report) -> str:
    """Return the table of the two numbers that count most, on the corpus and with public posts."""
    rows = {"posts written for this project": report["written"], "with public posts beside them": report["with_public"]}
    return _figures_table(rows, "test split")


def false_positive_table(report: Report) -> str:
    """Return the share of real posts that are wrongly flagged, by public set; the held-out sets first."""
    lines = ["| set | posts | band `high` | `review` or above | trained on |", "|---|---|---|---|---|"]
    for part, trained in (("held_out", "never"), ("public_test", "other rows of it")):
        for name, row in report[part].items():
            lines.append(f"| `{name}` | {row['posts']} | {_percent(row['high'])} | {_percent(row['review_or_high'])} | {trained} |")
    return "\n".join(lines)


def baseline_table(report: Report) -> str:
    """Return the average precision of the baselines beside the bundle's."""
    names = {
        "keywords": "keyword rule",
        "tfidf_logistic_regression": "TF-IDF + logistic regression",
        "frozen_encoder_logistic_regression": "frozen encoder + logistic regression",
    }
    lines = ["| | average precision |", "|---|---|"]
    lines.append(f"| **this model** | {_figure(report['written']['average_precision'])} |")
    lines += [f"| {title} | {_figure(report['baselines'][name])} |" for name, title in names.items()]
    return "\n".join(lines)


def write_model_card(bundle: Path, report: Report) -> None:
    """Write ``README.md`` into a bundle's folder."""
    (bundle / "README.md").write_text(_card(report), "utf-8")


def readme_figures(report: Report) -> str:
    """Return what the README says of the figures, between its markers."""
    return "\n\n".join(
        [
            f"`{report['model']}`, from `python -m training evaluate`:",
            headline_table(report),
            _points_table(report),
            baseline_table(report),
            false_positive_table(report),
        ]
    )


def write_readme_figures(path: Path, report: Report) -> None:
    """Replace the README's figures."""
    replace_marked(path, "figures", readme_figures(report))


def _card(report: Report) -> str:
    languages = ", ".join(f"`{name}`" for name in report["data"]["languages"])
    points = report["operating_points"]
    counts = report["data"]["counts"]
    trained = counts["corpus"]["train"]
    public = sum(row.get("train", 0) for source, row in counts.items() if source not in ANNOTATED)
    answered = counts.get(FEEDBACK, {}).get("train", 0)
    config = report["data"]["config"]
    tested = [row["posts"] for row in report["by_language"].values()]
    lures = report["written"]["lures"] / report["written"]["posts"]
    return f"""# Model card: scam-recruitment-detector

`{report["model"]}`

**What it does.** It reads one post and estimates how likely it recruits people for an online-scam compound (`scam_compound`),
or is another job fraud, an honest vacancy or no vacancy at all. It also says which of 29 indicators it sees and shows the words.

**Intended use.** To put posts in an order for a person to read. A person decides what happens next: no removal, no report and no
refusal should follow from a score alone. Not for judging people, and not for job seekers' or survivors' own accounts.

**How it was made.** The encoder is {report["base_model"]} (12 layers, 384 wide, MIT licence)
from a 4-bit copy. Its vocabulary was trimmed, embeddings{_frozen(config["frozen_layers"])} left as they were, the
layers above fine-tuned with two linear heads,
once a seed, {_number(report["seeds"])} in all{_start(report)}{_chosen(report["seeds"])}. It was trained on
{trained} posts of `data/corpus`{f", {answered} scraped posts that readers answered" if answered else ""}
and {public} excerpts of real public job adverts, chat and spam (`data/sources.toml`), with a label loss, an indicator loss
and a loss that draws the indicators' contributions into the quoted words{_reasons(config)}. Languages tested: {languages}.
{_copies(config)}Weights are shipped in 8 bits, embeddings{_frozen(config["frozen_layers"])} in 4 (lossless: they came so).
Layers multiply in 8 bits, twice (`training/rounding.py`), all else is in float32.

**Operating points**, set on validation posts: `high` from {points["high"]:.3f}
(at most {_percent(MAX_FALSE_POSITIVES)} false positives there, and {_percent(MAX_FALSE_POSITIVES_NO_JOB)} of the posts that are no
vacancy), `review` from {points["review"]:.3f}
(at least {_percent(MIN_RECALL)} of the lures there, or as many as bring with them at most {_percent(MAX_REVIEWED)} of the others
and {_percent(MAX_REVIEWED_NO_JOB)} of the posts that are no vacancy).
Scores are calibrated with one temperature on validation posts;
where lures are rarer than among the test posts ({_percent(lures)}), a score overstates the chance that a post is a lure.

## Figures

On test posts of the corpus, written by the same writers as the training posts:

{headline_table(report)}

{_points_table(report)}

By language:

{_figures_table(report["by_language"], "language")}

{baseline_table(report)}

Real posts that are no lures, and how often they are flagged:

{false_positive_table(report)}

{_pairs_line(report["pairs"])}

## Limits and known failures

- **The corpus is written, not collected.** It was composed by language-model agents from public descriptions of lures and has not
  been reviewed by native speakers. Figures on its test split say how well the model knows this kind of writing; expect less on
  scraped posts.
- **A low score is no clearance.** Some lures carry almost no signal: a driver, a cook, a friend's message.
- **Test posts per language are few** ({min(tested)} to {max(tested)}) and come from a few writing batches, so figures
  by language are rough and their intervals too narrow.
- **Other languages** are scored and marked as not evaluated; treat their bands as hints.{_elsewhere(report["suites"].get("reach"))}
{_weak_spots(report["suites"]["robustness"])}{_swap_limits(report["suites"]["fairness"])}
- Posts that quote a lure (warnings, questions, survivors) and honest overseas agencies are the nearest neighbours; see the
  confusion table in `training/report/report.md`.
- **Job seekers** who write that they have a passport and want to work abroad may come out as `review` (users' tries: four of eleven
  with 0.3.0, none of four with 0.8.0). They are `not_job`.
- **The label is the likeliest of four, the band is what to act on**: a post may be called `scam_compound` and be `low`. In a user's
  try of 0.8.0 that befell 8 of 21 everyday texts, none of them flagged.
- Evidence shows which words moved the score, exactly; it does not show that they are true, and spans can be wider than a
  reader would mark.
- Images, voice and anything behind a link are not read.
"""


def _frozen(layers: int) -> str:
    return f" and the lower {layers} layers" if layers else ""


_MIXED = {
    "average": "weights averaged",
    "start": "earlier weights themselves",
    "quarter-way": "weights a quarter of the way from the earlier ones to these",
    "half-way": "weights half way between the earlier ones and these",
    "three-quarter-way": "weights three quarters of the way from the earlier ones to these",
}
"""What stands for the names of weights that are no seed's, as :mod:`training.finetune` gives them."""


def _start(report: Report) -> str:
    """Say what training went on from: a bundle, by its identity, or a run, by the fingerprint of its posts."""
    name = report["data"].get("start")
    if not name:
        return ""
    which = f"`{name}`" if "/" in name else f"a run on the posts `{name}` (`training/experiments.md`)"
    if report["data"]["config"].get("begin") == "encoder":
        return f", from the encoder as it was, apart from the earlier weights of {which}"
    return f", going on from the weights of {which}"


def _number(seeds: Report) -> int:
    return sum("seed" in row for row in seeds["runs"].values())


def _chosen(seeds: Report) -> str:
    if "seed" in seeds["runs"][seeds["best"]]:
        return ", and the best by validation kept"
    return f"; kept were the {_MIXED[seeds['best']]}"


def _figures_table(rows: Mapping[str, Report], title: str) -> str:
    lines = [
        f"| {title} | posts | lures | average precision | recall at 1 % false positives | Brier | calibration error |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, row in rows.items():
        cells = [_figure(row[key]) for key in ("average_precision", RECALL, "brier", "expected_calibration_error")]
        lines.append(f"| {name} | {row['posts']} | {row['lures']} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _points_table(report: Report) -> str:
    lines = ["| flagged from | threshold | precision | recall | false positives |", "|---|---|---|---|---|"]
    for name, row in report["written"]["at"].items():
        cells = [_percent(row[key]) for key in ("precision", "recall", "false_positive_rate")]
        lines.append(f"| `{name}` | {report['operating_points'][name]:.3f} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _pairs_line(pairs: Report) -> str:
    return (
        f"Of {pairs['pairs']} minimal pairs of a lure and another post in the test split, the lure scores higher in "
        f"{pairs['lure_scores_higher']}, and both members are on the right side of `review` in {pairs['both_right_at_review']}."
    )


def _confusion_table(matrix: list[list[int]]) -> str:
    lines = ["| | " + " | ".join(LABELS) + " |", "|---" * (len(LABELS) + 1) + "|"]
    return "\n".join(lines + [f"| {label} | {' | '.join(map(str, row))} |" for label, row in zip(LABELS, matrix, strict=True)])


def _indicator_table(found: Report) -> str:
    lines = [
        f"All together: precision {_percent(found['micro_precision'])}, recall {_percent(found['micro_recall'])}; "
        f"the first piece of evidence overlaps the annotated "
        f"quote in {_percent(found['evidence_overlaps_quote'])} of the indicators rightly found.",
        "",
        "| indicator | posts | precision | recall | evidence overlaps the quote |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| `{code}` | {row['posts']} | "
        + " | ".join(_percent(row[key]) for key in ("precision", "recall", "evidence_overlaps_quote"))
        + " |"
        for code, row in found["each"].items()
    ]
    return "\n".join(lines)


def _flagged_table(rows: Mapping[str, Report]) -> str:
    lines = ["| label | posts | band `high` | `review` or above |", "|---|---|---|---|"]
    lines += [
        f"| `{k}` | {row['posts']} | {_percent(row['high'])} | {_percent(row['review_or_high'])} |" for k, row in rows.items()
    ]
    return "\n".join(lines)


def robustness_table(found: Report) -> str:
    """Return the average precision before and after each perturbation."""
    lines = [
        "Each on the first test posts, 240 at most, that it changes. Eleven of the fourteen are ways in which training posts were "
        "roughened too; padding and truncation came in other words and shapes there (`training/perturb.py`).",
        "",
        f"Average precision is lower by {_three(found['mean_drop'])} on average and by {_three(found['worst_drop'])} at worst "
        f"(`{found['worst']}`).",
        "",
        "| perturbation | posts changed | before | after | lower by |",
        "|---|---|---|---|---|",
    ]
    for name, row in found["each"].items():
        drop = _figure({"value": row["drop"], "low": row["low"], "high": row["high"]})
        lines.append(f"| `{name}` | {row['posts']} | {_three(row['before'])} | {_three(row['after'])} | {drop} |")
    return "\n".join(lines)


def _weak_spots(found: Report) -> str:
    """Return the three perturbations that cost most, as a line of the limits."""
    drops = {name: row["drop"] for name, row in found["each"].items() if row["drop"] is not None}
    worst = sorted(drops, key=lambda name: -drops[name])[:3]
    told = ", ".join(f"`{name}` {drops[name]:.2f}" for name in worst)
    return (
        f"- **Changed posts** are told apart less well. Of the ways tried, these cost most average precision: {told}\n"
        "  (`training/perturb.py` says what they are)."
    )


def _reasons(config: Mapping[str, Any]) -> str:
    """Name the loss of reasons, if it counted; a report from before there was one lacks the setting."""
    return (
        ", and one that draws a post to the reason its writer gave (`training/reasons.py`)" if config.get("reason_weight") else ""
    )


def _copies(config: Mapping[str, Any]) -> str:
    """Say which changed copies of its posts training read, as the suites change test posts in the same ways."""
    # Terms were swapped in copies from when settings had this key on.
    swapped = " and copies with terms of `training/swaps.toml` swapped" if "second_pass" in config else ""
    return (
        f"It read roughened copies of its posts too{swapped}. The suites below\n"
        "change test posts in the same ways, so they flatter it beside ways that nobody thought of.\n"
        if config["noise"]
        else ""
    )


def _swap_limits(found: Report) -> str:
    """Return what swapped terms change, as a line of the limits; nothing for a report from before they were tried."""
    if "term_swaps" not in found:
        return ""
    told = ", ".join(f"{_SWAPPED[kind]} {_share(row['all']['band_changed'])}" for kind, row in found["term_swaps"].items())
    return (
        "\n- **Who hires and who is wanted** should not matter. Share of swaps of one term for another, in test posts with one,\n"
        f"  that change the band (`training/swaps.toml`): {told}."
    )


def _fairness_lines(found: Report) -> str:
    rates = [f"| `{k}` | {row['others']} | {row['flagged']} |" for k, row in found["false_positives"].items()]
    swaps = (
        f"Nationality, language wanted or town changed, all else equal: in {found['swaps']} swaps of {found['groups']} groups "
        f"of test posts the band changed in {_percent(found['band_changed'])}, and the score moved by "
        f"{_three(found['score_moved_mean'])} on average."
        if found["swaps"]
        else "The test split holds no swap groups."
    )
    spread = (
        f"Over languages, the false-positive rate of `review` has median {_percent(found['false_positive_rate_median'])} and is "
        f"highest in `{found['false_positive_rate_highest_in']}`, {_percent(found['false_positive_rate_highest'])}; these are few "
        "posts a language:"
    )
    table = [spread, "", "| language | posts that are no lures | flagged `review` or above |", "|---|---|---|", *rates]
    return "\n".join([swaps, *_swap_table(found.get("term_swaps", {})), *(["", *table] if rates else [])])


_SWAPPED = {"ethnicity": "the employer's ethnicity", "gender": "gender"}


def _swap_table(found: Report) -> list[str]:
    """Return the lines on swapped terms; none for a report from before they were tried."""
    if not found:
        return []
    lines = [
        "",
        "Terms for the employer's ethnicity, or for the gender wanted or speaking, swapped by the tables of `training/swaps.toml`, "
        "in test posts that have one. Posts may give several swaps; intervals are Wilson's, 95 %, and count posts:",
        "",
        "| swapped | in | posts | swaps | band changed | score moved, mean |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {_SWAPPED[kind]} | {name} | {row['posts']} | {row['swaps']} | {_share(row['band_changed'])} "
        f"| {_three(row['score_moved_mean'])} |"
        for kind, parts in found.items()
        for name, row in parts.items()
    ]
    return lines


def _abstention_table(found: Report) -> str:
    lines = [
        f"Of the real test posts {_percent(found['real_posts'])} were abstained on. Strings that are no post:",
        "",
        "| kind | texts | abstained | band `high` |",
        "|---|---|---|---|",
    ]
    lines += [f"| {k} | {row['texts']} | {_percent(row['abstained'])} | {row['high']} |" for k, row in found["nonsense"].items()]
    return "\n".join(lines)


def _elsewhere(found: Report | None) -> str:
    """Return what the two sets beyond the corpus show, as text in the limits; nothing for a report from before they were scored."""
    if found is None:
        return ""
    other, everyday = found["other_languages"], found["everyday"]
    caught = sum(other["lures_flagged"].values())
    wrong = sum(other["others_flagged"].values())
    return (
        f"\n  {other['posts']} posts in {len(other['by_language'])} of them (`data/reach`): average precision"
        f" {_figure(other['average_precision'])}, {caught} of {other['lures']} lures\n  and {wrong} of"
        f" {other['posts'] - other['lures']} others flagged;\n"
        f"  {_percent(other['noted'])} of the verdicts say that the language was not evaluated, others took it for one that was.\n"
        f"- **Texts that have nothing to do with work** are not what it was trained on: of {everyday['texts']} everyday texts in\n"
        f"  the corpus' languages {_share(everyday['flagged'])} come out `review` or above, {everyday['high']} of them `high`."
        "\n  In users' tries 3 of 14 English pieces of prose came out `review` with 0.3.0, none of 21 everyday texts with 0.8.0."
    )


def _reach_parts(found: Report | None) -> list[str]:
    """Return the sections on texts beyond the corpus; none for a report from before they were scored."""
    if found is None:
        return []
    other, everyday = found["other_languages"], found["everyday"]
    rows = [
        f"| `{name}` | {row['lures_flagged']} of {row['lures']} | {row['others_flagged']} of {row['posts'] - row['lures']} |"
        for name, row in other["by_language"].items()
    ]
    languages = ", ".join(f"`{name}` {number}" for name, number in everyday["flagged_by_language"].items()) or "none"
    return [
        "## Languages never trained on",
        f"{other['posts']} posts written for this alone (`data/reach`), by writers who saw neither corpus nor model. Average "
        f"precision {_figure(other['average_precision'])}; {_percent(other['noted'])} of the verdicts say that the language was "
        f"not evaluated; band `high`: {other['lures_flagged']['high']} lures, {other['others_flagged']['high']} others.",
        "\n".join(["| language | lures flagged `review` or above | others flagged |", "|---|---|---|", *rows]),
        "## Everyday texts",
        f"Of {everyday['texts']} texts that have nothing to do with work (`data/reach`) {_share(everyday['flagged'])} are flagged "
        f"`review` or above, {everyday['high']} of them `high`. By language: {languages}.",
    ]


def _seeds_table(seeds: Report) -> str:
    """Return what the weights were chosen by; half of it is how they do on writers of whom training read nothing, if any."""
    apart = any(OF_NEW_WRITERS in row for row in seeds["runs"].values())
    head = ["seed", "best epoch", "average precision", *(["of new writers"] if apart else []), "label accuracy", "chosen"]
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for name, row in seeds["runs"].items():
        figures = ["average_precision", *([OF_NEW_WRITERS] if apart else []), "label_accuracy"]
        cells = [row["seed"] if "seed" in row else _MIXED[name], row.get("epoch", ""), *(f"{row[each]:.3f}" for each in figures)]
        lines.append(f"| {' | '.join(map(str, cells))} | {'yes' if name == seeds['best'] else ''} |")
    told = (
        "Chosen by the mean of the two average precisions: on all validation posts, and on writers of whom training read nothing."
    )
    return "\n".join([*lines, *(["", told] if apart else [])])


def _figure(figure: Report) -> str:
    if figure["value"] is None:
        return "undefined (one class)"
    return f"{figure['value']:.3f} [{figure['low']:.3f}, {figure['high']:.3f}]"


def _share(figure: Report) -> str:
    if figure["value"] is None:
        return "undefined"
    return f"{_percent(figure['value'])} [{_percent(figure['low'])}, {_percent(figure['high'])}]"


def _three(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3f}"


def _percent(share: float | None) -> str:
    return "undefined" if share is None else f"{100 * share:.1f} %"
