"""提示语音 and 队列背景音: uploads of common formats, what is refused and why, hearing, replacing, deleting, tidying."""
import array
import io
import math
import os
import socket
import struct
import subprocess
import time
import wave
from urllib.parse import quote

import pytest

from .test_extensions import refused
from .test_pbx import other  # noqa: F401


def pcm(seconds=1.0, hz=1000, rate=8000, amp=0.5):
    return array.array("h", (int(32767 * amp * math.sin(2 * math.pi * hz * i / rate)) for i in range(int(seconds * rate)))).tobytes()


def wav(seconds=1.0, hz=1000, rate=8000, channels=1, amp=0.5):
    mono = array.array("h", pcm(seconds, hz, rate, amp))
    out = io.BytesIO()
    with wave.open(out, "wb") as w:
        w.setnchannels(channels)
        w.setsampwidth(2)
        w.setframerate(rate)
        w.writeframes(array.array("h", (s for s in mono for _ in range(channels))).tobytes())
    return out.getvalue()


def silence(seconds, rate=8000):
    data = bytes(2 * seconds * rate)
    return b"RIFF" + struct.pack("<I", 36 + len(data)) + b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, rate, 2 * rate, 2, 16) + b"data" + \
        struct.pack("<I", len(data)) + data


def alaw_wav(seconds=1):
    data = bytes([0xD5]) * int(8000 * seconds)
    return b"RIFF" + struct.pack("<I", 50 + len(data)) + b"WAVEfmt " + struct.pack("<IHHIIHHH", 18, 6, 1, 8000, 8000, 1, 8, 0) + \
        b"fact" + struct.pack("<II", 4, len(data)) + b"data" + struct.pack("<I", len(data)) + data


