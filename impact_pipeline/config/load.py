"""Reads a folder with pipeline.yaml and objects/*.yaml into a Config that is checked as a whole."""

import hashlib
import json
from pathlib import Path

from impact_pipeline.config.compiled import Config, EventConfig, ItemsConfig, ObjectConfig, RuleConfig
from impact_pipeline.config.environment import PACKS, RECOMMENDED
from impact_pipeline.config.errors import ConfigError, Problem
from impact_pipeline.config.files import read_model
from impact_pipeline.config.models import ObjectFile, Pipeline
from impact_pipeline.config.objects import Reader
from impact_pipeline.config.program import program_problems, unused_warnings

__all__ = [
    "PACKS",
    "RECOMMENDED",
    "Config",
    "EventConfig",
    "ItemsConfig",
    "ObjectConfig",
    "RuleConfig",
    "load_config",
]


def load_config(folder: Path) -> Config:
    """
    Read and check a configuration folder.

    Raises:
        ConfigError: with every problem found, each with file, key, value and remedy.
    """
    problems: list[Problem] = []
    warnings: list[str] = []
    pipeline = read_model(folder / "pipeline.yaml", "pipeline.yaml", Pipeline, problems)
    if pipeline is not None:
        problems += program_problems(pipeline)
    objects: dict[str, ObjectConfig] = {}
    for path in _object_files(folder, problems):
        file = f"objects/{path.name}"
        model = read_model(path, file, ObjectFile, problems)
        if model is None:
            continue
        twin = objects.get(model.object)
        about = Reader(file=file, problems=problems, warnings=warnings, pipeline=pipeline).read(model)
        if twin is None:
            objects[model.object] = about
        else:
            problem = f"{twin.file} is about it too."
            problems.append(
                Problem(
                    file=file, key="object", value=model.object, problem=problem, remedy="Keep one file per object."
                )
            )
    if problems or pipeline is None:
        raise ConfigError(problems)
    warnings += unused_warnings(pipeline, objects)
    canonical = _canonical(pipeline, objects)
    return Config(
        folder=folder,
        pipeline=pipeline,
        objects=objects,
        hash=hashlib.sha256(canonical.encode()).hexdigest(),
        canonical=canonical,
        warnings=tuple(warnings),
    )


def _object_files(folder: Path, problems: list[Problem]) -> list[Path]:
    """The files of objects/ in order of name. A file that would be passed over in silence is a problem."""
    place = folder / "objects"
    entries = sorted(place.iterdir()) if place.is_dir() else []
    for entry in entries:
        if entry.suffix != ".yaml" and not entry.name.startswith("."):
            remedy = "Name object files OBJECT.yaml, and keep other files elsewhere."
            problems.append(
                Problem(file=f"objects/{entry.name}", key="(file)", value="", problem="it is not read.", remedy=remedy)
            )
    files = [entry for entry in entries if entry.suffix == ".yaml"]
    if not files and folder.is_dir():
        remedy = "Add one file per Salesforce object, such as objects/opportunity.yaml."
        problems.append(
            Problem(file="objects/", key="(folder)", value="", problem="there is no object file.", remedy=remedy)
        )
    return files


def _canonical(pipeline: Pipeline, objects: dict[str, ObjectConfig]) -> str:
    content = {
        "pipeline": pipeline.model_dump(mode="json"),
        "objects": {name: about.declared.model_dump(mode="json") for name, about in sorted(objects.items())},
    }
    return json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
