"""What the project is called, its version and its time: from Cargo.toml and git, and from nowhere else."""

import dataclasses
import os
import pathlib
import subprocess
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[2]


@dataclasses.dataclass(frozen=True)
class Project:
    """The root package of the workspace."""

    root: pathlib.Path
    name: str
    version: str
    description: str
    licence: str
    repository: str
    programs: tuple[str, ...]
    wheel: str
    maintainer: str
    # Seconds since 1970 of the last commit: the time of every file in a package, so that two builds are the same.
    epoch: int

    @property
    def registry_name(self):
        """The name in the MCP registry, whose first part the owner of the repository proves."""
        return f"io.github.{self.repository.split('/')[-2]}/{self.name}"

    @classmethod
    def read(cls):
        manifest = tomllib.loads((ROOT / "Cargo.toml").read_text())
        package, shared = manifest["package"], manifest["workspace"]["package"]
        own = package["metadata"]["packaging"]
        epoch = os.environ.get("SOURCE_DATE_EPOCH") or said(["git", "log", "-1", "--format=%ct"])
        return cls(
            root=ROOT,
            name=package["name"],
            version=shared["version"],
            description=package["description"],
            licence=shared["license"],
            repository=shared["repository"],
            programs=tuple(program["name"] for program in manifest["bin"]),
            wheel=own["wheel"],
            maintainer=own["maintainer"],
            epoch=int(epoch),
        )


def said(command, **options):
    """What a command writes to stdout. It has to succeed."""
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True, **options)
    return done.stdout.strip()
