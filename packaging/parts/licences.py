"""The licences of the libraries in the programs."""

import json
import pathlib

from .project import said

# What files with a licence are called.
NAMES = ("license", "licence", "copying", "notice", "unlicense")


def libraries(project, target):
    """The packages that are in the programs for `target`: no tools of the build, no tests."""
    told = json.loads(
        said(["cargo", "metadata", "--format-version=1", "--locked", "--offline", f"--filter-platform={target}"])
    )
    packages = {package["id"]: package for package in told["packages"]}
    nodes = {node["id"]: node for node in told["resolve"]["nodes"]}
    wanted, found = [told["resolve"]["root"]], set()
    while wanted:
        current = wanted.pop()
        if current in found:
            continue
        found.add(current)
        for needed in nodes[current]["deps"]:
            is_macro = any("proc-macro" in kind for target in packages[needed["pkg"]]["targets"] for kind in target["kind"])
            if not is_macro and any(kind["kind"] is None for kind in needed["dep_kinds"]):
                wanted.append(needed["pkg"])
    outside = [packages[one] for one in found if packages[one]["source"] is not None]
    return sorted(outside, key=lambda package: (package["name"], package["version"]))


def texts(package):
    folder = pathlib.Path(package["manifest_path"]).parent
    files = sorted(path for path in folder.iterdir() if path.is_file() and path.name.lower().startswith(NAMES))
    return [path.read_text(errors="replace").strip() for path in files]


def write(project, built):
    """Writes each text once, below the libraries that have it."""
    by_text = {}
    for package in libraries(project, built.target):
        who = f"{package['name']} {package['version']} ({package['license']})"
        for text in texts(package) or [f"It names its licence, {package['license']}, without the text."]:
            by_text.setdefault(text, []).append(who)
    parts = [f"The programs of {project.name} contain these libraries, under these licences.\n"]
    for text, who in sorted(by_text.items(), key=lambda pair: pair[1]):
        parts.append("=" * 80 + "\n" + "\n".join(who) + "\n\n" + text + "\n")
    built.third_party.write_text("\n".join(parts))
