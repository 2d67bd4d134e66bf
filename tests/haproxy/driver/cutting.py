"""A ledger whose haloy is killed: `python -m tests.haproxy.driver.cutting DIRECTORY` brings a generation from one state over
a second to a third, once for each side effect on the way, killed just before that one. What is left lies in DIRECTORY/<point>,
DIRECTORY/states.json says which states were on record by then."""

import json
import os
import shutil
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from haloy.proxies.haproxy.apply.book import Book
from haloy.proxies.haproxy.apply.generations import Generation, Generations
from haloy.proxies.haproxy.apply.ledger import Ledger
from haloy.proxies.haproxy.apply.record import RecordWriter, load
from haloy.proxies.haproxy.apply.target import Target
from haloy.proxies.haproxy.artifacts import Artifacts, Section
from haloy.proxies.haproxy.render.render import config_files
from haloy.proxies.haproxy.slots.layout import Layout, Placement
from tests.haproxy.driver.values import line, server, wanted

PEM = {f"digest {number} of {name}": f"{name}{number}".encode() for number in "123" for name in "abc"}

_EFFECTS = {"os.rename", "os.link", "os.remove", "os.mkdir", "os.truncate", "open"}


def state(number: int) -> Artifacts:
    """Servers, places, maps, certificates and their order change from one to the next."""
    slots = [
        Section(
            f"slot.1.{slot}", f"backend slot.1.{slot}\n", None, (server(slot + 1, weight=number),), cluster=f"c{slot}"
        )
        for slot in range(3)
    ]
    taken = [replace(slots[0], cluster=None, servers=()), *slots[1:]] if number == 2 else slots
    names = {1: "ab", 2: "bc", 3: "ca"}[number]
    made = wanted(
        *taken,
        revision=f"state {number}",
        maps={"maps/a.map": {"one": str(number), f"only {number}".replace(" ", "-"): "x"}, "maps/b.map": {"same": "y"}},
        pem={f"certs/{name}.pem": f"digest {number} of {name}" for name in names},
        lines=tuple(line(name, f"{name}{number}.example") for name in reversed(names)),
        files={"files/a": str(number).encode()},
    )
    places = {one.cluster: Placement(one.name, one.servers) for one in taken if one.cluster is not None}
    return replace(made, layout=Layout(placements=places, resting=frozenset(["slot.1.0"] if number == 2 else [])))


def target(number: int) -> Target:
    return Target(state(number), PEM, lambda alerts: ())


class Fuse:
    """Ends the process at the side effect number `point` below `root` (0: never); counts them."""

    def __init__(self) -> None:
        self.point = self.count = 0
        self.root = "/nowhere"

    def __call__(self, event: str, values: tuple[Any, ...]) -> None:
        if event not in _EFFECTS or not str(values[0]).startswith(self.root):
            return
        if event == "open" and not int(values[2]) & (os.O_WRONLY | os.O_RDWR):
            return
        self.count += 1
        if self.count == self.point:
            os.kill(os.getpid(), signal.SIGKILL)


def run(generations: Generations, generation: Generation, told: Path) -> None:
    """Each state is said before and after it is noted."""
    recorded = load(generation)
    book = Book(generations, config_files, RecordWriter(), generation, recorded, None, proven=True)
    _say(told, 1)
    for number, steps in ((2, (book.settle, book.fold)), (3, (book.settle,)), (1, (book.fold,))):
        _say(told, -number)
        book.note(target(number))
        _say(told, number)
        for step in steps:
            step()


def _say(told: Path, number: int) -> None:
    with told.open("a") as file:
        file.write(f"{number}\n")


def main(directory: Path) -> None:
    fuse, point = Fuse(), 0
    sys.addaudithook(fuse)
    while True:
        point += 1
        place = directory / str(point)
        generations = Generations(place)
        generations.open()
        generation = Ledger(generations, config_files).create(target(1), None)
        generations.activate(generation)
        child = os.fork()
        if child == 0:
            fuse.root, fuse.point, fuse.count = str(generation.path), point, 0
            run(generations, generation, place / "told")
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status):
            shutil.rmtree(place)
            (directory / "states.json").write_text(json.dumps({"points": point - 1, "status": status}))
            return


if __name__ == "__main__":
    main(Path(sys.argv[1]))
