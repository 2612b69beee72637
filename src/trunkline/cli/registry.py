"""`trunkline registry`: the signed list of providers, from the registry's side."""

import secrets
from pathlib import Path
from typing import Annotated

import typer

from trunkline.cli.output import console, paper, print_json

app = typer.Typer(no_args_is_help=True)

File = Annotated[Path, typer.Option("--registry", help="The signed list, registry.json.")]
Key = Annotated[Path, typer.Option(help="The registry's key file.")]


@app.command("new")
def new(registry: File, key: Key) -> None:
    """Signs an empty list."""
    from trunkline.errors import ConflictError
    from trunkline.jager.deployment.provider_list import sign_registry
    from trunkline.service.files import write_atomically
    from trunkline.service.keys import IdentityKey

    if registry.exists():
        raise ConflictError(f"{registry} exists; use `trunkline registry add`")
    write_atomically(registry, sign_registry([], 1, IdentityKey.load(key)), mode=0o644)


@app.command("list")
def list_providers(registry: File, key: Key, as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """Prints the providers."""
    from trunkline.jager.deployment.provider_list import read_providers
    from trunkline.service.keys import IdentityKey

    providers, serial = read_providers(registry, IdentityKey.load(key))
    if as_json:
        rows = [{"id": one.id.hex, "name": one.name, "status": one.status, "key": one.key} for one in providers]
        print_json({"serial": serial, "providers": rows})
        return
    for one in providers:
        paper.print(f"{one.id.hex}  {one.status:10} {one.name}", markup=False)


@app.command("add")
def add(
    registry: File,
    key: Key,
    name: Annotated[str, typer.Option(help="The provider's name.")],
    identity: Annotated[str, typer.Option(help="Its Ed25519 key in hex; none if it only is listed.")] = "",
    provider_id: Annotated[str, typer.Option("--id", help="Its id, to replace an entry; made if not given.")] = "",
    contact: Annotated[str, typer.Option(help="Whom to ask.")] = "",
) -> None:
    """Adds a provider, or replaces the one with that id, and prints the id."""
    from trunkline.jager.deployment.provider_list import Provider, add_provider
    from trunkline.service.keys import IdentityKey
    from trunkline.telephony.providers import ProviderId

    identifier = ProviderId.from_hex(provider_id) if provider_id else ProviderId(secrets.token_bytes(16))
    add_provider(registry, IdentityKey.load(key), Provider(identifier, name, identity or None, contact=contact))
    typer.echo(identifier.hex)


@app.command("suspend")
def suspend(
    registry: File,
    key: Key,
    provider_id: Annotated[str, typer.Argument(help="The provider's id.")],
    lift: Annotated[bool, typer.Option("--lift", help="Take it back instead.")] = False,
) -> None:
    """Suspends a provider: all services refuse its requests as soon as they see the new list."""
    from trunkline.jager.deployment.provider_list import set_suspended
    from trunkline.service.keys import IdentityKey
    from trunkline.telephony.providers import ProviderId

    set_suspended(registry, IdentityKey.load(key), ProviderId.from_hex(provider_id), suspended=not lift)
    console.print("signed; hand the new registry.json to all services")
