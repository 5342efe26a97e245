"""The programs: one build that needs no library of the system, and what people read and press keys for beside them."""

import dataclasses
import gzip
import os
import pathlib
import shutil
import subprocess

from .project import said

TARGET = "x86_64-unknown-linux-gnu"
# The shells whose completions the bridge writes, and the file that each looks for.
SHELLS = {"bash": "{}", "zsh": "_{}", "fish": "{}.fish"}


@dataclasses.dataclass(frozen=True)
class Built:
    """What was built, in a folder of its own."""

    stage: pathlib.Path
    target: str
    programs: dict[str, pathlib.Path]
    manuals: list[pathlib.Path]
    # By shell.
    completions: dict[str, pathlib.Path]

    @property
    def licence(self):
        return self.stage / "LICENSE"

    @property
    def third_party(self):
        return self.stage / "THIRD-PARTY-LICENSES"


def environment(project):
    """The environment of a build whose result depends neither on where the project lies nor on when it is built."""
    home = pathlib.Path(os.environ.get("CARGO_HOME", pathlib.Path.home() / ".cargo"))
    moved = {str(project.root): project.name, str(home): "cargo"}
    # Without the second, a program that is linked in this way opens /dev/urandom in place of asking the system.
    flags = ["-C", "target-feature=+crt-static", "--cfg", 'getrandom_backend="linux_getrandom"']
    flags += [f"--remap-path-prefix={path}=/{name}" for path, name in moved.items()]
    prefixes = " ".join(f"-ffile-prefix-map={path}=/{name}" for path, name in moved.items())
    return {
        **os.environ,
        "CARGO_ENCODED_RUSTFLAGS": "\x1f".join(flags),
        "CARGO_INCREMENTAL": "0",
        "CARGO_TARGET_DIR": str(project.root / "target"),
        "CFLAGS": prefixes,
        "SOURCE_DATE_EPOCH": str(project.epoch),
    }


def build(project, out):
    shutil.rmtree(out, ignore_errors=True)
    stage = out / "stage"
    stage.mkdir(parents=True)
    command = ["cargo", "build", "--release", "--locked", "--target", TARGET]
    subprocess.run(command, cwd=project.root, env=environment(project), check=True)
    programs = {name: stage / name for name in project.programs}
    for name, path in programs.items():
        shutil.copyfile(project.root / "target" / TARGET / "release" / name, path)
        path.chmod(0o755)
    shutil.copyfile(project.root / "LICENSE", stage / "LICENSE")
    return Built(stage, TARGET, programs, manuals(project, stage), completions(programs, stage))


def manuals(project, stage):
    """The manual pages, compressed as systems keep them."""
    folder = stage / "man"
    folder.mkdir()
    pages = []
    for page in sorted((project.root / "docs/man").glob("*.1")):
        pages.append(folder / f"{page.name}.gz")
        pages[-1].write_bytes(gzip.compress(page.read_bytes(), 9, mtime=0))
    return pages


def completions(programs, stage):
    folder = stage / "completions"
    folder.mkdir()
    made = {}
    for shell, name in SHELLS.items():
        made[shell] = folder / name.format("junction-bridge")
        made[shell].write_text(said([programs["junction-bridge"], "completions", shell]) + "\n")
    return made
