"""The files that describe a generated network: carriers, connections, and how to read the records.

A carrier's folder has its call records and `sources.toml`, which its agent reads as it stands. In networks
that one machine can run the agents of, `carriers.toml` makes the folder a lab.
"""

import csv
import hashlib
import io
from typing import Any

import numpy as np
import tomli_w

from trunkline.pstn.behaviour import HONEST, Carriers, Connections, Handling, Lie
from trunkline.pstn.carriers import CarrierNetwork
from trunkline.pstn.output import Output
from trunkline.pstn.parameters import Parameters
from trunkline.pstn.subscribers import Subscribers
from trunkline.pstn.switches import STYLE_WORDS, STYLES, Switches
from trunkline.pstn.truth import TRUTH_FILE, TRUTH_HEADER, UNTRUTHS_FILE, UNTRUTHS_HEADER
from trunkline.telephony.providers import PROVIDER_ID_LENGTH, ProviderId

LAB_CARRIERS = 1_000
"""A lab has an agent a carrier on one machine: larger networks get no `carriers.toml`."""

_COLUMNS = (
    *("carrier", "provider", "connections", "market_share", "subscribers", "participates", "format"),
    *("number_plan", "time_zone", "clock_fast_ms", "clock_gains_ppm", "caller_ids", "lies"),
)


def provider_of(seed: int, name: str) -> ProviderId:
    """The identifier of a carrier: the same for the same seed and name."""
    digest = hashlib.sha256(f"trunkline pstn provider\0{seed}\0{name}".encode()).digest()
    return ProviderId(digest[:PROVIDER_ID_LENGTH])


def carrier_file(switches: Switches, carrier: int, file: str) -> str:
    """The name of one of a carrier's files within the network's folder."""
    return f"carriers/{switches.names[carrier]}/{file}"


def set_up(
    output: Output,
    parameters: Parameters,
    network: CarrierNetwork,
    subscribers: Subscribers,
    carriers: Carriers,
    switches: Switches,
) -> None:
    """Writes everything but call records, and begins the growing files.

    Raises:
        StorageError: It cannot be written.
    """
    output.replace("carriers.csv", _carriers(parameters, network, subscribers, carriers, switches))
    output.replace("agreements.csv", _agreements(network, switches))
    connections = Connections(network)
    providers = [provider_of(parameters.seed, name).hex for name in switches.names]
    taking_part = np.flatnonzero(carriers.participates).tolist()
    for carrier in taking_part:
        neighbours = {number: providers[number] for number in connections.of(carrier).tolist()}
        table = {"source": [switches.source(carrier, neighbours)]}
        output.replace(carrier_file(switches, carrier, "sources.toml"), tomli_w.dumps(table))
        form = switches.form(carrier)
        for file, header in zip(form.files, form.headers, strict=True):
            output.open_growing(carrier_file(switches, carrier, file), header)
    if parameters.carriers <= LAB_CARRIERS:
        entries = [_lab_entry(switches, connections, carrier) for carrier in taking_part]
        output.replace("carriers.toml", tomli_w.dumps({"carrier": entries}))
    output.open_growing(TRUTH_FILE, TRUTH_HEADER)
    output.open_growing(UNTRUTHS_FILE, UNTRUTHS_HEADER)


def _lab_entry(switches: Switches, connections: Connections, carrier: int) -> dict[str, Any]:
    form = switches.form(carrier)
    title = {"id": switches.names[carrier], "name": f"Carrier {carrier}"}
    if not form.switch:
        neighbours = {number: switches.names[number] for number in connections.of(carrier).tolist()}
        source = switches.source(carrier, neighbours)
        source["paths"] = [carrier_file(switches, carrier, path) for path in source["paths"]]
        return {**title, "source": [source]}
    files = [carrier_file(switches, carrier, file) for file in form.files]
    return {
        **title,
        "switch": form.switch,
        "time_zone": switches.zone(carrier),
        "default_region": "US",
        "number_format": STYLE_WORDS[switches.style(carrier)],
        **({"cdr_csv": files} if len(files) > 1 else {"cdr": files[0]}),
        **form.lab,
        "trunks": {
            switches.peer(carrier, number): switches.names[number]
            for number in connections.of(carrier).tolist()
        },
        "access": switches.access(carrier),
    }


def _carriers(
    parameters: Parameters,
    network: CarrierNetwork,
    subscribers: Subscribers,
    carriers: Carriers,
    switches: Switches,
) -> str:
    counts = np.bincount(subscribers.carriers, minlength=network.size)
    rows = (
        (
            name,
            provider_of(parameters.seed, name).hex,
            int(network.degree[one]),
            f"{network.market_share[one]:.8f}",
            int(counts[one]),
            "yes" if carriers.participates[one] else "no",
            switches.form(one).name,
            STYLES[switches.style(one)],
            switches.zone(one),
            int(carriers.clocks.skew_us[one]) // 1000,
            f"{carriers.clocks.drift[one] * 1e6:.3f}",
            Handling(carriers.handling[one]).name.lower(),
            "none" if carriers.lie[one] == HONEST else lie_name(int(carriers.lie[one])),
        )
        for one, name in enumerate(switches.names)
    )
    return _csv(_COLUMNS, rows)


def lie_name(kind: int) -> str:
    """What files call a kind of lie."""
    return Lie(kind).name.lower().replace("_", "-")


def _agreements(network: CarrierNetwork, switches: Switches) -> str:
    names = switches.names
    pairs = zip(network.edges.tolist(), network.costs.tolist(), strict=True)
    return _csv(
        ("carrier", "other", "amount"), ((names[one], names[other], cost) for (one, other), cost in pairs)
    )


def _csv(columns: tuple[str, ...], rows: Any) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()
