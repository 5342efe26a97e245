"""The tools that make packages, in versions that are written down: `nfpm` and `maturin`."""

import subprocess
import sys


def folder(project):
    return project.root / "target/packaging-tools"


def install(project):
    """Installs them from PyPI, unless they are there."""
    wanted = project.root / "packaging/requirements.txt"
    stamp = folder(project) / "installed"
    if stamp.is_file() and stamp.read_text() == wanted.read_text():
        return
    subprocess.run([sys.executable, "-m", "venv", "--clear", folder(project)], check=True)
    pip = folder(project) / "bin/pip"
    subprocess.run(
        [pip, "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "--only-binary=:all:", "-r", wanted],
        check=True,
    )
    stamp.write_text(wanted.read_text())


def path(project, name):
    return str(folder(project) / "bin" / name)
