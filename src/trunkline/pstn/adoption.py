"""The adoption study: how many robocalls are traced back if only some carriers take part.

Reproduces the partial deployment of section 7.2 of the Jäger paper, over several seeds, and against other
assumptions than the paper made. Scenarios and seeds are worked off by one process a core.
"""

import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trunkline.errors import InputError, UnavailableError
from trunkline.pstn.adoption_model import ADOPTIONS, Model, grow
from trunkline.pstn.adoption_scenarios import Network, Scenario

MAX_SEEDS = 30
"""Networks in one study."""

PAPER_SUCCESS = {0.02: 0.27, 0.10: 0.55}
"""What section 7.2 states: success by adoption."""

# Two-sided 95 % quantiles of Student's t for 1 to 29 degrees of freedom, from the usual tables.
_STUDENT = (
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228),
    *(2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086),
    *(2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045),
)


@dataclass(frozen=True)
class Curve:
    """What one scenario comes to.

    Attributes:
        scenario: The assumptions.
        success: Share of robocalls traced back, shape (seeds, `ADOPTIONS`).
        paths: Mean number of carriers on a robocall's path, for each seed.
    """

    scenario: Scenario
    success: NDArray[np.float64]
    paths: NDArray[np.float64]

    @property
    def mean(self) -> NDArray[np.float64]:
        """Mean over the seeds."""
        mean: NDArray[np.float64] = self.success.mean(axis=0)
        return mean

    @property
    def deviation(self) -> NDArray[np.float64]:
        """Standard deviation over the seeds: how much one network differs from another."""
        deviation: NDArray[np.float64] = self.success.std(axis=0, ddof=1)
        return deviation

    @property
    def margin(self) -> NDArray[np.float64]:
        """Half of the mean's 95 % confidence interval, by Student's t."""
        seeds = len(self.success)
        margin: NDArray[np.float64] = _STUDENT[seeds - 2] * self.deviation / np.sqrt(seeds)
        return margin

    def at(self, adoption: float) -> float:
        """Gives the mean at one of `ADOPTIONS`."""
        return float(self.mean[ADOPTIONS.index(adoption)])

    def points(self) -> list[dict[str, str | float]]:
        """Gives one entry for each of `ADOPTIONS`, as `--json` prints them."""
        assumption = self.scenario.assumption
        return [
            {
                "adoption": adoption,
                "success_mean": round(float(self.mean[case]), 6),
                "success_sd": round(float(self.deviation[case]), 6),
                "mean_margin_95": round(float(self.margin[case]), 6),
                "carriers_on_path": round(float(self.paths.mean()), 3),
                "assumption": assumption.value if assumption else "none",
                "variation": self.scenario.name,
            }
            for case, adoption in enumerate(ADOPTIONS)
        ]


def study(
    scenarios: list[Scenario],
    *,
    carriers: int = 7_000,
    seeds: int = 6,
    advance: Callable[[], None] = lambda: None,
) -> list[Curve]:
    """Computes the curve of every scenario.

    Args:
        scenarios: What to assume.
        carriers: Size of every network.
        seeds: Networks per scenario, seeded 0, 1 and so on.
        advance: Called after each of the `steps` of the study.

    Raises:
        InputError: A number is out of range.
        UnavailableError: The system ended a process of ours, most likely for want of memory.
    """
    if not 2 <= seeds <= MAX_SEEDS:
        raise InputError(f"the study needs 2 to {MAX_SEEDS} seeds to say how sure it is, not {seeds}")
    results: dict[tuple[int, int], tuple[NDArray[np.float64], float]] = {}
    cores = len(os.sched_getaffinity(0))
    # Started afresh, not forked: the caller may have threads, of which a fork copies the locks alone.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(cores, mp_context=context) as pool:
        tasks = {
            pool.submit(work, network, carriers, seed, [scenarios[index] for index in indices]): (
                indices,
                seed,
            )
            for network, indices in _networks(scenarios).items()
            for seed in range(seeds)
        }
        try:
            for task in as_completed(tasks):
                indices, seed = tasks[task]
                results.update(
                    {(index, seed): result for index, result in zip(indices, task.result(), strict=True)}
                )
                advance()
        except BrokenProcessPool as error:
            raise UnavailableError(
                "a process of the study was ended by the system; free some memory and try again"
            ) from error
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
    return [
        Curve(
            scenario,
            success=np.array([results[index, seed][0] for seed in range(seeds)]),
            paths=np.array([results[index, seed][1] for seed in range(seeds)]),
        )
        for index, scenario in enumerate(scenarios)
    ]


def steps(scenarios: list[Scenario], seeds: int) -> int:
    """Counts how often `study` will call `advance`."""
    return len(_networks(scenarios)) * seeds


def work(
    network: Network, carriers: int, seed: int, scenarios: list[Scenario]
) -> list[tuple[NDArray[np.float64], float]]:
    """Computes success and mean path of scenarios that share a network; what one process does."""
    model = Model(grow(network, carriers, seed), seed, scenarios)
    return [(model.success(scenario), model.path(scenario)) for scenario in scenarios]


def _networks(scenarios: list[Scenario]) -> dict[Network, list[int]]:
    """Gathers the scenarios that share a network, by their places in the list."""
    networks: dict[Network, list[int]] = {}
    for index, scenario in enumerate(scenarios):
        networks.setdefault(scenario.network, []).append(index)
    return networks
