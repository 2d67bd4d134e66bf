"""Generations that nothing needs any more, deleted once it is certain what runs."""

from haloy.proxies.haproxy.apply.generations import Generation, Generations


class Leftovers:
    """Remembers which generations were refused: until it is clear which one runs, any of them may be in use."""

    def __init__(self, generations: Generations) -> None:
        self._generations = generations
        self._refused: set[Generation] = set()

    def add(self, refused: Generation) -> None:
        self._refused.add(refused)

    def clear(self, running: Generation) -> str:
        """Delete those and all old ones but the one to fall back to. Blocking. Returns why not, "" if it worked.

        Call it only when it is certain that `running` runs.
        """
        try:
            kept = (running, self._generations.current())
            for one in sorted(self._refused):
                if one not in kept and one.path.is_dir():
                    self._generations.discard(one)
                self._refused.discard(one)
            self._generations.prune(running)
        except OSError as error:
            return f"old generations could not be deleted: {error}"
        return ""
