#!/usr/bin/env python3
"""decklog beside pueue and tmux: one run, one machine, rounds in which they take turns.

    cargo build --release --workspace && benches/peers.py     # about 6 minutes
    benches/peers.py --quick                                  # about 30 s: does it work, not how fast
    benches/peers.py --pueue DIR --large 1000 10000 100000    # rosters of these sizes; pueue's last is 10,000

Everything runs in a private folder (below --folder, else TMPDIR) with private homes and sockets, and is ended by its
process number. A peer that is not found is left out of the table. Python's standard library is all it needs.

Times of commands are from just before posix_spawn to the end of waitpid, so they hold the start of the client's
process; the rows "nothing" say what that costs by itself on this machine at this hour. Quote ratios: they are medians
over rounds, each of neighbours in time.
"""

import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

REPOSITORY = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CLIENTS_AT_ONCE = 8
POLL = 0.002
# With more each of its commands takes seconds.
PUEUE_TASKS_MOST = 10_000


def main():
    options = arguments()
    folder = tempfile.mkdtemp(prefix="decklog-peers-", dir=options.folder)
    peers = []
    try:
        for make in (Decklog, Pueue, Tmux):
            peer = make.found(options, os.path.join(folder, make.name))
            if peer is None:
                print(f"{make.name}: not found, skipped", file=sys.stderr)
                continue
            peers.append(peer)
            peer.start()
        if not peers or not isinstance(peers[0], Decklog):
            sys.exit("decklog itself is not there: cargo build --release --workspace, or --decklog PATH --fill PATH")
        measure(peers, options)
    finally:
        for peer in peers:
            peer.end()
        end_what_is_left(folder)
        shutil.rmtree(folder, ignore_errors=True)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--decklog", default=os.path.join(REPOSITORY, "target/release/decklog"), metavar="PATH")
    parser.add_argument("--fill", default=os.path.join(REPOSITORY, "target/release/fill"), metavar="PATH")
    parser.add_argument("--pueue", metavar="DIR", help="where pueue and pueued are, if not on PATH")
    parser.add_argument("--folder", metavar="DIR", help="a folder on a real disk for everything that is written")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--each", type=int, default=20, help="commands of each peer a round")
    parser.add_argument("--large", type=int, nargs="*", default=[1_000, 10_000], help="rows of finished jobs")
    parser.add_argument("--live", type=int, default=100, help="running jobs when the supervisor is killed")
    parser.add_argument("--at-once", type=int, default=200)
    parser.add_argument("--megabytes", type=int, default=1_000, help="output of one job")
    parser.add_argument("--quick", action="store_true", help="small numbers: shows that it works")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.each, options.large = 2, 4, [200]
        options.live, options.at_once, options.megabytes = 10, 20, 20
    return options


# --- what is measured ----------------------------------------------------------------------------------------------


def measure(peers, options):
    table = Table(peers)
    small = "few rows"
    dispatching(peers, options, table, small)
    at_once(peers, options, table)
    killed(peers, options, table, small)
    worker_memory(peers, table)
    memory(peers, table, small)
    queued(peers, options, table)
    output(peers, options, table)

    for size in options.large:
        options.sessions, options.pueue_tasks = size, min(size, PUEUE_TASKS_MOST)
        for peer in peers:
            peer.fill(options)
        large = ", ".join(f"{peer.name} {peer.size(options):,}" for peer in peers if peer.size(options))
        dispatching(peers, options, table, large)
        listing(peers, options, table, large)
        memory(peers, table, large)
        disk([peer for peer in peers if peer.size(options)], options, table)
        killed([peer for peer in peers if peer.size(options)], options, table, large)
    table.print()


