#!/usr/bin/python3
"""Makes the sounds the product ships, as 16 bit 8000 Hz mono WAV: our own music on hold, and prompts spoken by espeak-ng.

usage: make.py OUTDIR      (called by the build)
"""
import array
import math
import os
import shutil
import subprocess
import sys
import wave

RATE = 8000
PROMPTS = {  # file -> what is said
    "zh/busy": "您拨叫的用户正忙，请稍后再拨。",
    "zh/no-answer": "您拨叫的用户暂时无人接听，请稍后再拨。",
    "zh/unreachable": "您拨叫的用户暂时无法接通，请稍后再拨。",
    "zh/invalid": "您的按键有误，请重新输入。",
    "zh/goodbye": "感谢您的来电，再见。",
    "zh/leave-message": "请在提示音后留言，留言完毕请挂机，或按井号键结束。",
    "zh/message-saved": "您的留言已保存，再见。",
    "zh/not-found": "您拨叫的号码是空号，请核对后再拨。",
}


def write(path, samples):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with wave.open(path + ".new", "wb") as w:
        w.setnchannels(1)
        w.setsampwidth(2)
        w.setframerate(RATE)
        w.writeframes(array.array("h", (max(-32000, min(32000, int(s))) for s in samples)).tobytes())
    os.replace(path + ".new", path)


def note(freq, seconds, volume=1.0):
    """a soft plucked tone: three partials under an exponential decay"""
    n = int(RATE * seconds)
    w = 2 * math.pi * freq / RATE
    return [volume * min(1.0, i / 80) * math.exp(-2.2 * i / RATE) *
            (math.sin(w * i) + 0.35 * math.sin(2 * w * i) + 0.12 * math.sin(3 * w * i)) for i in range(n)]


def music():
    """half a minute of slow arpeggios over I-vi-IV-V, which ends where it begins"""
    chords = [(261.63, 329.63, 392.00, 523.25), (220.00, 261.63, 329.63, 440.00),
              (174.61, 261.63, 349.23, 440.00), (196.00, 246.94, 293.66, 392.00)]
    step, bars = 0.45, 16
    out = [0.0] * int(RATE * step * 4 * bars)
    for bar in range(bars):
        chord = chords[bar % 4]
        for beat in range(4):
            f = chord[(0, 2, 1, 3)[beat] if bar % 2 == 0 else (0, 1, 3, 2)[beat]]
            at = int(RATE * step * (bar * 4 + beat))
            for i, s in enumerate(note(f, 1.6, 2600)):
                out[(at + i) % len(out)] += s
    return out


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    out = sys.argv[1]
    write(f"{out}/moh/default.wav", music())
    write(f"{out}/beep.wav", [6000 * math.sin(2 * math.pi * 1000 * i / RATE) for i in range(RATE * 3 // 10)])
    if not shutil.which("espeak-ng"):
        sys.exit("espeak-ng is missing: apt-get install espeak-ng")
    for name, text in PROMPTS.items():
        tmp = f"{out}/prompt.tmp.wav"
        subprocess.run(["espeak-ng", "-v", "cmn", "-s", "160", "-w", tmp, text], check=True)
        with wave.open(tmp) as w:
            rate, pcm = w.getframerate(), array.array("h", w.readframes(w.getnframes()))
        os.unlink(tmp)
        n = len(pcm) * RATE // rate
        ratio = rate / RATE
        half = int(ratio)  # a short box filter is enough for speech from 22050 to 8000 Hz
        write(f"{out}/{name}.wav", (sum(pcm[max(0, int(i * ratio) - half):int(i * ratio) + half + 1]) /
                                    len(pcm[max(0, int(i * ratio) - half):int(i * ratio) + half + 1]) for i in range(n)))


main()
