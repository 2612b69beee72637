"""The adoption study in words and tables (Markdown): what came out, and how sure it is."""

from trunkline.pstn.adoption import PAPER_SUCCESS, Curve
from trunkline.pstn.adoption_model import ADOPTIONS
from trunkline.pstn.adoption_scenarios import Assumption

TOLD = (0.02, 0.10)
"""Adoptions of which the paper states the success."""

_QUESTIONS = {
    Assumption.ADOPTERS: "who adopts first",
    Assumption.SOURCES: "where robocalls start",
    Assumption.DESTINATIONS: "where they end",
    Assumption.M: "connections of a newcomer",
    Assumption.WEIGHTS: "prices of connections",
    Assumption.GRAPH: "how the network grows",
    Assumption.ROUTES: "which of equally short routes is taken",
    Assumption.LABEL: "what the label holds",
    Assumption.SUCCESS: "what counts as success",
}


def question(assumption: Assumption) -> str:
    """Says in words what an assumption is about."""
    return _QUESTIONS[assumption]


def curve_table(curve: Curve) -> list[str]:
    """Lists one scenario's success by adoption."""
    carriers = [
        "| adoption | traced to the originator | sd over networks | 95 % interval of the mean | paper |",
        "| ---: | ---: | ---: | ---: | ---: |",
    ]
    for case, adoption in enumerate(ADOPTIONS):
        mean, margin = curve.mean[case], curve.margin[case]
        paper = f"{PAPER_SUCCESS[adoption]:.0%}" if adoption in PAPER_SUCCESS else ""
        carriers.append(
            f"| {adoption:.0%} | {mean:.1%} | {_points(curve.deviation[case])} "
            f"| {mean - margin:.1%} to {mean + margin:.1%} | {paper} |"
        )
    return carriers


def variation_table(curves: list[Curve]) -> list[str]:
    """Lists every scenario's success at three adoptions, the paper's model first."""
    lines = [
        "| assumption | variation | at 2 % | at 10 % | at 30 % | carriers on a path |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
    ]
    for curve in curves:
        assumption = curve.scenario.assumption
        cells = [
            f"{curve.at(adoption):.1%} ± {_points(curve.deviation[ADOPTIONS.index(adoption)])}"
            for adoption in (0.02, 0.10, 0.30)
        ]
        words = question(assumption) if assumption else ""
        lines.append(f"| {words} | {curve.scenario.name} | {' | '.join(cells)} | {curve.paths.mean():.1f} |")
    return lines


def conclusion(curves: list[Curve]) -> list[str]:
    """Says how sure the claim is, from the numbers alone; the first curve is the paper's model."""
    base, varied = curves[0], curves[1:]
    lines = [_within_the_model(base, adoption) for adoption in TOLD]
    if not varied:
        lines.append(
            "That is how sure the figure is if every assumption of the model holds; `--vary all` shows what "
            "it is worth if one does not."
        )
        return lines
    for adoption in TOLD:
        ranked = sorted(varied, key=lambda one: one.at(adoption))
        low, high = (f"{one.at(adoption):.1%} ({_named(one)})" for one in (ranked[0], ranked[-1]))
        lines.append(f"With one assumption changed, success at {adoption:.0%} adoption is {low} to {high}.")
    lines.append(_what_carries(base, varied))
    return lines


def _within_the_model(base: Curve, adoption: float) -> str:
    case = ADOPTIONS.index(adoption)
    mean, margin = base.mean[case], base.margin[case]
    stated = PAPER_SUCCESS[adoption]
    agrees = "inside" if abs(mean - stated) <= margin else "outside"
    return (
        f"At {adoption:.0%} adoption the paper's model gives {mean:.1%}: one network differs from another by "
        f"{_points(base.deviation[case])} (sd of {len(base.success)}), the mean is known to "
        f"± {_points(margin)}, and the paper's {stated:.0%} lies {agrees} that."
    )


def _what_carries(base: Curve, varied: list[Curve]) -> str:
    """Ranks the assumptions by how far their variations move the result at 10 %."""
    adoption = 0.10
    swings: dict[Assumption, float] = {}
    for curve in varied:
        if curve.scenario.assumption:
            moved = abs(curve.at(adoption) - base.at(adoption))
            swings[curve.scenario.assumption] = max(moved, swings.get(curve.scenario.assumption, 0.0))
    noise = float(base.deviation[ADOPTIONS.index(adoption)])
    ranked = sorted(swings.items(), key=lambda one: -one[1])
    carrying = [f"{question(one)} (up to {_points(swing)})" for one, swing in ranked if swing > 2 * noise]
    idle = [f"{question(one)} ({_points(swing)})" for one, swing in ranked if swing <= 2 * noise]
    sentences = [f"At {adoption:.0%}, a variation moves the result by more than two sd of the networks in:"]
    sentences.append(f"{'; '.join(carrying) or 'nothing'}.")
    sentences.append(f"By less: {'; '.join(idle) or 'nothing'}.")
    return " ".join(sentences)


def _named(curve: Curve) -> str:
    assumption = curve.scenario.assumption
    return f"{question(assumption)}: {curve.scenario.name}" if assumption else curve.scenario.name


def _points(share: float) -> str:
    return f"{100 * share:.1f} points"
