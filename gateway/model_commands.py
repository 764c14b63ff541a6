"""`inferwatch models` and `reference`: what can be served, and what its traffic is compared with."""

# ruff: noqa: PLC0415
# Imports inside of commands: they take longer than `--help`.
from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from gateway.command_options import CONFIG, Config

models_app = typer.Typer(help="The model repository.", no_args_is_help=True)
reference_app = typer.Typer(help="What current traffic is compared with.", no_args_is_help=True)


@models_app.command("add")
def models_add(  # noqa: PLR0913, PLR0917  a command has its options
    source: Annotated[
        str,
        typer.Argument(
            help="a folder with model.yaml and the weights; or a Detoxify checkpoint; or detoxify:original, "
            "detoxify:unbiased, detoxify:multilingual, which are downloaded"
        ),
    ],
    tokenizer: Annotated[
        Path | None, typer.Option(help="of a checkpoint: the folder with config.json and the tokenizer")
    ] = None,
    sha256: Annotated[str | None, typer.Option(help="of a checkpoint: refuse any other file")] = None,
    name: Annotated[str | None, typer.Option(help="of a checkpoint: what to call the model")] = None,
    version: Annotated[
        str | None, typer.Option(help="of a checkpoint: the first 8 digits of its hash, if not given")
    ] = None,
    config: Config = CONFIG,
) -> None:
    """Check a model and record it, with the hashes of its files, as a version of the repository."""
    from gateway.settings_file import load_settings
    from inference.detoxify.adding import Import, folder_to_add
    from inference.repository import Repository

    settings = load_settings(config).engine
    settings.repository.mkdir(parents=True, exist_ok=True)
    said = Import(tokenizer=tokenizer, sha256=sha256, name=name, version=version)
    with folder_to_add(source, said) as folder:
        manifest = Repository(settings.repository).add(folder, settings.code, at=datetime.now(UTC))
    typer.echo(f"{manifest.name} {manifest.version} added to {settings.repository}")


@models_app.command("list")
def models_list(config: Config = CONFIG) -> None:
    """Every version in the repository, newest last."""
    from gateway.settings_file import load_settings
    from inference.repository import Repository

    repository = Repository(load_settings(config).engine.repository)
    for manifest in repository.manifests():
        reference = repository.reference_path(manifest.name, manifest.version).exists()
        typer.echo(
            f"{manifest.name}\t{manifest.version}\t{manifest.task}\t{manifest.backend}\t"
            f"{'reference set' if reference else 'no reference'}\tadded {manifest.added_at}"
        )


@reference_app.command("set")
def reference_set(
    model: Annotated[str, typer.Argument(help="name of the model")],
    file: Annotated[Path, typer.Option("--from", help="CSV (gzip too) or Parquet, one row a request")],
    version: Annotated[str | None, typer.Option(help="the newest, if not given")] = None,
    config: Config = CONFIG,
) -> None:
    """Take a file as the reference of a model version. Where it lacks the outputs, the model makes them."""
    from gateway.build import set_reference_of
    from gateway.settings_file import load_settings

    made = set_reference_of(load_settings(config), model, version, file)
    reference = made.reference
    how = "outputs made by the model" if made.scored else "outputs from the file"
    typer.echo(f"{reference.model} {reference.version}: {reference.rows} rows of {reference.source}, {how}")
    if made.not_scored is not None:
        typer.echo(f"its texts were not scored for toxicity: {made.not_scored}", err=True)
    if made.refused:
        typer.echo(
            f"{made.refused} rows were refused by the model, the first: {made.first_refusal}", err=True
        )
