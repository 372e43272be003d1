#!/usr/bin/python3
"""Builds the browser application outside of the source tree, then writes .gz and .br beside each file worth it.

usage: web_build.py SOURCE WORK OUT [--prebuilt]
"""
import gzip
import hashlib
import os
import shutil
import subprocess
import sys

PACK = {".html", ".js", ".mjs", ".css", ".json", ".svg", ".txt", ".wasm", ".webmanifest", ".map"}


def run(*cmd, **kw):
    """quiet unless it fails"""
    r = subprocess.run(cmd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=900, **kw)
    if r.returncode:
        sys.exit(f"{' '.join(cmd)}: exit code {r.returncode}\n{r.stdout[-8000:]}")


def digest(*paths):
    h = hashlib.sha256()
    for p in paths:
        if os.path.exists(p):
            with open(p, "rb") as f:
                h.update(f.read())
    return h.hexdigest()


def sync(src, work):
    """the sources into the work folder, without what builds leave there"""
    for name in os.listdir(work) if os.path.isdir(work) else []:
        if name not in ("node_modules", ".installed"):
            p = os.path.join(work, name)
            shutil.rmtree(p) if os.path.isdir(p) else os.unlink(p)
    shutil.copytree(src, work, dirs_exist_ok=True, ignore=shutil.ignore_patterns("node_modules", "dist", ".cache", "test-results"))


def install(work):
    """npm ci, only when the lock file is another"""
    mark, want = os.path.join(work, ".installed"), digest(os.path.join(work, "package-lock.json"), os.path.join(work, ".npmrc"))
    if os.path.exists(mark) and open(mark).read() == want and os.path.isdir(os.path.join(work, "node_modules")):
        return
    run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", cwd=work)
    with open(mark, "w") as f:
        f.write(want)


def pack(out):
    brotli = shutil.which("brotli")
    for folder, _, files in os.walk(out):
        for name in files:
            p = os.path.join(folder, name)
            if os.path.splitext(name)[1] not in PACK or os.path.getsize(p) < 1024:
                continue
            if not os.path.exists(p + ".gz"):
                with open(p, "rb") as f, open(p + ".gz", "wb") as g:
                    g.write(gzip.compress(f.read(), 9, mtime=0))
            if brotli and not os.path.exists(p + ".br"):
                run(brotli, "-q", "11", "-f", "-k", p)


def main():
    src, work, out = sys.argv[1:4]
    new = out + ".new"
    shutil.rmtree(new, ignore_errors=True)
    if "--prebuilt" in sys.argv:
        shutil.copytree(src, new)
    else:
        sync(src, work)
        install(work)
        run("npm", "run", "build", cwd=work, env=dict(os.environ, CI="1"))
        shutil.copytree(os.path.join(work, "dist"), new)
    pack(new)
    shutil.rmtree(out, ignore_errors=True)
    os.rename(new, out)


main()
