"""What all parties of a deployment are watched by: the end of their parameters, and their disk."""

from pathlib import Path

from trunkline.jager.messages.parameters import PublicParameters
from trunkline.service.clock import Clock
from trunkline.service.metrics import Metrics
from trunkline.service.readiness import Check, disk_check, free_bytes


def party_metrics(parameters: PublicParameters, directory: Path) -> Metrics:
    """Return new metrics with those that every party has.

    Args:
        parameters: The public parameters in use.
        directory: The party's data directory.
    """
    metrics = Metrics()
    metrics.read(
        "trunkline_disk_free_bytes",
        "What may still be written to the disk of the data directory.",
        lambda: free_bytes(directory),
    )
    metrics.read(
        "trunkline_parameters_end_timestamp_seconds",
        "When the public parameters stop to be valid.",
        lambda: parameters.not_after,
    )
    metrics.read(
        "trunkline_label_keys_end_timestamp_seconds",
        "End of the last interval of calls that there are label keys for.",
        lambda: parameters.keys[-1].epoch_to * parameters.resolution_ms / 1000,
    )
    return metrics


def party_checks(parameters: PublicParameters, directory: Path, clock: Clock) -> dict[str, Check]:
    """Return the checks of readiness that every party has.

    Args:
        parameters: The public parameters in use.
        directory: The party's data directory.
        clock: The party's time.
    """
    return {
        "parameters": lambda: parameters.check_valid_at(clock()),
        "disk": disk_check(directory),
    }
