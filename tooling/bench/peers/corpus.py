import glob
import os


def read(place):
    """The text that src/areas/tokenizers.ts encodes, and the other text that warms the code."""
    files = [place] if place.endswith(".txt") else sorted(glob.glob(os.path.join(place, "*.txt")))
    parts = []
    for file in files:
        with open(file, encoding="utf-8", newline="") as opened:
            parts.append(opened.read())
    text = "\n".join(parts)
    cut = text.rfind("\n", 0, int(len(text) * 0.9))
    return text[:cut], text[cut:]
