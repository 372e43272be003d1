"""A phone for the browser tests: one JSON command a line on standard input, one JSON answer a line on standard output."""
import json
import os
import sys
import traceback

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from lib.sipua import Ua  # noqa: E402


def main():
    user, password, host, port = sys.argv[1:5]
    ua = Ua(user, password, (host, int(port)))
    call = None
    for line in sys.stdin:
        cmd = json.loads(line)
        try:
            do, out = cmd["do"], {}
            if do == "register":
                ua.register(expires=cmd.get("expires", 300))
            elif do == "call":
                call = ua.invite(cmd["number"])
            elif do == "answered":
                call.wait_answer(timeout=cmd.get("timeout", 10))
            elif do == "incoming":
                call = ua.incoming(timeout=cmd.get("timeout", 10))
                call.ring()
                out = {"from": call.req.get("from")}
            elif do == "answer":
                call.answer()
            elif do == "reject":
                call.reject()
            elif do == "cancel":
                call.cancel()
            elif do == "hold":
                call.reinvite(direction="sendonly")
            elif do == "bye":
                call.bye()
            elif do == "ended":
                call.wait_end(timeout=cmd.get("timeout", 10))
            else:
                raise ValueError(do)
            print(json.dumps({"ok": True, **out}), flush=True)
        except Exception as e:  # the test shows it
            print(json.dumps({"ok": False, "error": f"{e}", "trace": traceback.format_exc()[-1500:]}), flush=True)
    ua.close()


main()
