"""The colours of the pages: far apart for colour-blind eyes, and legible in light and in dark."""

from __future__ import annotations

BLUE = "#3b82c4"
"""What is as it should be, and what is current."""

VERMILION = "#d9541e"
"""What is breached, and nothing else."""

OCHRE = "#b98a1d"
"""What is outside its bounds, and may be so by chance."""

GREY = "#8a8f98"
"""What is unknown, and what is compared with."""