def dispatching(peers, options, table, size):
    """How long a client takes, and how long until the job itself has run far enough to say what time it is."""
    floor = Floor(peers[0].folder)
    returned = {peer.name: [] for peer in [*peers, floor]}
    running = {peer.name: [] for peer in [*peers, floor]}
    for number in range(options.rounds):
        for peer in turned([*peers, floor], number):
            returned[peer.name].append([command_ms(peer, peer.run("true")) for _ in range(options.each)])
            peer.settle()
        for peer in turned([*peers, floor], number):
            running[peer.name].append([until_running_ms(peer, number) for _ in range(options.each)])
            peer.settle()
    table.times(f"dispatch, until it returns ({size})", returned)
    table.times(f"dispatch, until the job runs ({size})", running)


def until_running_ms(peer, number):
    # Nobody's dispatches come in step with a daemon that looks at its queue now and then.
    time.sleep(0.013 * (number % 7))
    stamp = peer.fresh()
    before = time.time()
    command_ms(peer, peer.run(f"date +%s.%N > {stamp}"))
    return (stamp_in(stamp) - before) * 1000


def at_once(peers, options, table):
    """So many dispatches from eight clients at a time, until every job has run."""
    walls = {peer.name: [] for peer in peers}
    for number in range(3):
        for peer in turned(peers, number):
            stamps = [peer.fresh() for _ in range(options.at_once)]
            start = time.perf_counter()
            with ThreadPoolExecutor(CLIENTS_AT_ONCE) as pool:
                list(pool.map(lambda stamp: command_ms(peer, peer.run(f"true; echo 1 > {stamp}")), stamps))
            for stamp in stamps:
                stamp_in(stamp)
            walls[peer.name].append([(time.perf_counter() - start) * 1000])
            peer.settle()
    table.times(f"{options.at_once} at once, until all have run", walls, p95=False)


def killed(peers, options, table, size):
    """SIGKILL of whoever supervises, with jobs running: until the list is whole and right again."""
    times, words = {}, {}
    for peer in peers:
        if not peer.can_be_killed:
            continue
        rounds = options.rounds if isinstance(peer, Decklog) else 1
        for _ in range(rounds):
            pids = start_sleepers(peer, options.live)
            time.sleep(0.5)
            result = peer.kill_and_look(options.live)
            alive = sum(os.path.exists(f"/proc/{pid}") for pid in pids)
            times.setdefault(peer.name, []).append([result.ms])
            words[peer.name] = f"{result.words}; {alive} of {len(pids)} jobs alive"
            peer.end_sleepers(pids)
    what = f"SIGKILL with {options.live} jobs"
    table.times(f"{what}, until the list is there again ({size})", times, p95=False)
    table.row(f"{what}: what the list then says ({size})", words)


def start_sleepers(peer, count):
    stamps = [peer.fresh() for _ in range(count)]
    with ThreadPoolExecutor(CLIENTS_AT_ONCE) as pool:
        list(pool.map(lambda stamp: command_ms(peer, peer.run(f"echo $$ > {stamp}; exec sleep 1000")), stamps))
    return [int(stamp_in(stamp)) for stamp in stamps]


def queued(peers, options, table):
    """So many jobs that do nothing, two at a time: from the first dispatch until the last has ended."""
    walls = {}
    for number in range(3):
        for peer in turned([peer for peer in peers if peer.has_slots], number):
            # A peer that takes half a minute for it is believed the first time.
            if number > 0 and walls[peer.name][0][0] > 10_000:
                continue
            peer.slots(2)
            start = time.perf_counter()
            with ThreadPoolExecutor(CLIENTS_AT_ONCE) as pool:
                list(pool.map(lambda _: command_ms(peer, peer.run("true")), range(options.at_once)))
            peer.settle()
            walls.setdefault(peer.name, []).append([(time.perf_counter() - start) * 1000])
            peer.slots(0)
    table.times(f"{options.at_once} times `true`, two at a time, until all have run", walls, p95=False)


