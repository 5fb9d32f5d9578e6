"""Makes the virtual environment of the peers: `install.py FOLDER`.

What cannot be installed is named and left out: the benchmark then shows that peer as a gap.
"""

import hashlib
import pathlib
import platform
import re
import subprocess
import sys
import venv

HERE = pathlib.Path(__file__).resolve().parent
TORCH = "torch==2.13.0"
# Installed without what they ask for: qpth a numpy below 2, which the others cannot work with and it does not need; PyEPO torch with CUDA.
ALONE = ["qpth==0.0.18", "pyepo==2.2.7"]
# What importing torch needs besides; the other requirements of its wheel are CUDA's.
TORCH_NEEDS = ["filelock", "fsspec", "jinja2", "networkx", "setuptools", "sympy", "typing-extensions"]
# The two CUDA libraries that are called when torch is imported, 13 MB together.
CUDA_NEEDS = ["nvidia-cuda-runtime==13.0.96", "nvidia-cuda-cupti==13.0.85"]
ABSENT = """
#include <stdio.h>
#include <stdlib.h>
static void absent(const char *name) { fprintf(stderr, "%s: there is no CUDA here\\n", name); abort(); }
"""


def main(folder):
    """The file `installed` has the digest of what is wanted, then a line for each step that is done; what is missing is tried again."""
    stamp, wanted = folder / "installed", digest()
    lines = stamp.read_text().splitlines() if stamp.is_file() else []
    again = lines[:1] == [wanted]
    if not again:
        venv.create(folder, clear=True, with_pip=True)
        lines = [wanted]
    pip = Pip(folder, patient=not again)
    for name, install in steps(pip, folder, lines):
        if install():
            lines.append(name)
            stamp.write_text("\n".join(lines) + "\n")
        else:
            print(f"warning: {name} could not be installed; the peers that need it will be gaps until a later run can", file=sys.stderr)


def digest():
    files = [HERE / "requirements.txt", HERE / "install.py"]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def steps(pip, folder, done):
    """Names what there is to install, with the function that does; torch first, since some of the others ask for it."""
    if "torch" not in done:
        yield "torch", lambda: install_torch(pip, folder)
    lines = (line.strip() for line in (HERE / "requirements.txt").read_text().splitlines())
    packages = [line for line in lines if line and not line.startswith("#") and line not in done]
    together = len(packages) > 1 and pip.install(*packages)
    for package in packages:
        yield package, lambda package=package: together or pip.install(package)
    for package in ALONE:
        if package not in done:
            yield package, lambda package=package: pip.install("--no-deps", package)


class Pip:
    def __init__(self, folder, patient):
        self.python = folder / "bin" / "python"
        # A later run should not wait long for what may not be there for this machine at all.
        self.patience = [] if patient else ["--retries", "0", "--timeout", "10"]

    def install(self, *packages):
        options = ["--quiet", "--no-cache-dir", "--disable-pip-version-check", *self.patience]
        return subprocess.run([self.python, "-m", "pip", "install", *options, *packages], check=False).returncode == 0


def install_torch(pip, folder):
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        return pip.install(TORCH)
    if not (pip.install(*TORCH_NEEDS) and pip.install("--no-deps", TORCH, *CUDA_NEEDS)):
        return False
    (packages,) = folder.glob("lib/python*/site-packages")
    return stand_in_for_cuda(packages / "torch" / "lib", packages / "nvidia" / "cu13" / "lib")


def stand_in_for_cuda(lib, there):
    """Compiles a library with the names that torch's CUDA half looks for and gives it the names of the libraries that are missing.

    The loader wants every name resolved although nothing calls them where there is no GPU; each stand-in ends the process.
    """
    torch = [lib / name for name in ("libtorch_cuda.so", "libtorch_python.so", "libc10_cuda.so", "libtorch_nvshmem.so")]
    try:
        present = {file.name for folder in (lib, there) for file in folder.iterdir()}
        missing = {name for file in torch for name in re.findall(r"NEEDED.*\[(lib(?:cu|nv|nccl)[^\]]*)\]", read("readelf", "-d", file))}
        family = re.compile(r"\b((?:cublas|cufft|cusparse|curand|cuFile|cudnn|nccl|nvrtc|nvshmem)\w*)")
        names = {name for file in torch for name in family.findall(read("nm", "-D", "--undefined-only", file))}
        body = "".join(f'void {name}(void) {{ absent("{name}"); }}\n' for name in sorted(names))
        command = ["cc", "-shared", "-fPIC", "-x", "c", "-", "-o", lib / "libcuda_absent.so"]
        subprocess.run(command, input=ABSENT + body, text=True, check=True)
        for name in missing - present:
            (lib / name).symlink_to("libcuda_absent.so")
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"warning: torch without CUDA needs its libraries, readelf, nm and cc: {error}", file=sys.stderr)
        return False
    return True


def read(program, *arguments):
    return subprocess.run([program, *arguments], check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]).resolve())
