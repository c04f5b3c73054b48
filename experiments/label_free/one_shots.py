"""What drums of procedural kits lack: their one-shots measured beside those of recorded kits.

make kits   # the packages with the sampled kits
python experiments/label_free/one_shots.py
"""

from collections.abc import Sequence

import numpy as np
from pretrain import SAMPLED_KITS, VALIDATION_KITS

from drummernet.kits.bank import resolve_kits
from drummernet.kits.kit import Kit
from drummernet.kits.manifest import load_kit
from drummernet.kits.measures import decay_seconds, share_below
from drummernet.kits.variation import varied_kits

COMPONENTS = ("SD", "SST", "CHH", "PHH", "OHH", "RDC", "CRC")
LOW_HZ, DECIBELS = 1000.0, 20.0
VARIED, SEED = 100, 0


def main() -> None:
    """Print a table in Markdown."""
    procedural = resolve_kits(["synthesizer", "stems"])
    sources: dict[str, Sequence[Kit]] = {
        "procedural, packaged": [load_kit(name) for name in procedural],
        "varied": varied_kits(procedural, VARIED, SEED),
        "recorded, trained on": [load_kit(name) for name in resolve_kits(SAMPLED_KITS)],
        "recorded, held out": [load_kit(name) for name in resolve_kits(VALIDATION_KITS)],
    }
    print(f"| drum | {' | '.join(sources)} |\n|---|{'---|' * len(sources)}")
    for component in COMPONENTS:
        cells = [
            measured([kit for kit in kits if component in kit.sounds], component) for kits in sources.values()
        ]
        print(f"| {component} | {' | '.join(cells)} |")


def measured(kits: Sequence[Kit], component: str) -> str:
    """Return the middle half of the time to -20 dB and of the energy's share below 1 kHz."""
    if not kits:
        return "none"
    sounds = [kit.one_shots[component] for kit in kits]
    seconds = np.quantile([decay_seconds(sound, DECIBELS) for sound in sounds], (0.25, 0.75))
    shares = np.quantile([share_below(sound, LOW_HZ) for sound in sounds], (0.25, 0.75))
    times, parts = (
        " to ".join(f"{value:.0f}" for value in values) for values in (1000 * seconds, 100 * shares)
    )
    return f"{times} ms, {parts} %"


if __name__ == "__main__":
    main()