def output(peers, options, table):
    """So many bytes of lines through a job, until it has ended; MB a second. Beside what they cost without anybody."""
    megabytes = options.megabytes
    line = f"yes 'a line of output, as long as such lines are, and then a little more' | head -c {megabytes}000000"
    decklog = peers[0]
    plain, typescript = os.path.join(decklog.folder, "plain"), os.path.join(decklog.folder, "typescript")
    ways = {
        "decklog": [*decklog.client, "dispatch", "--quiet", "--exec", line],
        "decklog --pipes": [*decklog.client, "dispatch", "--quiet", "--pipes", "--exec", line],
        "a file": ["/bin/sh", "-c", f"{line} > {plain}"],
        "a pipe to a file": ["/bin/sh", "-c", f"{line} | cat > {plain}"],
        "script": ["/bin/sh", "-c", f"script -qc \"{line}\" {typescript} > /dev/null"],
    }
    tmux = next((peer for peer in peers if isinstance(peer, Tmux)), None)
    if tmux:
        ways["tmux"] = tmux.run(line)
    speeds = {}
    for _ in range(3):
        for name, command in ways.items():
            peer = tmux if name == "tmux" else decklog
            start = time.perf_counter()
            command_ms(peer, command)
            peer.settle()
            speeds.setdefault(name, []).append(megabytes / (time.perf_counter() - start))
    medians = {name: statistics.median(some) for name, some in speeds.items()}
    said = ", ".join(f"{name} {median:.0f}" for name, median in medians.items())
    table.row(f"{megabytes} MB of output, MB a second", {"decklog": said})


def worker_memory(peers, table):
    """What the process that holds one job costs: the pages that are its alone."""
    decklog = peers[0]
    session = decklog.output("dispatch", "--quiet", "--exec", "sleep 1000").strip()
    deadline = time.monotonic() + 10
    pid = None
    while pid is None and time.monotonic() < deadline:
        pid = json.loads(decklog.output("show", session, "--json"))["workerPid"]
        time.sleep(0.05)
    fields = {}
    for line in open(f"/proc/{pid}/smaps_rollup"):
        words = line.split()
        if words[0] in ("Private_Clean:", "Private_Dirty:", "Rss:"):
            fields[words[0]] = int(words[1])
    private = fields["Private_Clean:"] + fields["Private_Dirty:"]
    decklog.output("stop", "--grace", "0s", session)
    text = f"{private / 1024:.2f} MiB ({fields['Rss:'] / 1024:.1f} with shared pages)"
    table.row("private memory of one job's worker", {decklog.name: text})


def memory(peers, table, size):
    table.amounts(f"memory of the supervisor, RSS MB ({size})", {
        peer.name: resident_kb(peer.pid()) / 1000 for peer in peers
    })


def disk(peers, options, table):
    amounts = {}
    for peer in peers:
        stats = [os.stat(os.path.join(top, name), follow_symlinks=False)
                 for top, folders, files in os.walk(peer.state) for name in [*folders, *files]]
        amounts[peer.name] = sum(stat.st_blocks for stat in stats) / 2 / peer.size(options)
    table.amounts(f"disk, KiB for each row of {options.sessions:,} (decklog: its log alone)", amounts)


def listing(peers, options, table, size):
    peers = [peer for peer in peers if peer.size(options)]
    kinds = [("for people", "list_text"), ("for people, every row", "list_all"), ("as JSON", "list_json")]
    for words, method in kinds:
        results = {peer.name: [] for peer in peers}
        for number in range(options.rounds):
            for peer in turned(peers, number):
                results[peer.name].append([command_ms(peer, getattr(peer, method)()) for _ in range(5)])
        table.times(f"list, {words} ({size})", results)


# --- the contenders ------------------------------------------------------------------------------------------------


