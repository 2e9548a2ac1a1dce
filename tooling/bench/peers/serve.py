"""The protocol of a peer: JSON lines on standard input, answers on standard output.

{"open": ARGS} -> {"ready": NAME} or {"skip": REASON}; {"run": true} -> {"seconds": {FIGURE: SECONDS}};
{"peak": true} -> {"peakBytes": N}.
"""

import json
import resource
import sys
import time

AT_LEAST = 0.2  # as in src/timed.ts


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
            unit = 1 if sys.platform == "darwin" else 1024
            say({"peakBytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit})
