"""A flush keeps no change waiting, and no change that comes while one is under way is lost."""

import threading
from pathlib import Path

from haloy.proxies.haproxy.apply.book import Book
from haloy.proxies.haproxy.apply.generations import Generations
from haloy.proxies.haproxy.apply.journal import JOURNAL
from haloy.proxies.haproxy.apply.ledger import Ledger
from haloy.proxies.haproxy.apply.record import RecordWriter, load, read_record, settled
from haloy.proxies.haproxy.render.render import config_files
from tests.haproxy.driver.large import changed, large, target
from tests.haproxy.driver.values import server


def test_changes_during_flushes(tmp_path: Path) -> None:
    generations = Generations(tmp_path)
    generations.open()
    wanted = large(40, fragments=4)
    generation = Ledger(generations, config_files).create(target(wanted), None)
    book = Book(generations, config_files, RecordWriter(), generation, load(generation), None, proven=True)
    done, flushes = threading.Event(), []

    def flush() -> None:
        while not done.is_set():
            book.settle()
            book.fold()
            flushes.append(book.folded)

    thread = threading.Thread(target=flush)
    thread.start()
    changes = 0
    try:
        while changes < 100 or (len(flushes) < 3 and thread.is_alive()):
            changes += 1
            wanted = changed(wanted, changes % 40, server(changes % 200), revision=f"r{changes}")
            book.note(target(wanted))
    finally:
        done.set()
        thread.join()
    assert read_record(generation) == wanted
    book.fold()
    assert settled(generation)
    assert (generation.path / JOURNAL).read_bytes() == b""
    assert read_record(generation) == wanted
    assert all(generation.read(name) == text for name, text in config_files(wanted).items())
