#!/usr/bin/env python3
"""Import circles inside of crates: one may tie a parent with its children, and nothing more.

Reads the `use` declarations and paths of each file, follows re-exports to the file that defines a name,
and looks for files that reach each other. Tests are left out. Rooms with a border import what BORDERS
lists of their crate, and nothing else.
"""

import re
import subprocess
import sys
from pathlib import Path

BORDERS = {
    ("node", "collect"): {"output"},
    ("node", "demo"): {"cluster_files", "collect", "data_dir", "process", "Error", "Exit", "Result"},
}
IS_TEST = re.compile(r"(^|/)(tests?|testing|\w+_tests)(/|\.rs$)")
USE = re.compile(r"(pub(?:\([^)]*\))?\s+)?\buse\s+([^;]+);")
ROOTED = re.compile(r"\b((?:crate|super|self)(?:::\w+)+)")
CHILD = re.compile(r"(?<![:\w])(\w+(?:::\w+)+)")


def paths(tree, above=()):
    """The paths of a `use` tree, without aliases."""
    tree = tree.strip()
    group = re.fullmatch(r"((?:\w+::)*)\{(.*)\}", tree, re.S)
    if not group:
        yield [*above, *(part.strip() for part in re.sub(r"\s+as\s+\w+", "", tree).split("::"))]
        return
    above = [*above, *filter(None, group[1].split("::"))]
    depth, begun = 0, 0
    for at, letter in enumerate(group[2] + ","):
        depth += (letter == "{") - (letter == "}")
        if letter == "," and depth == 0:
            if part := group[2][begun:at].strip():
                yield from paths(part, above)
            begun = at + 1


class Crate:
    """The files of a crate by the paths of their modules, and what each imports."""

    def __init__(self, source):
        self.files = {}
        for file in source.rglob("*.rs"):
            name = file.relative_to(source).as_posix()
            if not IS_TEST.search(name) and name != "main.rs":
                self.files[() if name == "lib.rs" else tuple(name[:-3].split("/"))] = file
        self.imports, self.exports = {}, {}
        for module, file in self.files.items():
            self.read(module, file.read_text())

    def read(self, module, text):
        """Notes what a file imports, and what it exports again."""
        text = re.sub(r"//.*", "", text).split("#[cfg(test)]\nmod tests")[0]
        found, exports = [], {}
        for is_public, tree in USE.findall(text):
            for path in filter(None, (self.absolute(module, path) for path in paths(tree))):
                found.append(path)
                if is_public:
                    exports[path[-1]] = path
        code = USE.sub("", re.sub(r"pub\(in [^)]*\)", "pub", text))
        for path in ROOTED.findall(code) + CHILD.findall(code):
            found.append(self.absolute(module, path.split("::")))
        self.imports[module], self.exports[module] = list(filter(None, found)), exports

    def absolute(self, module, path):
        """A path from the crate's root; nothing if it is of another crate."""
        if path[0] == "crate":
            return (*path[1:],)
        if path[0] == "super":
            above = path.count("super")
            return (*module[:-above], *path[above:])
        if path[0] == "self":
            return (*module, *path[1:])
        return (*module, *path) if (*module, path[0]) in self.files else None

    def home(self, path, depth=8):
        """The module that defines what a path names."""
        module = next(path[:end] for end in range(len(path), -1, -1) if path[:end] in self.files)
        rest = path[len(module):]
        if rest and depth and rest[0] in self.exports[module]:
            return self.home((*self.exports[module][rest[0]], *rest[1:]), depth - 1)
        return module

    def circles(self):
        """Sets of modules that reach each other (Tarjan, "Depth-first search", 1972)."""
        edges = {m: {self.home(path) for path in found} - {m} for m, found in self.imports.items()}
        number, low, stack, found = {}, {}, [], []

        def visit(module):
            number[module] = low[module] = len(number)
            stack.append(module)
            for other in edges[module]:
                if other not in number:
                    visit(other)
                    low[module] = min(low[module], low[other])
                elif other in stack:
                    low[module] = min(low[module], number[other])
            if low[module] == number[module]:
                at = stack.index(module)
                found.append(stack[at:])
                del stack[at:]

        for module in edges:
            if module not in number:
                visit(module)
        return [circle for circle in found if len(circle) > 1]


def faults(root):
    """What is wrong, one line each."""
    for lib in subprocess.check_output(["git", "ls-files", "*src/lib.rs"], text=True).split():
        crate = Crate(root / Path(lib).parent)
        name = Path(lib).parent.parent.as_posix()
        for circle in crate.circles():
            parent = min(circle, key=len)
            if any(module != parent and module[:-1] != parent for module in circle):
                files = sorted(crate.files[module].relative_to(root).as_posix() for module in circle)
                yield f"{len(files)} files import each other: {' '.join(files)}"
        for module, found in crate.imports.items():
            allowed = BORDERS.get((name, module[0] if module else ""))
            for path in found if allowed is not None else ():
                if path[:1] != module[:1] and path[0] not in allowed:
                    yield f"{name}/src/{'/'.join(module)}.rs imports {'::'.join(path)} over its room's border"


sys.setrecursionlimit(10_000)
lines = sorted(faults(Path.cwd()))
print("\n".join(lines), file=sys.stderr, end="\n" if lines else "")
sys.exit(bool(lines))