class Peer:
    can_be_killed = False
    has_slots = False

    def __init__(self, folder):
        self.folder = folder
        self.stamps = 0
        os.makedirs(os.path.join(folder, "stamps"))
        self.environment = {"HOME": folder, "PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "TERM": "xterm",
                            "SHELL": "/bin/sh"}

    def fresh(self):
        """A path for a job to write to. Not named after anything that a shell would mind."""
        self.stamps += 1
        return os.path.join(self.folder, "stamps", str(self.stamps))

    def size(self, options):
        """How many finished rows it has when it is filled."""
        return 0

    def fill(self, options):
        pass

    def settle(self):
        """Waits until it has nothing left to do of what it was given."""

    def output(self, *words):
        done = subprocess.run([*self.client, *words], env=self.environment, cwd=self.folder, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{self.name} {' '.join(words)}: exit {done.returncode}: {done.stderr}")
        return done.stdout

    def end_sleepers(self, pids):
        for pid in pids:
            kill(pid)


class Floor(Peer):
    """A process that starts and does nothing: what every client pays."""

    name = "nothing"

    def __init__(self, folder):
        super().__init__(os.path.join(folder, f"floor-{time.time_ns()}"))

    def run(self, line):
        return ["/bin/true"] if line == "true" else ["/bin/sh", "-c", line]


class Decklog(Peer):
    name = "decklog"
    can_be_killed = True
    has_slots = True

    @classmethod
    def found(cls, options, folder):
        program, tool = os.path.abspath(options.decklog), os.path.abspath(options.fill)
        return cls(folder, program, tool) if all(os.access(path, os.X_OK) for path in (program, tool)) else None

    def __init__(self, folder, program, tool):
        super().__init__(folder)
        self.client = [program]
        self.tool = tool
        self.state = os.path.join(folder, "home")
        self.environment["DECKLOG_HOME"] = self.state

    def start(self):
        os.makedirs(self.state)
        self.slots(0)
        self.output("daemon", "start")

    def slots(self, number):
        """How many jobs run at once; 0 is no cap. What has finished stays, as it does in pueue."""
        with open(os.path.join(self.state, "config.toml"), "w") as file:
            file.write(f"[limits]\nlive_jobs = {number}\n[timers]\nfinished_job = \"1000d\"\n")

    def run(self, line, *flags):
        return [*self.client, "dispatch", "--quiet", *flags, "--exec", line]

    def status(self):
        return json.loads(self.output("daemon", "status", "--json"))

    def pid(self):
        return self.status()["pid"]

    def settle(self):
        # A filter by state makes no rows of what has finished.
        wait_until(lambda: self.status()["sessions"]["live"] == 0 and self.queued() == 0)

    def queued(self):
        return len(json.loads(self.output("ls", "--json", "s:queued")))

    def size(self, options):
        return options.sessions

    def fill(self, options):
        """A fresh instance whose log says that so many ran: see benches/src/bin/fill.rs."""
        self.end()
        self.state = os.path.join(self.folder, f"home-{options.sessions}")
        self.environment["DECKLOG_HOME"] = self.state
        subprocess.run([self.tool, self.state, str(options.sessions)], check=True, capture_output=True)
        # The first start reads all of it, and leaves a snapshot: as one that has run for long would have done.
        for _ in range(2):
            self.output("daemon", "start")
            self.output("daemon", "stop")
        self.output("daemon", "start")

    def list_text(self):
        return [*self.client, "ls"]

    def list_all(self):
        return [*self.client, "ls", "--all"]

    def list_json(self):
        return [*self.client, "ls", "--json"]

    def kill_and_look(self, live):
        pid = self.pid()
        start = time.perf_counter()
        os.kill(pid, signal.SIGKILL)
        incomplete = 0
        while True:
            answer = self.output("ls", "--json")
            # Understanding it is this script's work, not decklog's.
            ms = (time.perf_counter() - start) * 1000
            rows = json.loads(answer)
            states = [row["state"] for row in rows if (row["command"] or "").endswith("exec sleep 1000")
                      and row["finishedAt"] is None]
            if states.count("working") == live and len(states) == live:
                break
            incomplete += 1
        words = f"{live} working"
        if incomplete:
            words += f" (after {incomplete} answers that said less)"
        return Seen(ms, words)

    def end_sleepers(self, pids):
        super().end_sleepers(pids)
        self.settle()

    def end(self):
        try:
            pid = self.pid()
            self.output("daemon", "stop", "--any")
            wait_until(lambda: not os.path.exists(f"/proc/{pid}"))
        except (RuntimeError, TimeoutError) as error:
            print(error, file=sys.stderr)


class Pueue(Peer):
    name = "pueue"
    can_be_killed = True
    has_slots = True

    @classmethod
    def found(cls, options, folder):
        path = options.pueue or os.environ.get("PATH")
        client, daemon = shutil.which("pueue", path=path), shutil.which("pueued", path=path)
        return cls(folder, client, daemon) if client and daemon else None

    def __init__(self, folder, client, daemon):
        super().__init__(folder)
        self.state = os.path.join(folder, "state")
        os.makedirs(self.state)
        config = os.path.join(folder, "pueue.yml")
        with open(config, "w") as file:
            file.write(f"shared:\n  pueue_directory: {self.state}\n  use_unix_socket: true\n"
                       f"  unix_socket_path: {folder}/socket\nclient: {{}}\ndaemon: {{}}\n")
        self.client = [client, "-c", config]
        self.command = [daemon, "-c", config]
        self.process = None

    def start(self):
        self.process = subprocess.Popen(self.command, env=self.environment, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        wait_until(lambda: ends_well(self, "status"))
        self.slots(0)

    def slots(self, number):
        # decklog and tmux have no cap: nor has it one that matters.
        self.output("parallel", str(number or 1000))

    def run(self, line):
        return [*self.client, "add", "--", line]

    def pid(self):
        return self.process.pid

    def statuses(self):
        """The task's status is a word, or a word with particulars."""
        tasks = json.loads(self.output("status", "--json"))["tasks"].values()
        return [task["status"] if isinstance(task["status"], str) else next(iter(task["status"])) for task in tasks]

    def settle(self):
        wait_until(lambda: all(status == "Done" for status in self.statuses()), every=0.1)

    def size(self, options):
        return options.pueue_tasks

    def fill(self, options):
        """Adding so many one by one takes minutes, for each addition writes them all: its state is multiplied instead."""
        command_ms(self, self.run("true"))
        self.settle()
        self.process.terminate()
        self.process.wait()
        path = os.path.join(self.state, "state.json")
        with open(path) as file:
            state = json.load(file)
        done = next(task for task in state["tasks"].values() if "Done" in task["status"])
        state["tasks"] = {str(number): {**done, "id": number} for number in range(options.pueue_tasks)}
        with open(path, "w") as file:
            json.dump(state, file)
        self.process = subprocess.Popen(self.command, env=self.environment, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        wait_until(lambda: ends_well(self, "status"))
        self.output("start")

    def list_text(self):
        return [*self.client, "status"]

    list_all = list_text

    def list_json(self):
        return [*self.client, "status", "--json"]

    def kill_and_look(self, live):
        start = time.perf_counter()
        self.process.kill()
        self.process.wait()
        self.process = subprocess.Popen(self.command, env=self.environment, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        wait_until(lambda: ends_well(self, "status"))
        ms = (time.perf_counter() - start) * 1000
        tasks = json.loads(self.output("status", "--json"))
        words = {}
        for task in list(tasks["tasks"].values())[-live:]:
            status = task["status"]
            word = status if isinstance(status, str) else next(iter(status))
            if word == "Done":
                result = status["Done"]["result"]
                word = result if isinstance(result, str) else next(iter(result))
            words[word] = words.get(word, 0) + 1
        group = tasks["groups"]["default"]["status"]
        said = ", ".join(f"{count} {word}" for word, count in words.items())
        return Seen(ms, f"{said}; the group is {group}")

    def end_sleepers(self, pids):
        super().end_sleepers(pids)
        self.output("start")
        self.settle()

    def end(self):
        if self.process:
            self.process.kill()
            self.process.wait()


class Tmux(Peer):
    name = "tmux"

    @classmethod
    def found(cls, options, folder):
        program = shutil.which("tmux")
        return cls(folder, program) if program else None

    def __init__(self, folder, program):
        super().__init__(folder)
        self.client = [program, "-f", "/dev/null", "-S", os.path.join(folder, "socket")]

    def start(self):
        # Without a session its server would end.
        self.output("new-session", "-d", "-s", "stays", "sleep 100000")
        self.server = int(self.output("display-message", "-p", "#{pid}"))

    def run(self, line):
        return [*self.client, "new-session", "-d", line]

    def pid(self):
        return self.server

    def settle(self):
        wait_until(lambda: len(self.output("list-sessions").splitlines()) == 1)

    def end(self):
        kill(self.server)


# --- tools ---------------------------------------------------------------------------------------------------------


class Seen:
    def __init__(self, ms, words):
        self.ms, self.words = ms, words


def command_ms(peer, command):
    quiet = [(os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0)]
    start = time.perf_counter()
    pid = os.posix_spawn(command[0], command, peer.environment, file_actions=quiet)
    _, status = os.waitpid(pid, 0)
    ms = (time.perf_counter() - start) * 1000
    if status:
        raise RuntimeError(f"{' '.join(command)}: status {status}")
    return ms


def ends_well(peer, *words):
    return subprocess.run([*peer.client, *words], env=peer.environment, capture_output=True).returncode == 0


def stamp_in(path):
    """The number that a job writes, once it has."""
    text = ""

    def written():
        nonlocal text
        if os.path.exists(path):
            with open(path) as file:
                text = file.read()
        return text.endswith("\n")

    wait_until(written)
    return float(text)


def wait_until(holds, every=POLL, seconds=300):
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError("it did not come about in time")
        time.sleep(every)


def turned(peers, number):
    at = number % len(peers)
    return peers[at:] + peers[:at]


def kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def end_what_is_left(folder):
    """Processes that were started here and outlived their masters: those whose command line names our folder."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                ours = folder.encode() in file.read()
        except OSError:
            continue
        if ours and int(pid) != os.getpid():
            kill(int(pid))


def resident_kb(pid):
    with open(f"/proc/{pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))


def p95_of(values):
    return sorted(values)[max(0, int(len(values) * 0.95) - 1)]


class Table:
    """Rows of one column a contender, and decklog's share of each other one's."""

    def __init__(self, peers):
        self.names = [peer.name for peer in peers]
        self.others = self.names[1:]
        self.rows = []

    def times(self, what, rounds, p95=True):
        cells = {}
        for name, lists in rounds.items():
            values = [value for some in lists for value in some]
            if not values:
                continue
            cells[name] = f"{statistics.median(values):.1f}"
            if p95:
                cells[name] += f" / {p95_of(values):.1f}"
        ratios = {}
        ours = [statistics.median(some) for some in rounds.get("decklog", [])]
        for name in self.others:
            theirs = [statistics.median(some) for some in rounds.get(name, [])]
            if ours and theirs:
                # Only a peer that loses what it had is measured once: then the median of ours is compared.
                pairs = zip(ours, theirs) if len(ours) == len(theirs) else [(statistics.median(ours), theirs[0])]
                ratios[name] = statistics.median(one / other for one, other in pairs)
        self.rows.append((f"{what}, ms p50{' / p95' if p95 else ''}", cells, ratios))
        self.say()

    def amounts(self, what, amounts):
        ratios = {name: amounts["decklog"] / amounts[name] for name in self.others if name in amounts}
        self.rows.append((what, {name: f"{amount:.1f}" for name, amount in amounts.items()}, ratios))
        self.say()

    def row(self, what, cells):
        self.rows.append((what, cells, {}))
        self.say()

    def say(self):
        what, cells, _ = self.rows[-1]
        print(f"{what}: {cells}", file=sys.stderr, flush=True)

    def print(self):
        columns = ["", *self.names, "nothing", *(f"decklog / {name}" for name in self.others)]
        print("| " + " | ".join(columns) + " |")
        print("|---" * len(columns) + "|")
        for what, cells, ratios in self.rows:
            values = [cells.get(name, "") for name in [*self.names, "nothing"]]
            shares = [f"{ratios[name]:.2f}" if name in ratios else "" for name in self.others]
            print("| " + " | ".join([what, *values, *shares]) + " |")


if __name__ == "__main__":
    main()
