"""A wheel by maturin, for `uv tool install` and `pipx`: the programs, and no Python. And the bill of materials, which maturin
draws up by the way, with cargo-cyclonedx."""

import subprocess
import zipfile

from . import programs, tools


def describe(project, built, folder, with_bill):
    folder.mkdir()
    (folder / "pyproject.toml").write_text(
        f"""[build-system]
requires = ["maturin"]
build-backend = "maturin"

[project]
name = "{project.wheel}"
dynamic = ["version"]
description = "{project.description}"
readme = "README.md"
license = "{project.licence}"
license-files = ["LICENSE", "THIRD-PARTY-LICENSES"]

[project.urls]
Repository = "{project.repository}"

[tool.maturin]
bindings = "bin"
manifest-path = "{project.root}/Cargo.toml"

[tool.maturin.sbom]
rust = {str(with_bill).lower()}
"""
    )
    for source in (project.root / "README.md", built.licence, built.third_party):
        (folder / source.name).write_bytes(source.read_bytes())


def run(project, built, folder, out, *options):
    # The flags of the build, so that cargo finds the programs built.
    command = [tools.path(project, "maturin"), "build", "--quiet", "--release", "--locked", "--target", built.target, "--out", out]
    subprocess.run([*command, *options], cwd=folder, env=programs.environment(project), check=True)


def draw_up_bill(project, built, out):
    """Writes the bill of materials. The one in a wheel says where the project lay on this machine, so that wheel is not kept."""
    folder = built.stage / "bill"
    describe(project, built, folder, with_bill=True)
    run(project, built, folder, folder)
    [wheel] = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        [name] = [name for name in archive.namelist() if name.endswith(".cyclonedx.json")]
        told = archive.read(name).decode()
    bill(project, out).write_text(told.replace(str(project.root), f"/{project.name}"))


def bill(project, out):
    return out / f"{project.name}-{project.version}.cyclonedx.json"


def make(project, built, out):
    folder = built.stage / "wheel"
    describe(project, built, folder, with_bill=False)
    run(project, built, folder, out, "--sbom-include", bill(project, out))
