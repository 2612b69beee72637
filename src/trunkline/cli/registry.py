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
    from trunkline.jager.deployment.provider_list import write_registry
    from trunkline.service.keys import IdentityKey

    if registry.exists():
        raise ConflictError(f"{registry} exists; use `trunkline registry add`")
    write_registry(registry, [], 1, IdentityKey.load(key))


@app.command("list")
def list_providers(
    registry: File, key: Key, as_json: Annotated[bool, typer.Option("--json")] = False
) -> None:
    """Prints the providers."""
    from trunkline.jager.messages.registry import Registry
    from trunkline.service.keys import IdentityKey

    loaded = Registry.load(registry, IdentityKey.load(key).public_key)
    if as_json:
        print_json(loaded.model_dump(mode="json"))
        return
    for one in loaded.providers:
        paper.print(f"{one.id.hex()}  {one.status:10} {one.name}", markup=False)


@app.command("add")
def add(
    registry: File,
    key: Key,
    name: Annotated[str, typer.Option(help="The provider's name.")],
    identity: Annotated[str, typer.Option(help="Its Ed25519 key in hex; none if it only is listed.")] = "",
    identifier: Annotated[
        str, typer.Option("--id", help="Its id, to replace an entry; made if not given.")
    ] = "",
    contact: Annotated[str, typer.Option(help="Whom to ask.")] = "",
) -> None:
    """Adds a provider, or replaces the one with that id, and prints the id."""
    from trunkline.errors import InputError
    from trunkline.jager.deployment.provider_list import add_provider, provider
    from trunkline.service.keys import IdentityKey
    from trunkline.telephony.providers import ProviderId

    try:
        public_key = bytes.fromhex(identity) if identity else None
    except ValueError as error:
        raise InputError("--identity is an Ed25519 public key, 64 hexadecimal digits") from error
    chosen = ProviderId.from_hex(identifier) if identifier else ProviderId(secrets.token_bytes(16))
    add_provider(registry, IdentityKey.load(key), provider(chosen, name, public_key, contact))
    typer.echo(chosen.hex)


@app.command("suspend")
def suspend(
    registry: File,
    key: Key,
    identifier: Annotated[str, typer.Argument(help="The provider's id.")],
    lift: Annotated[bool, typer.Option("--lift", help="Take it back instead.")] = False,
) -> None:
    """Suspends a provider: all services refuse its requests as soon as they see the new list."""
    from trunkline.jager.deployment.provider_list import set_suspended
    from trunkline.service.keys import IdentityKey
    from trunkline.telephony.providers import ProviderId

    set_suspended(registry, IdentityKey.load(key), ProviderId.from_hex(identifier), suspended=not lift)
    console.print("signed; hand the new registry.json to all services")
