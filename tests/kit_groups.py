"""The kits that need nothing installed."""

from drummernet.kits.kit import GROUPS
from drummernet.kits.manifest import kit_names

PROCEDURAL_GROUPS = GROUPS[:3]


def procedural_kits() -> list[str]:
    """Return the names of all procedural kits."""
    return sorted(name for group in PROCEDURAL_GROUPS for name in kit_names(group))
