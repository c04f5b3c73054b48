"""What a YAML config describes, built without the CLI: for scripts, and where jsonargparse is not installed.

The files are those of ``drummernet train --config``. Later ones change earlier ones: mappings merge, all
else replaces, and a part of another class keeps of the old one's arguments those that it has too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import yaml

from drummernet.errors import InputError
from drummernet.kits.fields import check_mapping, hint
from drummernet.resources import named_resource
from drummernet.training.building import arguments_of, build_from, build_value, named_class
from drummernet.training.data import StemDataModule
from drummernet.training.module import TranscriberTraining

SECTIONS = ("model", "data", "trainer")
OVERRIDES = "overrides"
"""Where messages say that an overriding value came from."""


@dataclass(frozen=True)
class Recipe:
    """Merged configs.

    Attributes:
        content: ``model``, ``data`` and ``trainer``, each a mapping of arguments.
        origins: By dotted field, what set it last: a file, or ``OVERRIDES``.
    """

    content: dict[str, dict[str, Any]]
    origins: dict[str, object]

    def error(self, field: str, problem: str) -> InputError:
        """Return an error that names the field and what set it."""
        parents = [field]
        while "." in parents[-1]:
            parents.append(parents[-1].rpartition(".")[0])
        where = next((self.origins[parent] for parent in parents if parent in self.origins), "recipe")
        return InputError(where, field, problem)


def read_recipe(names_or_paths: Sequence[str | Path], overrides: Mapping[str, Any] | None = None) -> Recipe:
    """Read configs and merge them in their order, then the overrides.

    Args:
        names_or_paths: Packaged configs by name, others by path.
        overrides: Values by dotted field, as ``{"data.batch_size": 8}``.

    Raises:
        InputError: if a config is missing, cannot be read or has an unknown section.
    """
    recipe = Recipe({section: {} for section in SECTIONS}, {})
    for name in names_or_paths:
        path = named_resource("configs", str(name))
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, yaml.YAMLError) as error:
            raise InputError(path, "YAML", " ".join(str(error).split())) from error
        _merge_sections(recipe, check_mapping(content, path, "config"), path)
    for field, value in (overrides or {}).items():
        nested = value
        for key in reversed(field.split(".")):
            nested = {key: nested}
        _merge_sections(recipe, nested, OVERRIDES)
    return recipe


def build_model(recipe: Recipe) -> TranscriberTraining:
    """Build the module that is trained; its weights come from torch's global generator.

    Raises:
        InputError: naming the file, field and value at fault.
    """
    model: TranscriberTraining = build_from(
        TranscriberTraining, recipe.content["model"], "model", recipe.error
    )
    return model


def build_data(recipe: Recipe) -> StemDataModule:
    """Build the data module.

    Raises:
        InputError: as :func:`build_model`.
    """
    data: StemDataModule = build_from(StemDataModule, recipe.content["data"], "data", recipe.error)
    return data


def build_callbacks(recipe: Recipe) -> list[pl.Callback]:
    """Build the trainer's callbacks.

    Raises:
        InputError: as :func:`build_model`.
    """
    entries = recipe.content["trainer"].get("callbacks") or []
    listed = entries if isinstance(entries, list) else [entries]
    return [
        build_value(entry, pl.Callback, f"trainer.callbacks.{n}", recipe.error)
        for n, entry in enumerate(listed)
    ]


def _merge_sections(recipe: Recipe, content: Mapping[str, Any], where: object) -> None:
    for section, value in content.items():
        if section not in SECTIONS:
            raise InputError(where, section, f"unknown {hint(section, SECTIONS)}")
        mapping = check_mapping(value, where, section)
        recipe.content[section] = _merged(recipe.content[section], mapping, section, where, recipe.origins)


def _merged(old: Any, new: Any, field: str, where: object, origins: dict[str, object]) -> Any:
    """Return what two values merge to, and note what set which field."""
    if not isinstance(new, Mapping):
        origins[field] = where
        return new
    kept = dict(old) if isinstance(old, Mapping) else {}
    if "class_path" in new and new["class_path"] != kept.get("class_path"):
        kept = _shared_arguments(kept, new["class_path"])
    for key, value in new.items():
        kept[key] = _merged(kept.get(key), value, f"{field}.{key}", where, origins)
    origins.setdefault(field, where)
    return kept


def _shared_arguments(part: Mapping[str, Any], class_path: object) -> dict[str, Any]:
    """Return what another class takes over from a part; as with LightningCLI, arguments of the same name."""
    try:
        known = arguments_of(named_class(class_path, "class_path", partial(InputError, "recipe")))
    except InputError:  # named when it is built
        known = {}
    old = part.get("init_args")
    return {"init_args": {k: v for k, v in old.items() if k in known}} if isinstance(old, Mapping) else {}