def level(data, hz):
    """share of full scale of this tone in an 8 kHz WAV"""
    with wave.open(io.BytesIO(data)) as w:
        assert (w.getnchannels(), w.getsampwidth(), w.getframerate()) == (1, 2, 8000)
        v = array.array("h", w.readframes(w.getnframes()))
    v = v[len(v) // 8:len(v) * 7 // 8]
    re = sum(s * math.cos(2 * math.pi * hz * i / 8000) for i, s in enumerate(v))
    im = sum(s * math.sin(2 * math.pi * hz * i / 8000) for i, s in enumerate(v))
    return 2 * math.hypot(re, im) / len(v) / 32768


def up(api, data, file="welcome.wav", resource="prompts", **query):
    status, body, _ = api.raw("POST", f"/api/v1/{resource}/upload" + ("?" + "&".join(f"{k}={quote(str(v))}" for k, v in query.items()) if query else ""), data,
                              {"Content-Type": "application/octet-stream", "X-File-Name": quote(file)})
    import json
    return status, json.loads(body)


def good(api, *a, **kw):
    status, body = up(api, *a, **kw)
    assert status == 201, body
    return body


def test_upload_converts_and_plays(web, admin):
    row = good(admin, wav(2, 1000, 44100, 2), "Welcome.wav", name="欢迎词")
    assert row["file"] == "Welcome.wav" and row["name"] == row["label"] == "欢迎词" and row["length"] == 2000 and row["rev"] == 1 and row["company_id"] == 1
    status, data, h = admin.raw("GET", f"/api/v1/prompts/{row['id']}/audio")
    assert status == 200 and h["Content-Type"] == "audio/wav" and h["Accept-Ranges"] == "bytes" and len(data) == 44 + 32000
    assert abs(level(data, 1000) - 0.5) < 0.01
    sha = web.db("SELECT sha FROM prompts WHERE id = ?", row["id"])[0][0]
    with open(f"{web.d.data}/sounds/{sha}.wav", "rb") as f:
        assert f.read() == data
    assert os.stat(f"{web.d.data}/sounds/{sha}.wav").st_mode & 0o777 == 0o600
    status, part, h = admin.raw("GET", f"/api/v1/prompts/{row['id']}/audio", headers={"Range": "bytes=44-143"})
    assert status == 206 and part == data[44:144] and h["Content-Range"] == f"bytes 44-143/{len(data)}"
    assert admin.raw("GET", f"/api/v1/prompts/{row['id']}/audio", headers={"Range": "bytes=-10"})[1] == data[-10:]
    status, _, h = admin.raw("GET", f"/api/v1/prompts/{row['id']}/audio", headers={"Range": "bytes=99999999-"})
    assert status == 416 and h["Content-Range"] == f"bytes */{len(data)}"
    status, _, h = admin.raw("GET", f"/api/v1/prompts/{row['id']}/audio?download=1")
    assert h["Content-Disposition"] == 'attachment; filename="Welcome.wav"'
    assert not os.listdir(f"{web.d.data}/tmp"), "nothing is left over"
    past = admin.get(f"/prompts/{row['id']}/history")["rows"]
    assert [p["action"] for p in past] == ["add"]


def tool(tmp_path, *fmt):
    """a file made by sndfile-convert, when it is there"""
    src, out = tmp_path / "a.wav", tmp_path / ("a." + fmt[0])
    src.write_bytes(wav(1, 1000, 44100))
    try:
        subprocess.run(["sndfile-convert", str(src), str(out)], check=True, capture_output=True)
    except FileNotFoundError:
        return None
    return out.read_bytes()


def test_formats(admin, tmp_path):
    files = {"a.wav": alaw_wav(), "b.wav": wav(1, 1000, 8000), "c.wav": wav(1, 1000, 48000, 2)}
    files["d.au"] = b".snd" + struct.pack(">IIIII", 24, 16000, 3, 8000, 1) + struct.pack(">8000h", *(int(16000 * math.sin(2 * math.pi * i / 8)) for i in range(8000)))
    for ext in ("flac", "ogg", "aiff", "mp3", "opus"):
        data = tool(tmp_path, ext)
        if data:
            files["x." + ext] = data
    for name, data in files.items():
        row = good(admin, data, name, resource="music")
        assert 990 <= row["length"] <= 1200, name
        assert row["file"] == name.split(".")[0] + ".wav"
        if name != "a.wav":
            assert abs(level(admin.raw("GET", f"/api/v1/music/{row['id']}/audio")[1], 1000) - 0.5) < 0.06, name
    ids = [r["id"] for r in admin.get("/music?size=100")["rows"]]
    assert admin.post("/music/delete", {"ids": ids}) == {"deleted": len(files)}


@pytest.mark.parametrize("data,name,code", [
    (b"<html>no sound</html>" * 10, "page.wav", "sound_unknown"), (b"\0\0\0\x20ftypM4A " + bytes(500), "voice.m4a", "sound_unknown"), (b"RIFF\x24\0\0\0WAVEfmt ", "cut.wav", None),
    (wav(0.05), "short.wav", "sound_short"), (silence(1801), "long.wav", "sound_long"), (wav(1, 1000, 8000, 9), "many.wav", "sound_channels"),
    (wav(1, 100, 2000), "slow.wav", "sound_rate"), (b"", "empty.wav", None)], ids=lambda v: v if isinstance(v, str) else "")
def test_refused_with_the_reason(web, admin, data, name, code):
    before = web.db("SELECT count(*) FROM prompts")
    status, body = up(admin, data, name)
    assert status in (400, 422)
    if code:
        assert status == 422 and body["error"]["code"] == code and body["error"]["fields"] == {"file": code} and body["error"]["message"] != code
        zh = admin.raw("POST", "/api/v1/prompts/upload", data, {"Content-Type": "audio/wav", "Accept-Language": "zh-CN"})[1].decode()
        assert any("一" <= c <= "鿿" for c in zh)
    assert web.db("SELECT count(*) FROM prompts") == before and not os.listdir(f"{web.d.data}/tmp")


def test_too_large_is_refused(web, admin):
    """told by its head, before it has come"""
    with socket.create_connection(("127.0.0.1", web.d.http), timeout=10) as c:
        c.sendall(f"POST /api/v1/prompts/upload HTTP/1.1\r\nHost: 127.0.0.1:{web.d.http}\r\nCookie: {admin.cookie}\r\nX-CSRF-Token: {admin.csrf}\r\n"
                  f"Content-Type: audio/wav\r\nContent-Length: {1 << 40}\r\n\r\n".encode() + bytes(1000))
        reply = c.recv(4096).decode()
    assert reply.startswith("HTTP/1.1 413 ") and not os.listdir(f"{web.d.data}/tmp")
    status, body = up(admin, bytes((50 << 20) + 1), "big.wav")
    assert (status, body["error"]["code"]) == (413, "too_large") and not os.listdir(f"{web.d.data}/tmp")


def test_crashing_converter_is_not_ours(web, admin):
    """a file that the decoder dies of ends a child, not the daemon: here the child is killed from outside"""
    import threading
    pids, stop = [], threading.Event()

    def hunt():
        while not stop.is_set():
            out = subprocess.run(["pgrep", "-P", str(web.d.proc.pid)], capture_output=True, text=True).stdout.split()
            for p in out:
                try:
                    with open(f"/proc/{p}/cmdline", "rb") as f:
                        if b"--convert-sound" in f.read():
                            os.kill(int(p), 11)
                            pids.append(p)
                            return
                except OSError:
                    pass
    t = threading.Thread(target=hunt)
    t.start()
    status, body = up(admin, silence(1500, 16000), "victim.wav")
    stop.set()
    t.join()
    assert pids, "the conversion was never seen"
    assert (status, body["error"]["code"]) == (422, "sound_broken")
    assert admin.get("/health")["ok"] and not os.listdir(f"{web.d.data}/tmp")


def test_names(admin):
    assert good(admin, wav(), "../../etc/pass wd!.MP3")["file"] == "pass_wd.wav"
    row = good(admin, wav(hz=500), "欢迎光临.mp3")
    assert row["file"].startswith("prompt_") and row["file"].isascii() and row["name"] == "欢迎光临"
    a, b, c = (good(admin, wav(hz=600), "same.wav") for _ in range(3))
    assert [a["file"], b["file"], c["file"]] == ["same.wav", "same-2.wav", "same-3.wav"]
    assert good(admin, wav(hz=600), "same.wav", resource="music")["file"] == "same.wav", "music has names of its own"
    assert good(admin, wav(hz=600), "x" * 200 + ".wav")["file"].endswith("x.wav")
    assert good(admin, wav(hz=600), "")["file"].startswith("prompt_")
    assert up(admin, wav(), "a.wav", name="x" * 61)[1]["error"]["fields"] == {"name": "length"}
    assert up(admin, wav(), "a.wav", company_id=4711)[1]["error"]["fields"] == {"company_id": "reference"}


def test_description_is_edited_the_file_is_not(admin):
    row = good(admin, wav(hz=700), "edit.wav")
    row = admin("PUT", f"/prompts/{row['id']}", {"name": "新名字", "file": "other.wav", "length": 1, "rev": 1})
    assert row["name"] == "新名字" and row["file"] == "edit.wav" and row["length"] == 1000 and row["rev"] == 2
    assert refused(lambda: admin.post("/prompts", {"name": "x"}), 422, "invalid")["error"]["fields"] == {"file": "required"}


def test_replace_keeps_who_uses_it(admin):
    row = good(admin, wav(hz=800), "old.wav", name="菜单")
    ivr = admin.post("/ivrs", {"name": "菜单", "number": "9720", "repeats": 1, "timeout": 5000, "app": "hangup", "prompt_id": row["id"], "invalid_id": row["id"]})
    assert ivr["prompt_id_label"] == "菜单" and ivr["audio"] == "old.wav"
    queue = admin.post("/queues", {"name": "q", "number": "9721", "strategy": "linear", "ring_time": 20000, "app": "prompt", "param": row["id"], "agent_prompt_id": row["id"]})
    assert queue["app_label"] == "菜单"
    assert level(admin.raw("GET", f"/api/v1/ivrs/{ivr['id']}/audio")[1], 800) > 0.49
    got = admin.get(f"/prompts/{row['id']}")
    assert "9720 菜单" in got["used_by"] and "9721 q" in got["used_by"]
    body = refused(lambda: admin("DELETE", f"/prompts/{row['id']}"), 409, "in_use")
    assert {(u["resource"], u["id"]) for u in body["used_by"]} == {("ivrs", ivr["id"]), ("queues", queue["id"])}
    status, new = up(admin, wav(2, hz=900), "new.wav", replace=row["id"])
    assert status == 200 and new["id"] == row["id"] and new["file"] == "new.wav" and new["name"] == "菜单" and new["length"] == 2000 and new["rev"] == 2
    assert level(admin.raw("GET", f"/api/v1/ivrs/{ivr['id']}/audio")[1], 900) > 0.49
    assert [h["action"] for h in admin.get(f"/prompts/{row['id']}/history")["rows"]] == ["replace", "add"]
    assert up(admin, wav(), "x.wav", replace=999999)[0] == 404
    assert up(admin, wav(), "x.wav", resource="music", replace=row["id"])[0] == 404, "a prompt is no music"
    admin("DELETE", f"/queues/{queue['id']}")
    admin("DELETE", f"/ivrs/{ivr['id']}")
    assert admin.raw("DELETE", f"/api/v1/prompts/{row['id']}")[0] == 204


def test_prompts_are_no_music(admin):
    p, m = good(admin, wav(hz=650), "p.wav"), good(admin, wav(hz=650), "m.wav", resource="music")
    body = {"name": "q2", "number": "9722", "strategy": "linear", "ring_time": 20000, "app": "hangup"}
    for field, wrong in [("music_id", p["id"]), ("join_prompt_id", m["id"])]:
        assert refused(lambda f=field, w=wrong: admin.post("/queues", {**body, f: w}), 422, "invalid")["error"]["fields"] == {field: "reference"}
    refused(lambda: admin.post("/queues", {**body, "app": "prompt", "param": m["id"]}), 422, "invalid")
    refs = {r["id"] for r in admin.get("/queues/refs/music_id?size=50")["rows"]}
    assert m["id"] in refs and p["id"] not in refs
    q = admin.post("/queues", {**body, "music_id": m["id"], "join_prompt_id": p["id"]})
    assert (q["music_id_label"], q["join_prompt_id_label"]) == ("m", "p")
    refused(lambda: admin("DELETE", f"/music/{m['id']}"), 409, "in_use")
    admin("DELETE", f"/queues/{q['id']}")


def test_other_companies_and_rights(web, admin, other):  # noqa: F811
    row = good(admin, wav(hz=750), "secret.wav")
    for path in (f"/prompts/{row['id']}", f"/prompts/{row['id']}/audio"):
        assert other.raw("GET", "/api/v1" + path)[0] == 404
    assert up(other, wav(), "x.wav", replace=row["id"])[0] == 404
    mine = good(other, wav(hz=750), "secret.wav", company_id=1)
    assert mine["company_id"] == 777, "the company is the session's"
    assert mine["file"] == "secret.wav"
    other("DELETE", f"/prompts/{mine['id']}")
    assert admin.raw("GET", f"/api/v1/prompts/{row['id']}/audio")[0] == 200, "the same sound, still there for others"
    web.role("agent1", "company", "prompts:list prompts:add")
    adder = web.login("agent1")
    assert up(adder, wav(hz=760), "y.wav")[0] == 201
    assert up(adder, wav(hz=760), "y.wav", replace=row["id"])[0] == 403
    web.role("agent1", "company", "prompts:list")
    assert up(adder, wav(hz=760), "y.wav")[0] == 403
    assert adder.raw("GET", f"/api/v1/prompts/{row['id']}/audio")[0] == 200
    web.role("agent1", "own", "prompts:list prompts:add")
    assert up(adder, wav(hz=760), "y.wav")[0] == 403 and adder.raw("GET", f"/api/v1/prompts/{row['id']}/audio")[0] == 404


def test_files_nobody_wants_go_after_a_day(web, admin):
    """the sweep runs with the first change after a start; old files of rows and of configuration versions stay"""
    def path(sha):
        return f"{web.d.data}/sounds/{sha}.wav"
    row = good(admin, wav(hz=1234), "kept.wav")
    kept = web.db("SELECT sha FROM prompts WHERE id = ?", row["id"])[0][0]
    loose, version, young = "a" * 64, "b" * 64, "c" * 64
    for sha in (loose, version, young):
        with open(path(sha), "wb") as f:
            f.write(wav())
    with open(f"{web.d.data}/sounds/notes.txt", "w") as f:
        f.write("mine")
    for sha in (kept, loose, version):
        os.utime(path(sha), (time.time() - 2 * 86400,) * 2)
    os.utime(f"{web.d.data}/sounds/notes.txt", (1, 1))
    web.db("INSERT INTO config_versions (company_id, at, kind, doc) VALUES (1, 1, 'draft', ?)", f'{{"prompts":["{version}"]}}')
    web.d.terminate()
    web.d.start()
    fresh = web.login("admin")
    good(fresh, wav(hz=1235), "last.wav")
    assert not os.path.exists(path(loose))
    assert all(os.path.exists(p) for p in (path(kept), path(version), path(young), f"{web.d.data}/sounds/notes.txt"))
