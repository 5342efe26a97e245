"""An archive to be unpacked anywhere: programs, manual pages, completions, licences."""

import gzip
import io
import tarfile


def add(tar, project, name, content, mode):
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode, entry.mtime = len(content), mode, project.epoch
    tar.addfile(entry, io.BytesIO(content))


def name(project, built):
    return f"{project.name}-{project.version}-{built.target}"


def make(project, built, out):
    top = name(project, built)
    files = [(path, path.name, 0o755) for path in built.programs.values()]
    files += [(path, path.name, 0o644) for path in (built.licence, built.third_party)]
    files += [(path, f"man/man1/{path.name}", 0o644) for path in built.manuals]
    files += [(path, f"completions/{shell}/{path.name}", 0o644) for shell, path in built.completions.items()]
    files += [(project.root / "README.md", "README.md", 0o644)]
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path, inside, mode in sorted(files, key=lambda file: file[1]):
            add(tar, project, f"{top}/{inside}", path.read_bytes(), mode)
    (out / f"{top}.tar.gz").write_bytes(gzip.compress(raw.getvalue(), 9, mtime=project.epoch))
