"""A night of two hundred mixed jobs under one ceiling: real files, made ones, corrupt ones and some that cannot fit.

    batch_mixed.py SWATH CORPUS [--trials mixed,kills,speed] [--jobs 200] [--seed 1] [--every 2] [--rounds 5]

mixed  the batch in a control group a little larger than its ceiling (where one can be made): exit 9, what can be done is
       byte for byte what single runs write, the rest is set aside with its reason, memory of all processes is sampled
kills  the same with kill -9 of a random process of it every few seconds, gone on with until it is done
speed  the good jobs as a batch and under xargs -P2 in turn, medians

It needs nothing but Python, and Linux for what it samples.
"""

import argparse
import hashlib
import json
import os
import random
import shlex
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

CEILING = 512_000_000
GROUP = 600_000_000
SUPERVISOR = 32_000_000
SINGLE = ["-m", "240MB", "-j", "1"]
CORRUPT, TOO_LARGE = 10, 5


class Night:
    """Folders, jobs, and what single runs write."""

    def __init__(self, program, corpus, jobs, seed):
        self.program = str(Path(program).resolve())
        self.corpus = Path(corpus).resolve()
        self.dice = random.Random(seed)
        self.temporary = tempfile.TemporaryDirectory(prefix="swath-night-", dir=os.environ.get("TMPDIR", "/var/tmp"))
        self.folder = Path(self.temporary.name)
        self.wrong = []
        self.make_inputs()
        self.good, self.bad = [], {}
        self.choose(jobs - CORRUPT - TOO_LARGE)

    def expect(self, what, holds):
        if not holds:
            self.wrong.append(what)
            print(f"  WRONG {what}", flush=True)

    def run(self, words, **more):
        return subprocess.run([self.program, *words], cwd=self.folder, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, **more)

    def make_inputs(self):
        (self.folder / "corpus").symlink_to(self.corpus)
        (self.folder / "in").mkdir()
        for number in range(16):
            size = f"{900 + 150 * number}x{1000 + 100 * number}"
            self.made("synth", "raster", "-o", f"in/r{number}.tif", "--size", size, "--seed", str(number), "-m", "200MB")
        for number in range(12):
            rows = str(20_000 + 80_000 * number)
            self.made("synth", "telemetry", "-o", f"in/t{number}.csv", "--rows", rows, "--seed", str(number))
        for number in range(5):
            whole = (self.folder / f"in/r{number}.tif").read_bytes()
            (self.folder / f"in/cut{number}.tif").write_bytes(whole[:len(whole) * (number + 1) // 8])

    def made(self, *words):
        done = self.run([*words, "-q"])
        if done.returncode:
            sys.exit(f"{' '.join(words)}: {done.stderr}")

    def candidates(self):
        """Lines of jobs and their outputs, of all verbs, in an order that mixes them."""
        rasters = sorted(path for path in (self.corpus / "raster").rglob("*") if path.suffix in (".tif", ".tiff"))
        rasters = [path.relative_to(self.corpus) for path in rasters if path.stat().st_size < 6_000_000]
        tables = sorted(path for path in (self.corpus / "telemetry").rglob("*") if path.is_file())
        of_raster = [
            "raster convert {} -o {}.tif --co COMPRESS=ZSTD",
            "raster calc 'b1 * 2 + 1' {} -o {}.tif --dtype float32",
            "raster stats {} --percentiles 5,95 -o {}.json",
            "raster focal {} -o {}.tif --radius 2",
            "raster pipeline read {} ! calc 'b1 / 3' ! write {}.tif",
            "raster terrain {} --kind slope -o {}.tif",
            "raster convert {} -f cog -o {}.tif",
            "raster warp {} --dst-crs EPSG:3857 -o {}.tif",
        ]
        lists = [[], [], []]
        for number, path in enumerate(rasters):
            for step in (0, 3):
                lists[0].append(of_raster[(number + step) % len(of_raster)].format(f"corpus/{path}", f"out/c{number}_{step}"))
        for number, path in enumerate(tables):
            lists[1].append(f"sensor ingest 'corpus/{path.relative_to(self.corpus)}' -o out/lake{number}")
        for number in range(16):
            for step in range(3):
                lists[2].append(of_raster[(number + step) % len(of_raster)].format(f"in/r{number}.tif", f"out/r{number}_{step}"))
        for number in range(12):
            lists[2].append(f"sensor ingest in/t{number}.csv -o out/made{number} --partition day")
        for lines in lists:
            self.dice.shuffle(lines)
        longest = max(map(len, lists))
        return [lines[at] for at in range(longest) for lines in lists if at < len(lines)]

    def choose(self, wanted):
        """Takes jobs that single runs can do, and notes what those write; then the bad ones."""
        def done(line):
            words = split(line)
            return self.run([*words, *SINGLE]).returncode == 0

        # What reads what others make.
        behind = ["raster mosaic @list.txt -o out/mosaic.tif", "raster convert out/first.tif -o out/second.tif -f cog"]
        self.good = ["raster calc 'b1 + 1' in/r0.tif -o out/first.tif", "raster calc 'b1 + 2' in/r0.tif -o out/other.tif"]
        (self.folder / "list.txt").write_text("out/first.tif\nout/other.tif\n")
        for line in [*self.good, *behind]:
            if not done(line):
                sys.exit(f"{line} cannot be done")
        for line in self.candidates():
            if len(self.good) + len(behind) == wanted:
                break
            if done(line):
                self.good.append(line)
        if len(self.good) + len(behind) < wanted:
            sys.exit(f"only {len(self.good)} jobs of {wanted} can be done")
        self.good = behind + self.good
        self.wanted = {output(line): print_of(self.folder / output(line)) for line in self.good}
        shutil.rmtree(self.folder / "out")
        malformed = sorted(path for path in (self.corpus / "malformed").rglob("*.tif*"))
        corrupt = [f"in/cut{number}.tif" for number in range(5)] + [f"corpus/{path.relative_to(self.corpus)}" for path in malformed]
        for number, path in enumerate(corrupt):
            line = f"raster convert '{path}' -o out/corrupt{number}.tif"
            if len(self.bad) < CORRUPT and self.run([*split(line), *SINGLE]).returncode == 5:
                self.bad[line] = "input"
        for number in range(TOO_LARGE):
            line = f"raster convert in/r{number}.tif -o out/large{number}.tif --dtype float32 --co BLOCKSIZE=16384"
            self.bad[line] = "does_not_fit"
        if len(self.bad) != CORRUPT + TOO_LARGE:
            sys.exit(f"{len(self.bad)} bad jobs")
        shutil.rmtree(self.folder / "out", ignore_errors=True)
        verbs = sorted({" ".join(split(line)[:2]) for line in self.good})
        print(f"{len(self.good)} good jobs ({', '.join(verbs)}), {len(self.bad)} bad", flush=True)

    def write_jobs(self, name, lines):
        text = "".join(f'[[job]]\nrun = """{line}"""\n' for line in lines)
        (self.folder / name).write_text(text)

    def mixed_jobs(self):
        lines = [*self.good, *self.bad]
        self.dice.shuffle(lines)
        self.write_jobs("jobs.toml", lines)

    def start(self, words, group=None):
        def join():
            if group:
                Path(group, "cgroup.procs").write_text("0")

        command = [self.program, "batch", "jobs.toml", "-m", str(CEILING // 1_000_000) + "MB", "-j", "2", "--json", *words]
        out = open(self.folder / "result.json", "w")
        log = open(self.folder / "log", "a")
        return subprocess.Popen(command, cwd=self.folder, stdout=out, stderr=log, stdin=subprocess.DEVNULL, preexec_fn=join)

    def result(self):
        return json.loads((self.folder / "result.json").read_text())

    def check_outputs(self):
        """Compares what stands there with what single runs wrote."""
        same = sum(print_of(self.folder / path) == wanted for path, wanted in self.wanted.items())
        print(f"  {same} of {len(self.wanted)} outputs are those of single runs", flush=True)
        for path, wanted in self.wanted.items():
            self.expect(f"{path} is that of a single run", print_of(self.folder / path) == wanted)
        names = {Path(path).name for path in self.wanted}
        stray = sorted(path.name for path in (self.folder / "out").iterdir() if path.name not in names)
        self.expect(f"nothing else stands there: {stray}", not stray)

    def check_set_aside(self, result):
        lines = (self.folder / "jobs.failed.jsonl").read_text().splitlines()
        got = {" ".join(aside["words"]): aside for aside in map(json.loads, lines)}
        wanted = {" ".join(split(line)): reason for line, reason in self.bad.items()}
        for words, reason in wanted.items():
            self.expect(f"{words} is set aside as {reason}, got {got.get(words)}", got.get(words, {}).get("reason") == reason)
        for words in got.keys() - wanted.keys():
            self.expect(f"{words} is done: {got[words]}", False)
        self.expect(f"counts: {result['jobs']}", result["jobs"]["set_aside"] == len(self.bad))
        reasons = sorted(aside["reason"] for aside in got.values())
        print(f"  set aside: { {reason: reasons.count(reason) for reason in set(reasons)} }", flush=True)

    def clean(self):
        shutil.rmtree(self.folder / "out", ignore_errors=True)
        for name in ("jobs.failed.jsonl", "log"):
            (self.folder / name).unlink(missing_ok=True)
        shutil.rmtree(self.folder / ".jobs.toml.batch", ignore_errors=True)

    def mixed(self):
        print("mixed", flush=True)
        self.clean()
        self.mixed_jobs()
        group = make_group(GROUP)
        begun = time.monotonic()
        batch = self.start([], group)
        sampler = Sampler(batch.pid)
        exit_code = batch.wait()
        sampler.stop()
        seconds = time.monotonic() - begun
        result = self.result()
        print(f"  exit {exit_code} after {seconds:.1f} s; {result['jobs']}", flush=True)
        where = f"in a group of {GROUP / 1e6:.0f} MB, {kills_of(group)} kills of the kernel in it" if group else "in no group of its own"
        print(f"  {sampler.samples} samples: at most {sampler.sum / 1e6:.1f} MB together, supervisor {sampler.own / 1e6:.1f} MB; {where}", flush=True)
        if group:
            self.expect("the kernel killed nobody", kills_of(group) == 0)
            os.rmdir(group)
        self.expect(f"exit 9, got {exit_code}", exit_code == 9)
        self.expect("memory was sampled", sampler.samples > 100)
        self.expect(f"{sampler.sum} together below the ceiling", 0 < sampler.sum <= CEILING)
        self.expect(f"{sampler.own} of the supervisor", 0 < sampler.own < SUPERVISOR)
        self.check_set_aside(result)
        self.check_outputs()

    def kills(self, every):
        print("kills", flush=True)
        self.clean()
        self.mixed_jobs()
        batch, begun, kills, resumed = self.start([]), time.monotonic(), [0, 0], 0
        next_kill = begun + every
        while True:
            exit_code = batch.poll()
            if exit_code is None and time.monotonic() >= next_kill:
                next_kill += every
                chosen = self.dice.choice(tree(batch.pid))
                kills[chosen != batch.pid] += 1
                try:
                    os.kill(chosen, signal.SIGKILL)
                except ProcessLookupError:
                    pass
                # Gone on with at once: what was killed may not have ended yet.
                exit_code = -9 if chosen == batch.pid else None
            if exit_code is not None:
                if exit_code not in (-9, 0, 9):
                    self.expect(f"exit {exit_code}: {(self.folder / 'result.json').read_text()}", False)
                    break
                killed = exit_code == 9 and any(aside["reason"] not in ("input", "does_not_fit") for aside in self.result()["set_aside"])
                if exit_code != -9 and not killed:
                    break
                reap(batch)
                resumed += 1
                batch = self.start(["--resume"])
            if time.monotonic() > begun + 600:
                batch.kill()
                self.expect("it came to its end within ten minutes", False)
                break
            time.sleep(0.005)
        result = self.result()
        print(f"  exit {exit_code} after {time.monotonic() - begun:.1f} s: {kills[0]} kills of the supervisor, {kills[1]} of workers, gone on "
              f"with {resumed} times; {result['jobs']}", flush=True)
        self.expect(f"exit 9, got {exit_code}", exit_code == 9)
        self.check_set_aside(result)
        self.check_outputs()

    def speed(self, rounds):
        print("speed", flush=True)
        # What waits for others would keep xargs from the right result.
        lines = [line for line in self.good if "@list.txt" not in line and "out/first.tif -o" not in line]
        self.write_jobs("jobs.toml", lines)
        (self.folder / "lines").write_text("".join(f"{line} {' '.join(SINGLE)} -q\n" for line in lines))
        times = {"batch": [], "xargs": []}
        for _ in range(rounds):
            for name in times:
                self.clean()
                (self.folder / "out").mkdir()
                begun = time.monotonic()
                if name == "batch":
                    code = self.start(["-q"]).wait()
                else:
                    with open(self.folder / "lines") as stdin:
                        code = subprocess.run(["xargs", "-P2", "-L1", self.program], cwd=self.folder, stdin=stdin,
                                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode
                times[name].append(time.monotonic() - begun)
                self.expect(f"{name}: exit {code}", code == 0)
        batch, xargs = (statistics.median(times[name]) for name in ("batch", "xargs"))
        print(f"  {len(lines)} jobs, medians of {rounds}: batch {batch:.2f} s, xargs -P2 {xargs:.2f} s: {xargs / batch:.3f} of its "
              f"throughput\n  {times}", flush=True)


class Sampler:
    """Samples the memory of a batch from outside, until it is stopped."""

    def __init__(self, supervisor):
        self.supervisor, self.samples, self.sum, self.own, self.ended = supervisor, 0, 0, 0, False
        self.thread = threading.Thread(target=self.sample)
        self.thread.start()

    def sample(self):
        while not self.ended:
            together = sum(figure(f"/proc/{process}/smaps_rollup", "Pss:") for process in tree(self.supervisor))
            self.sum = max(self.sum, together)
            self.own = max(self.own, figure(f"/proc/{self.supervisor}/status", "VmHWM:"))
            self.samples += 1
            time.sleep(0.01)

    def stop(self):
        self.ended = True
        self.thread.join()


def figure(path, name):
    try:
        with open(path) as file:
            return next((int(line.split()[1]) * 1024 for line in file if line.startswith(name)), 0)
    except (OSError, ValueError):
        return 0


def tree(supervisor):
    """The supervisor and its workers."""
    try:
        children = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text()
    except OSError:
        children = ""
    return [supervisor, *map(int, children.split())]


def reap(batch):
    """Takes note of its end, whenever that comes."""
    threading.Thread(target=batch.wait, daemon=True).start()


def make_group(limit):
    """A control group of memory, or none where none can be made."""
    text = Path("/proc/self/cgroup").read_text().splitlines()
    one = next((line.split(":", 2)[2] for line in text if "memory" in line.split(":")[1].split(",")), None)
    two = next((line.split(":", 2)[2] for line in text if line.startswith("0::")), "/")
    if one is None:
        parent, name = Path("/sys/fs/cgroup" + two), "memory.max"
    else:
        parent, name = Path("/sys/fs/cgroup/memory" + one), "memory.limit_in_bytes"
        parent = parent if parent.is_dir() else Path("/sys/fs/cgroup/memory")
    group = parent / f"swath-night-{os.getpid()}"
    try:
        group.mkdir()
        (group / name).write_text(str(limit))
    except OSError as error:
        print(f"  no control group can be made here: {error}", flush=True)
        return None
    return str(group)


def kills_of(group):
    for name in ("memory.events", "memory.oom_control"):
        path = Path(group, name)
        if path.exists():
            fields = dict(line.split()[:2] for line in path.read_text().splitlines())
            return int(fields.get("oom_kill", 0))
    return 0


def split(line):
    """Words as a shell makes them."""
    return shlex.split(line)


def output(line):
    words = split(line)
    return words[words.index("-o") + 1] if "-o" in words else words[-1]


def print_of(path):
    """A sum of a file, or of all files in a folder with their names."""
    if not path.exists():
        return None
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    sums = [f"{file.relative_to(path)} {hashlib.sha256(file.read_bytes()).hexdigest()}" for file in files]
    return hashlib.sha256("\n".join(sums).encode()).hexdigest()


def main():
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("program")
    words.add_argument("corpus")
    words.add_argument("--trials", default="mixed,kills,speed")
    words.add_argument("--jobs", type=int, default=200)
    words.add_argument("--seed", type=int, default=1)
    words.add_argument("--every", type=float, default=2.0)
    words.add_argument("--rounds", type=int, default=5)
    words = words.parse_args()
    night = Night(words.program, words.corpus, words.jobs, words.seed)
    for trial in words.trials.split(","):
        {"mixed": night.mixed, "kills": lambda: night.kills(words.every), "speed": lambda: night.speed(words.rounds)}[trial]()
    print(f"{len(night.wrong)} wrong")
    sys.exit(1 if night.wrong else 0)


if __name__ == "__main__":
    main()
