"""Unpacks chosen parts of a wheel or of a source archive.

usage: unpack.py ARCHIVE DESTINATION PREFIX=TARGET...

A member whose name starts with PREFIX is written to DESTINATION/TARGET plus the rest of its name; others are left out.
A `*` in PREFIX stands for one path component. Lines `done total` (bytes) on standard output tell how far it is.
"""

import os
import re
import shutil
import sys
import tarfile
import zipfile


def members(archive):
    """Yields (name, size, mode, open function) of every plain file."""
    if zipfile.is_zipfile(archive):
        bundle = zipfile.ZipFile(archive)
        for info in bundle.infolist():
            if not info.is_dir():
                yield info.filename, info.file_size, info.external_attr >> 16, lambda info=info: bundle.open(info)
    else:
        bundle = tarfile.open(archive)
        for info in bundle.getmembers():
            if info.isfile():
                yield info.name, info.size, info.mode, lambda info=info: bundle.extractfile(info)


def target_of(name, rules):
    """Where `name` goes, relative to the destination, or None if no rule wants it."""
    for pattern, target in rules:
        match = pattern.match(name)
        if match:
            return target + name[match.end():]
    return None


def copy(source, path, mode, tell):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with source, open(path, "wb") as out:
        while True:
            block = source.read(1 << 22)
            if not block:
                break
            out.write(block)
            tell(len(block))
    os.chmod(path, 0o755 if mode & 0o100 else 0o644)


def main(archive, destination, *rules):
    rules = [rule.split("=", 1) for rule in rules]
    rules = [(re.compile(re.escape(prefix).replace(r"\*", "[^/]*")), target) for prefix, target in rules]
    wanted = []
    for name, size, mode, source in members(archive):
        target = target_of(name, rules)
        if target is not None:
            if os.path.isabs(target) or ".." in target.split("/"):
                sys.exit("%s: member %s would leave the destination" % (archive, name))
            wanted.append((target, size, mode, source))
    total, done = sum(size for _, size, _, _ in wanted), 0
    if not wanted:
        sys.exit("%s: nothing in it matches %s" % (archive, [rule.pattern for rule, _ in rules]))
    free = shutil.disk_usage(destination).free
    if total > free:
        sys.exit("%s: needs %d MB on disk, %d MB are free" % (destination, total >> 20, free >> 20))

    def tell(count):
        nonlocal done
        done += count
        print(done, total, flush=True)

    for target, _, mode, source in wanted:
        copy(source(), os.path.join(destination, target), mode, tell)


main(*sys.argv[1:])
