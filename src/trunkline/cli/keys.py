"""`trunkline keys`: make keys, sign the public parameters, look at them, back keys up."""

import json
import tomllib
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import TypeAdapter, ValidationError

from trunkline.cli.output import console, paper, print_json
from trunkline.errors import ConfigurationError, InputError

app = typer.Typer(no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON value.")]
Passphrase = Annotated[
    str,
    typer.Option(prompt=True, hide_input=True, envvar="TRUNKLINE_PASSPHRASE", help="Asked for if not given."),
]


@app.command("generate")
def generate(
    role: Annotated[
        str, typer.Argument(help="labels, membership, authorization, accountability, record-store, ...")
    ],
    out: Annotated[Path, typer.Option(help="Folder for the secret files; must hold no keys.")],
) -> None:
    """Makes the keys of one role and prints their public halves as JSON, for `keys sign`."""
    import secrets

    from trunkline.jager.deployment.key_material import make_keys

    halves = make_keys(role, out)
    if role == "record-store":
        halves["id"] = secrets.token_hex(16)
    (out / "public.json").write_text(json.dumps(halves, indent=1) + "\n")
    console.print(
        f"secret files in {out}, readable by their owner alone; public halves in {out / 'public.json'}"
    )
    print_json(halves)


@app.command("sign")
def sign(
    root: Annotated[Path, typer.Option(help="The deployment root's key file.")],
    terms: Annotated[Path, typer.Option(help="TOML: deployment, and what differs from the defaults.")],
    public: Annotated[list[Path], typer.Option(help="public.json of a role; once for each.")],
    out: Annotated[Path, typer.Option(help="Where the signed parameters go.")],
    previous: Annotated[
        Path | None, typer.Option(help="The parameters in force; roles that are not given keep their keys.")
    ] = None,
    switch_epoch_at: Annotated[
        str, typer.Option(help="With new label keys: from when on calls are filed under them, ISO 8601.")
    ] = "",
) -> None:
    """Puts the public halves of all roles together and signs the public parameters."""
    from trunkline.jager.deployment.ceremony import parameters_payload, sign_parameters
    from trunkline.jager.deployment.succession import succeeding_payload
    from trunkline.jager.messages.parameters import SignedParameters, root_fingerprint
    from trunkline.service.files import write_atomically
    from trunkline.service.keys import IdentityKey

    key = IdentityKey.load(root)
    fingerprint = root_fingerprint(key.public_key)
    agreed, halves = _read_terms(terms), [_read_halves(path) for path in public]
    if previous is not None:
        before = SignedParameters.load(previous, fingerprint, now=None)
        switch_at = _read_time(switch_epoch_at) if switch_epoch_at else None
        payload = succeeding_payload(agreed, halves, before, switch_at=switch_at)
    elif switch_epoch_at:
        raise ConfigurationError("--switch-epoch-at needs --previous: the first label keys switch from none")
    else:
        payload = parameters_payload(agreed, halves)
    write_atomically(out, sign_parameters(payload, key), mode=0o644)
    console.print(f"signed: {out}; pin the root by its fingerprint:")
    typer.echo(fingerprint)


@app.command("show")
def show(
    parameters: Path,
    fingerprint: Annotated[str, typer.Option(help="The root's fingerprint.")],
    as_json: Json = False,
) -> None:
    """Checks signed parameters and prints them."""
    from trunkline.jager.messages.parameters import SignedParameters

    loaded = SignedParameters.load(parameters, fingerprint, now=None)
    if as_json:
        print_json(json.loads(loaded.payload))
        return
    for name, value in json.loads(loaded.payload).items():
        paper.print(f"{name:22} {json.dumps(value)}", markup=False)
    paper.print(f"{'hash':22} {loaded.hash.hex()}")


@app.command("backup")
def backup(
    folder: Annotated[Path, typer.Argument(help="A role's folder, or a whole deployment.")],
    out: Annotated[Path, typer.Option(help="The encrypted file to write.")],
    passphrase: Passphrase,
) -> None:
    """Writes the keys and configuration below a folder to one encrypted file."""
    from trunkline.jager.deployment.backup import back_up

    names = back_up(folder, out, passphrase)
    console.print(f"{len(names)} files in {out}")


@app.command("restore")
def restore(
    backup_file: Path,
    folder: Annotated[Path, typer.Option(help="Where the files go; they must not exist there.")],
    passphrase: Passphrase,
) -> None:
    """Writes the files of a backup into a folder."""
    from trunkline.jager.deployment.backup import restore as restore_backup

    names = restore_backup(backup_file, folder, passphrase)
    console.print(f"{len(names)} files restored below {folder}")


def _read_time(text: str) -> float:
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise InputError("--switch-epoch-at is not a time in ISO 8601") from error
    if time.tzinfo is None:
        raise InputError("--switch-epoch-at needs its offset from UTC, such as 2026-11-21T00:00:00Z")
    return time.timestamp()


def _read_halves(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path} is no public.json of `keys generate`: {error}") from error
    if not isinstance(value, dict):
        raise ConfigurationError(f"{path} is no public.json of `keys generate`")
    return value


def _read_terms(path: Path) -> Any:
    from trunkline.jager.deployment.ceremony import Terms

    try:
        return TypeAdapter(Terms).validate_python(tomllib.loads(path.read_text()))
    except (OSError, tomllib.TOMLDecodeError, ValidationError) as error:
        raise ConfigurationError(f"{path}: {error}") from error
