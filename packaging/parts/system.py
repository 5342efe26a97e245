"""Packages of Linux systems by nfpm: deb, rpm, apk and Arch's."""

import datetime
import json
import os
import subprocess

from . import tools

# The places in which each system looks for completions.
PLACES = {
    "bash": "/usr/share/bash-completion/completions",
    "zsh": "/usr/share/zsh/site-functions",
    "fish": "/usr/share/fish/vendor_completions.d",
}
PACKAGERS = ("deb", "rpm", "apk", "archlinux")


def time_of(project):
    return datetime.datetime.fromtimestamp(project.epoch, datetime.UTC).isoformat()


def contents(project, built):
    """What is installed where. nfpm writes the owner root."""
    when = time_of(project)
    documents = f"/usr/share/doc/{project.name}"
    files = [(path, f"/usr/bin/{name}", 0o755) for name, path in built.programs.items()]
    files += [(path, f"/usr/share/man/man1/{path.name}", 0o644) for path in built.manuals]
    files += [(path, f"{PLACES[shell]}/{path.name}", 0o644) for shell, path in built.completions.items()]
    files += [(built.licence, f"{documents}/copyright", 0o644), (built.third_party, f"{documents}/{built.third_party.name}", 0o644)]
    return [{"src": str(path), "dst": place, "file_info": {"mode": mode, "mtime": when}} for path, place, mode in files]


def make(project, built, out):
    description = {
        "name": project.name,
        "arch": "amd64",
        "platform": "linux",
        "version": project.version,
        "release": "1",
        "section": "utils",
        "priority": "optional",
        "maintainer": project.maintainer,
        "description": project.description,
        "homepage": project.repository,
        "license": project.licence,
        "mtime": time_of(project),
        "contents": contents(project, built),
        "rpm": {"summary": project.description, "buildhost": "localhost", "compression": "zstd"},
    }
    # JSON is YAML, too.
    config = built.stage / "nfpm.yaml"
    config.write_text(json.dumps(description, indent=1))
    for packager in PACKAGERS:
        command = [tools.path(project, "nfpm"), "package", "--config", config, "--packager", packager, "--target", f"{out}/"]
        environment = {**os.environ, "SOURCE_DATE_EPOCH": str(project.epoch)}
        subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
