"""What the oracles share: running swath in a folder of its own, and counting what agreed. It knows no data."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path


class Findings:
    """Collects what does not agree, so that one run shows all of it."""

    def __init__(self):
        self.checks = 0
        self.wrong = []

    def expect(self, what, got, wanted):
        self.checks += 1
        if got != wanted:
            self.wrong.append(what)
            print(f"  WRONG {what}: wanted {wanted!r}, got {got!r}", flush=True)

    def close(self):
        """Ends the script: status 1 if anything was wrong, or if nothing was compared at all."""
        print(f"{self.checks} comparisons, {len(self.wrong)} wrong")
        sys.exit(1 if self.wrong or not self.checks else 0)


class Bench:
    """A temporary folder and the program."""

    def __init__(self, program):
        self.program = str(Path(program).resolve())
        self.temporary = tempfile.TemporaryDirectory(prefix="swath-oracle-")
        self.folder = Path(self.temporary.name)

    def run(self, *words):
        """The JSON result of a run that must be complete."""
        done = subprocess.run(
            [self.program, *map(str, words), "--json"],
            cwd=self.folder,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )
        if done.returncode != 0:
            raise SystemExit(f"swath {' '.join(map(str, words))}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return json.loads(done.stdout)
