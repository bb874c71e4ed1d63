"""The colours and markers of all pictures."""

from __future__ import annotations

# Okabe and Ito's palette, told apart with every common colour blindness; https://jfly.uni-koeln.de/color/
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
