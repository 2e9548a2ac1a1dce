"""The protocol of a peer: JSON lines on standard input, answers on standard output.

{"open": ARGS} -> {"ready": NAME} or {"skip": REASON}; {"run": true} -> {"seconds": {FIGURE: SECONDS}};
{"peak": true} -> {"peakBytes": N}.
"""

import json
import resource
import sys
import time

AT_LEAST = 0.2  # as in src/timed.ts


def peak_bytes():
    """The system's high-water mark where it has one: getrusage counts what the process that started this one had."""
    try:
        with open("/proc/self/status", encoding="utf-8") as status:
            for line in status:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass  # Not Linux.
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def timed(fn):
    """Seconds of one call: the mean over as many calls as fill a fifth of a second."""
    start = time.perf_counter()
    calls = 0
    while True:
        fn()
        calls += 1
        seconds = time.perf_counter() - start
        if seconds >= AT_LEAST:
            return seconds / calls


def serve(open_):
    """open_(args) gives (name, run); run() gives seconds by figure. A missing module skips the peer."""

    def say(answer):
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()

    run = None
    for line in sys.stdin:
        asked = json.loads(line)
        if "open" in asked:
            try:
                name, run = open_(asked["open"])
                say({"ready": name})
            except ImportError as error:
                say({"skip": str(error)})
        elif "run" in asked:
            say({"seconds": run()})
        else:
            say({"peakBytes": peak_bytes()})
