"""Does what the README says, one line for each command; the first failure ends it. BUILD=debug tries the debug build."""
import json
import os
import pty
import re
import select
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
# `make` must not see that another one is its parent.
ENVIRONMENT = {key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
# Free ports, so that a gateway that runs here is not disturbed.
PORTS = {"DAYLIGHT_LISTEN_PROXY": "127.0.0.1:0", "DAYLIGHT_LISTEN_ADMIN": "127.0.0.1:0"}
START_SECONDS = 60
STOP_SECONDS = 30


def main() -> None:
    tried = {"run": make_run, "demo": make_demo, "bench": make_bench}
    named = set(re.findall(r"`make (\w+)`", README)) - {"test"}
    expect(named == set(tried), f"the README names {sorted(named)}, this program tries {sorted(tried)}")
    for verb, attempt in tried.items():
        report(f"make {verb}", attempt)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "rules").symlink_to(ROOT / "rules")
        (folder / "target").mkdir()
        (folder / "target" / "release").symlink_to(ROOT / "target" / os.environ.get("BUILD", "release"))
        (folder / "daylight.yaml").write_text(only(r"^```yaml\n(?s:(.*?))```$"))
        commands = re.findall(r"`(daylight (?:check|run) --config daylight.yaml)`", README)
        expect(len(commands) == 2, f"the README has {commands}")
        for command in commands:
            report(command, lambda command=command: daylight(folder, command))


def report(command: str, attempt) -> None:
    started = time.monotonic()
    attempt()
    print(f"ok  {command}  ({time.monotonic() - started:.0f} s)", flush=True)


def expect(true: object, otherwise: str) -> None:
    if not true:
        sys.exit(f"FAILED: {otherwise}")


def only(pattern: str) -> str:
    found = re.findall(pattern, README, re.MULTILINE)
    expect(len(found) == 1, f"the README has {len(found)} of {pattern!r}")
    return found[0]


def make_run() -> None:
    """On a terminal: starts, does what it prints, ends with Ctrl-C."""
    with tempfile.TemporaryDirectory() as folder:
        own = ENVIRONMENT | PORTS | {"DAYLIGHT_DATA": f"{folder}/data", "DAYLIGHT_CA_DIR": f"{folder}/certs"}
        process, terminal = pty.fork()
        if process == 0:
            os.chdir(ROOT)
            os.execvpe("make", ["make", "run"], own)
        said = read(terminal, START_SECONDS, until=r"  try +(curl .*)\r\n")
        addresses = dict(re.findall(r"^  ([\w-]+)(?: file)? +(http://\S+)\r$", said, re.MULTILINE))
        expect(addresses.keys() >= {"proxy", "set-up", "PAC", "metrics"}, f"addresses are missing:\n{said}")
        answer = json.loads(shell(re.search(r"  try +(curl .*)\r\n", said)[1] + " -s"))
        expect(answer["ca_trusted"], f"the printed curl line said {answer}")
        expect("Set up this machine" in shell(f"curl -fs --noproxy '*' {addresses['set-up']}"), "the set-up page is not there")
        expect("FindProxyForURL" in shell(f"curl -fs --noproxy '*' {addresses['PAC']}"), "the PAC file is not there")
        os.write(terminal, b"\x03")
        said = read(terminal, STOP_SECONDS)
        code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        expect(code == 0 and "stopped" in said, f"Ctrl-C ended `make run` with {code}:\n{said}")


def read(terminal: int, seconds: float, until: str | None = None) -> str:
    """What a terminal shows until a pattern appears, or to its end."""
    said, end = "", time.monotonic() + seconds
    while until is None or not re.search(until, said):
        ready, _, _ = select.select([terminal], [], [], end - time.monotonic())
        expect(ready, f"nothing more came within {seconds} seconds:\n{said}")
        try:
            more = os.read(terminal, 65536)
        except OSError:  # how a terminal ends on Linux
            more = b""
        if not more:
            expect(until is None, f"`make run` ended early:\n{said}")
            return said
        said += more.decode(errors="replace")
    return said


def shell(command: str) -> str:
    return run(["bash", "-euc", command])


def run(command: list[str], **more) -> str:
    done = subprocess.run(command, cwd=more.pop("cwd", ROOT), env=ENVIRONMENT | more, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    expect(done.returncode == 0, f"{command} ended with {done.returncode}:\n{done.stdout}")
    return done.stdout


def make_demo() -> None:
    said = run(["make", "demo"])
    for part in ("blocked", "redirected", "passed"):
        expect(re.search(rf"^\d\. .*{part}", said, re.MULTILINE), f"no answer of what was {part}:\n{said}")
    expect("https://mcp.corp.example/mcp" in said, f"nobody was sent to the portal:\n{said}")
    for verdict in ("block", "redirect", "allow"):
        expect(re.search(rf"^20\S+ +{verdict} ", said, re.MULTILINE), f"no row with verdict {verdict}:\n{said}")


def make_bench() -> None:
    said = run(["make", "bench"], SECS="1")
    figures = re.findall(r"time: +\[", said)
    expect(len(figures) >= 4, f"{len(figures)} figures:\n{said}")


def daylight(folder: Path, command: str) -> None:
    """A command of the README, in a shell that the README's own line helps to find the program."""
    script = f"{only(r'^export PATH=.*$')}; exec {command}"
    if " run " not in command:
        run(["bash", "-euc", script], cwd=folder)
        return
    gateway = subprocess.Popen(["bash", "-euc", script], cwd=folder, env=ENVIRONMENT | PORTS, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    started = any("try " in line for line in gateway.stdout)
    gateway.terminate()
    _, log = gateway.communicate(timeout=STOP_SECONDS)
    expect(started and gateway.returncode == 0, f"`{command}` ended with {gateway.returncode}:\n{log}")


main()
